# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of module gateway, besides those of the connection: declared, read and checked as a whole."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..clusterlink.api import SYSTEM_NAMESPACE
from ..clusterlink.gateway_kinds import DIRECT, INSTALLS, OPERATOR
from ..clusterlink.versions import DATAPLANES, DEFAULT_REGISTRY, DEFAULT_VERSION, Release, release
from ..common.fields import Item, Report
from ..errors import ClusterlinkError, Problem
from ..kube.pod_settings import POD_SPEC, SPREAD_SPEC, read_pod_settings
from ..pki.pair import Pair
from ..pki.peer_material import PeerMaterial, peer_material
from ..pki.renewal import DEFAULT_PERCENT
from ..pki_files.disk import read_file
from .autoscaling import read_autoscaling
from .ingress import INGRESS_SPEC, read_ingress
from .operator.instance import operator_problems
from .spec import (
    CONTROLPLANE_DRAIN_SECONDS,
    DATAPLANE_DRAIN_SECONDS,
    DEFAULT_RESOURCES,
    DRAIN_SECONDS,
    LOG_LEVELS,
    Component,
    GatewaySpec,
)

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
    **POD_SPEC,
    **SPREAD_SPEC,
    "dataplane": {"type": "str", "choices": list(DATAPLANES), "default": DATAPLANES[0]},
    "controlplane_replicas": {"type": "int", "default": 1},
    "dataplane_replicas": {"type": "int", "default": 1},
    "dataplane_autoscaling": _DICT,
    "controlplane_drain_seconds": {"type": "int"},
    "dataplane_drain_seconds": {"type": "int"},
    "controlplane_resources": _DICT,
    "dataplane_resources": _DICT,
    "log_level": {"type": "str", "choices": list(LOG_LEVELS), "default": "info"},
    "labels": _DICT,
    "network_policy": {"type": "bool", "default": False},
    **INGRESS_SPEC,
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

_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_LIMITS = ("requests", "limits")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*", re.I)

# The parts of an image's name as registries take them (distribution's reference grammar).
_REGISTRY = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# Quantities as k8s.io/apimachinery/pkg/api/resource reads them.
_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_SUFFIX = r"(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?"
_QUANTITY = re.compile(_NUMBER + _SUFFIX)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_MAXIMUM = Decimal(2**63 - 1)

_TO_COME = "made by an earlier task"


def gateway_spec(options: Mapping[str, Any]) -> GatewaySpec:
    """Read and check a gateway's options.

    Args:
        options: As module C(gateway) names them; a missing or null one takes its default.

    Raises:
        ClusterlinkError: With every problem there is.
    """
    report = Report()
    item = Item(options, "", report)
    known = _release(item)
    kind = item.choice("dataplane", DATAPLANES, DATAPLANES[0])
    public_host, public_port = _public(item)
    ingress = read_ingress(item, public_host, ipv4_only=kind in known.ipv4_only)
    install = item.choice("install", INSTALLS, DIRECT)
    # The operator's pods request no resources, and end at once.
    resources = DEFAULT_RESOURCES if install == DIRECT else {}
    drain = (CONTROLPLANE_DRAIN_SECONDS, DATAPLANE_DRAIN_SECONDS) if install == DIRECT else (0, 0)
    spec = GatewaySpec(
        fabric=item.name("fabric", "fabric"),
        peer=item.name("peer", required=True),
        namespace=item.name("namespace", SYSTEM_NAMESPACE),
        labels=item.labels("labels"),
        version=known.version,
        controlplane=Component(
            image=_image(item, "controlplane", known.controlplane_image, known),
            replicas=_replicas(item, "controlplane_replicas"),
            resources=_resources(item, "controlplane_resources", resources),
            drain_seconds=_drain_seconds(item, "controlplane_drain_seconds", drain[0]),
        ),
        dataplane=_dataplane(
            item,
            Component(
                image=_image(item, "dataplane", known.dataplane_images[kind], known),
                replicas=_replicas(item, "dataplane_replicas"),
                resources=_resources(item, "dataplane_resources", resources),
                drain_seconds=_drain_seconds(item, "dataplane_drain_seconds", drain[1]),
            ),
        ),
        dataplane_kind=kind,
        log_level=item.choice("log_level", LOG_LEVELS, "info"),
        pods=read_pod_settings(item),
        ingress=ingress,
        public_host=public_host,
        public_port=public_port,
        install=install,
        network_policy=bool(item.get("network_policy")),
    )
    item.item("images").finish(("controlplane", "dataplane"))
    if install == OPERATOR:
        report.problems += operator_problems(spec)
    report.raise_any()
    return spec


def _dataplane(item: Item, component: Component) -> Component:
    """The data plane; an autoscaler takes the place of its number of pods, and begins with the least."""
    scaling = read_autoscaling(item, component.resources)
    return replace(component, autoscaling=scaling, replicas=scaling.least) if scaling else component


def _release(item: Item) -> Release:
    version = item.text("version", DEFAULT_VERSION)
    try:
        return release(version)
    except ClusterlinkError as error:
        item.report.problems += error.problems
        return release(DEFAULT_VERSION)


