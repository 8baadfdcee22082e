# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of module gateway, besides those of the connection."""

from __future__ import annotations

from typing import Any

from ..clusterlink.api import SYSTEM_NAMESPACE
from ..clusterlink.versions import DATAPLANES, DEFAULT_REGISTRY, DEFAULT_VERSION
from ..pki.renewal import DEFAULT_PERCENT
from .spec import INGRESS_TYPES, INSTALLS, LOG_LEVELS

_TEXT = {"type": "str"}
_PATH = {"type": "path"}
_DICT = {"type": "dict"}
_CERTIFICATE_PLACES = tuple((f"{name}_path", f"{name}_content") for name in ("certificate", "privatekey", "ca"))

MATERIAL_SPEC: dict[str, Any] = {
    "certificate_path": _PATH,
    "certificate_content": _TEXT,
    "privatekey_path": _PATH,
    "privatekey_content": {"type": "str", "no_log": True},
    "ca_path": _PATH,
    "ca_content": _TEXT,
}
"""The peer's certificate, its key, and the CAs that the gateway trusts."""

MATERIAL_CONSTRAINTS: dict[str, Any] = {
    "mutually_exclusive": list(_CERTIFICATE_PLACES),
    "required_one_of": list(_CERTIFICATE_PLACES),
}

GATEWAY_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "peer": _TEXT,
    "fabric": {"type": "str", "default": "fabric"},
    "namespace": {"type": "str", "default": SYSTEM_NAMESPACE},
    **MATERIAL_SPEC,
    "install": {"type": "str", "choices": list(INSTALLS), "default": INSTALLS[0]},
    "renew_percent": {"type": "int", "default": DEFAULT_PERCENT},
    "version": {"type": "str", "default": DEFAULT_VERSION},
    "image_registry": {"type": "str", "default": DEFAULT_REGISTRY},
    "image_tag": _TEXT,
    "images": {"type": "dict", "options": {"controlplane": _TEXT, "dataplane": _TEXT}},
    # Names of Secrets, not what is in them.
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "dataplane": {"type": "str", "choices": list(DATAPLANES), "default": DATAPLANES[0]},
    "controlplane_replicas": {"type": "int", "default": 1},
    "dataplane_replicas": {"type": "int", "default": 1},
    "controlplane_drain_seconds": {"type": "int"},
    "dataplane_drain_seconds": {"type": "int"},
    "controlplane_resources": _DICT,
    "dataplane_resources": _DICT,
    "log_level": {"type": "str", "choices": list(LOG_LEVELS), "default": "info"},
    "labels": _DICT,
    "ingress_type": {"type": "str", "choices": list(INGRESS_TYPES), "default": INGRESS_TYPES[0]},
    "ingress_port": {"type": "int"},
    "ingress_annotations": _DICT,
    "gateway_host": _TEXT,
    "gateway_port": {"type": "int"},
    "force_conflicts": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "remove_crds": {"type": "bool", "default": True},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}

GATEWAY_CONSTRAINTS: dict[str, Any] = {
    "mutually_exclusive": list(_CERTIFICATE_PLACES),
    "required_if": [
        ("state", "present", ("peer",)),
        *(
            ("state", "present", (f"{name}_path", f"{name}_content"), True)
            for name in ("certificate", "privatekey", "ca")
        ),
    ],
}
