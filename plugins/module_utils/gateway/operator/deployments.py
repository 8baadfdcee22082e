# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two Deployments as ClusterLink's operator makes them, and in what one that is there is otherwise. Pure.

The operator writes them when its Instance changes and when it starts, and does not look at them otherwise (v0.4.1: it
watches Deployments, and looks for Instances of their names). So what was changed by hand stays, until it is told to
look again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...clusterlink import names
from ...clusterlink.ownership import is_ours
from ..spec import GatewaySpec
from .limits import OPERATOR_LOG_LEVELS

Object = Mapping[str, Any]

_READINESS = {"httpGet": {"port": names.READINESS_PORT}}


def operated_deployments(spec: GatewaySpec) -> list[dict[str, Any]]:
    """What the operator makes of a gateway's Instance (applyControlplane and applyDataplane of v0.4.1)."""
    level = ["--log-level", OPERATOR_LOG_LEVELS.get(spec.log_level, spec.log_level)]
    peer_labels = [word for key, value in spec.labels.items() for word in ("--peer-label", f"{key}={value}")]
    controlplane = {
        "name": names.CONTROLPLANE,
        "image": spec.controlplane.image,
        "imagePullPolicy": "IfNotPresent",
        "args": [*level, *peer_labels],
        "readinessProbe": _READINESS,
        "ports": [{"containerPort": names.CONTROLPLANE_PORT}],
        "volumeMounts": [
            *_files(names.CONTROLPLANE_CERTIFICATE_FILE, names.CONTROLPLANE_KEY_FILE),
            {"name": "peer-tls", "mountPath": names.PEER_FOLDER, "readOnly": True},
        ],
        "env": [{"name": names.NAMESPACE_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
    }
    dataplane = {
        "name": "dataplane",
        "image": spec.dataplane.image,
        "imagePullPolicy": "IfNotPresent",
        "args": [*level, "--controlplane-host", names.CONTROLPLANE],
        "readinessProbe": _READINESS,
        "ports": [{"containerPort": names.DATAPLANE_PORT}],
        "volumeMounts": _files(names.DATAPLANE_CERTIFICATE_FILE, names.DATAPLANE_KEY_FILE),
    }
    secrets = {"ca": names.CA_SECRET, "tls": names.CONTROLPLANE, "peer-tls": names.PEER_SECRET}
    account = {"serviceAccountName": names.CONTROLPLANE}
    return [
        _deployment(names.CONTROLPLANE, spec, 1, {**account, **_pod(secrets, controlplane)}),
        _deployment(
            names.DATAPLANE,
            spec,
            spec.dataplane.replicas,
            _pod({"ca": names.CA_SECRET, "tls": names.DATAPLANE}, dataplane),
        ),
    ]


def deviation(wanted: Object, there: Object) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a Deployment that the operator would write otherwise, as they are and as it writes them.

    What others added is left out, as it is for all objects. A Deployment of ours counts as otherwise until the operator
    has written it, which takes its labels off.
    """
    before, after = _differing(wanted["spec"], there["spec"])
    left: dict[str, Any] = {"spec": before} if after else {}
    if is_ours(there):
        left["metadata"] = {"labels": dict(there["metadata"]["labels"])}
    return left, {"spec": after} if after else {}


def _deployment(name: str, spec: GatewaySpec, replicas: int, pod: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": spec.namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _pod(secrets: Mapping[str, str], container: dict[str, Any]) -> dict[str, Any]:
    volumes = [{"name": name, "secret": {"secretName": secret}} for name, secret in secrets.items()]
    return {"volumes": volumes, "containers": [container]}


def _files(certificate: str, key: str) -> list[dict[str, Any]]:
    return [
        {"name": "ca", "mountPath": names.CA_FILE, "subPath": names.CA, "readOnly": True},
        {"name": "tls", "mountPath": certificate, "subPath": names.CERTIFICATE, "readOnly": True},
        {"name": "tls", "mountPath": key, "subPath": names.KEY, "readOnly": True},
    ]


def _differing(wanted: Object, there: Object) -> tuple[dict[str, Any], dict[str, Any]]:
    left: dict[str, Any] = {}
    right: dict[str, Any] = {}
    for key, value in wanted.items():
        found = there.get(key)
        if isinstance(value, Mapping) and isinstance(found, Mapping):
            before, after = _differing(value, found)
            if after:
                left[key], right[key] = before, after
        elif not _same(value, found):
            right[key] = value
            if found is not None:
                left[key] = found
    return left, right


def _same(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return not _differing(wanted, there)[1]
    if isinstance(wanted, Sequence) and not isinstance(wanted, str) and isinstance(there, Sequence):
        # The server keeps the order. Things that a webhook adds, such as a side-car, come after; words do not.
        things = all(isinstance(item, Mapping) for item in wanted)
        enough = len(there) >= len(wanted) if things else len(there) == len(wanted)
        return enough and all(_same(one, other) for one, other in zip(wanted, there, strict=False))
    return bool(wanted == there)