def _image(item: Item, component: str, name: str, known: Release) -> str:
    """The component's image: from option images, or composed of registry, name and tag."""
    given = item.item("images").text(component)
    if given:
        base, at, digest = given.partition("@")
        path, colon, tag = base.rpartition(":")
        if not colon or "/" in tag:
            path, tag = base, ""
        right = _REGISTRY.fullmatch(path) and (not tag or _TAG.fullmatch(tag)) and (not at or _DIGEST.fullmatch(digest))
        if not right or not (tag or digest):
            what = "must be an image with a tag or a digest"
            item.problem(f"images.{component}", what, given, "Write registry/name:tag or registry/name@sha256:...")
        return given
    registry = item.text("image_registry", DEFAULT_REGISTRY)
    if not _REGISTRY.fullmatch(registry):
        fix = "Write it without a scheme and without a slash at the end, as registry.example.com/mirror"
        item.problem("image_registry", "is not the name of a registry", registry, fix)
    tag = item.text("image_tag", known.version)
    if not _TAG.fullmatch(tag):
        fix = "To pin by digest, name both images in option images" if "sha256:" in tag else ""
        item.problem("image_tag", "is not an image's tag", tag, fix)
    return f"{registry}/{name}:{tag}"


def _replicas(item: Item, key: str) -> int:
    value = item.get(key)
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        item.problem(key, "must be a number of pods, at least 1", value)
        return 1
    return value


def _drain_seconds(item: Item, key: str, default: int) -> int:
    value = item.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or (value and value not in DRAIN_SECONDS):
        what = f"must be a number of seconds from {DRAIN_SECONDS[0]} to {DRAIN_SECONDS[-1]}, or 0"
        item.problem(key, what, value)
        return default
    return value


def _resources(options: Item, key: str, default: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    if options.get(key) is None:
        return default
    item = options.item(key)
    resources = {group: _amounts(item.item(group)) for group in _LIMITS}
    item.finish(_LIMITS)
    for name, request in resources["requests"].items():
        limit = resources["limits"].get(name)
        if limit is not None and amount(request) > amount(limit):
            item.problem(f"requests.{name}", f"is more than its limit {limit}", request)
    return {group: amounts for group, amounts in resources.items() if amounts}


def _amounts(item: Item) -> dict[str, str]:
    amounts = {}
    for name in _RESOURCES:
        value = item.get(name)
        if value is None:
            continue
        text = "" if isinstance(value, bool) else str(value)
        try:
            amount(text)
        except ValueError:
            item.problem(name, "is not an amount", value, "Write it as 500m, 0.5, 256Mi or 1Gi")
        else:
            amounts[name] = text
    item.finish(_RESOURCES)
    return amounts


def _public(item: Item) -> tuple[str, int | None]:
    host = item.text("gateway_host")
    port = item.port("gateway_port")
    if host and not _is_address(host):
        item.problem("gateway_host", "is neither a DNS name nor an IP address", host, "Give the port as gateway_port")
    if port and not host:
        item.problem("gateway_host", "is required where gateway_port is given")
    return host, port or None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # A name of only digits and dots is a mistyped IP address.
        return bool(_HOST.fullmatch(host)) and not re.fullmatch(r"[0-9.]+", host)
    return True


def amount(text: str) -> Decimal:
    """The amount of a quantity in its base unit (cores, bytes).

    Raises:
        ValueError: It is not a quantity, or more than an API server can store.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity")
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    if suffix in _BINARY:
        number *= 1024 ** _BINARY[suffix]
    else:
        number = number.scaleb(_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:]))
    if number > _MAXIMUM:
        raise ValueError(f"{text!r} is not a quantity")
    return number


def given_certificate(
    params: Mapping[str, Any], peer: str, now: datetime, *, missing_is_fine: bool = False
) -> PeerMaterial:
    """The peer certificate, its key and the CAs from a module's options, checked.

    Args:
        params: With C(certificate), C(privatekey) and C(ca), each as C(_path) or as C(_content).
        peer: The peer's name.
        now: Aware.
        missing_is_fine: For check mode, in which an earlier task has not created the files; returns stand-ins then.

    Raises:
        ClusterlinkError: With everything that is missing or wrong.
    """
    certificate, certificate_at = _given(params, "certificate")
    key, key_at = _given(params, "privatekey")
    ca, ca_at = _given(params, "ca")
    if missing_is_fine and None in (certificate, key, ca):
        return PeerMaterial(certificate_pem=_TO_COME, key_pem=_TO_COME, ca_pem=_TO_COME)
    if ca is None:
        raise ClusterlinkError(Problem(ca_at, "is missing", fix="Make the fabric's CA by fabric_ca"))
    return peer_material(Pair(certificate, key, certificate_at, key_at), ca, ca_at, peer, now)


def _given(params: Mapping[str, Any], name: str) -> tuple[bytes | None, str]:
    """The content of an option or of its file, None for a missing file; and where it comes from."""
    path, content = params[f"{name}_path"], params[f"{name}_content"]
    if path is not None:
        return read_file(path), str(path)
    return (content or "").encode(), f"{name}_content"
