# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two Deployments as ClusterLink's operator makes them, and how those in the cluster differ. Pure.

The operator writes them when its Instance changes and when it starts, and at no other time (v0.4.1: it watches
Deployments, and looks for Instances of their names). So manual changes stay until a reconcile is triggered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...clusterlink import names
from ...clusterlink.ownership import is_ours, not_ours
from ...common.kinds import Ref
from ...common.naming import FIELD_MANAGER
from ...common.types import Object
from ...errors import Problem
from ...kube.apply import ApplyResult
from ...kube.compare import Difference, Writer, creation
from ...kube.dry_run import CHANGED, MISSING, Drift
from ..manifests import ENFORCE_LABEL, RESTRICTED
from ..spec import GatewaySpec
from . import identity as operator
from .instance import OPERATOR_LOG_LEVELS

Fields = Mapping[str, Any]

INSTANCE = Ref("Instance", operator.INSTANCE, operator.NAMESPACE)

_READINESS = {"httpGet": {"port": names.READINESS_PORT}}


def operated_deployments(spec: GatewaySpec) -> list[dict[str, Any]]:
    """The Deployments that the operator makes for a gateway's Instance (v0.4.1, applyControlplane, applyDataplane)."""
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


def deviation(wanted: Fields, there: Fields) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a Deployment that the operator would change, as they are and as it writes them.

    Fields that others added do not count, as for all objects. A Deployment of ours differs until the operator has
    written it, which removes its labels.
    """
    before, after = _differing(wanted["spec"], there["spec"])
    left: dict[str, Any] = {"spec": before} if after else {}
    if is_ours(there):
        left["metadata"] = {"labels": dict(there["metadata"]["labels"])}
    return left, {"spec": after} if after else {}


@dataclass(frozen=True)
class Operation:
    """The operator's part of a gateway.

    Attributes:
        wanted: The Deployments as the operator will make them.
        there: The Deployments in the cluster.
        instances: All Instances of the cluster.
    """

    wanted: Mapping[Ref, Object]
    there: Mapping[Ref, Object]
    instances: Sequence[Object]

    @property
    def instance(self) -> Object | None:
        """The gateway's Instance; None when it does not exist."""
        return next((each for each in self.instances if Ref.of(each) == INSTANCE), None)

    def problems(self, spec: GatewaySpec, namespace: Object | None, *, take_over: bool) -> list[Problem]:
        """Why the operator cannot make the gateway beside what the cluster holds.

        Args:
            spec: The desired gateway.
            namespace: The gateway's namespace; None when it does not exist.
            take_over: Whether the operator may write to Deployments that somebody else made.
        """
        problems = _obstacles(spec, namespace, self.instances)
        if not take_over and not any(operator.stands_for(each, spec.namespace) for each in self.instances):
            problems += [problem for obj in self.there.values() if (problem := not_ours(obj))]
        return problems

    def steps(self, steps: Sequence[Sequence[Object]]) -> list[Sequence[Object]]:
        """The steps in which to write our own objects. Between two steps, all pods are replaced.

        The Instance says which component certificates the pods have, so it is written after their replacement.

        Args:
            steps: The desired objects of each step, the Instance among them.
        """
        final = steps[-1]
        if not self._has_other_certificates(final):
            return [final]
        first = [_without_instance(step) for step in steps[:-1]] or [_without_instance(final)]
        return [*first, final]

    def _has_other_certificates(self, wanted: Sequence[Object]) -> bool:
        """Whether pods run with other component certificates than the desired ones."""
        if self.instance is None:
            return False
        known = (self.instance["metadata"].get("annotations") or {}).get(names.COMPONENT_CERTIFICATES)
        [mark] = [obj["metadata"]["annotations"] for obj in wanted if obj["kind"] == "Instance"]
        return known not in (None, mark[names.COMPONENT_CERTIFICATES])

    def predict(self) -> ApplyResult:
        """What the operator will change, in the form of our own changes."""
        result = ApplyResult()
        for ref, wanted in self.wanted.items():
            there = self.there.get(ref)
            difference = creation(wanted) if there is None else Difference(*deviation(wanted, there))
            if there is not None and not difference.changed:
                result.unchanged.append(ref)
                result.objects[ref] = there
                continue
            (result.created if there is None else result.updated).append(ref)
            change = {"before": difference.before, "after": difference.after}
            result.diff.append({**change, "before_header": str(ref), "after_header": str(ref)})
            kind = MISSING if there is None else CHANGED
            result.drift.append(Drift(ref, kind, difference, () if there is None else _writers(there)))
        return result


def _without_instance(objects: Sequence[Object]) -> list[Object]:
    return [obj for obj in objects if Ref.of(obj) != INSTANCE]


def _deployment(name: str, spec: GatewaySpec, replicas: int, pod: dict[str, Any]) -> dict[str, Any]:
    labels = names.pod_labels(name)
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


def _differing(wanted: Fields, there: Fields) -> tuple[dict[str, Any], dict[str, Any]]:
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
        # The server keeps the order. A webhook may append items, such as a sidecar, but no arguments.
        are_items = all(isinstance(item, Mapping) for item in wanted)
        enough = len(there) >= len(wanted) if are_items else len(there) == len(wanted)
        return enough and all(_same(one, other) for one, other in zip(wanted, there, strict=False))
    return bool(wanted == there)


def _obstacles(spec: GatewaySpec, namespace: Object | None, instances: Sequence[Object]) -> list[Problem]:
    problems = []
    labels = (namespace or {}).get("metadata", {}).get("labels") or {}
    if namespace is not None and not is_ours(namespace) and labels.get(ENFORCE_LABEL) == RESTRICTED:
        what = "it enforces the restricted Pod Security Standard, which the operator's pods do not meet"
        fix = "Set install (clusterlink_install) to direct, or let it enforce the baseline standard"
        problems.append(Problem(f"Namespace {spec.namespace}", what, fix=fix))
    for each in instances:
        ref, place = Ref.of(each), operator.gateway_namespace(each)
        if ref == INSTANCE and place != spec.namespace:
            what = "it is for a gateway in another namespace"
            problems.append(Problem(str(ref), what, place, "Remove that gateway first, or use its namespace"))
        elif ref != INSTANCE and place == spec.namespace:
            what = "it is for the same gateway, and the operator reads only one Instance for a namespace"
            problems.append(Problem(str(ref), what, fix="Remove it, or set install (clusterlink_install) to direct"))
    return problems


def _writers(deployment: Object) -> tuple[Writer, ...]:
    """Who wrote to a Deployment's spec, besides the operator and us; the latest first."""
    found = {
        Writer(entry.get("manager", ""), entry.get("operation", ""), entry.get("time", ""))
        for entry in deployment["metadata"].get("managedFields") or []
        if entry.get("manager") not in (operator.MANAGER, FIELD_MANAGER)
        and entry.get("subresource") != "status"
        and "f:spec" in (entry.get("fieldsV1") or {})
    }
    return tuple(sorted(found, key=lambda writer: (writer.time, writer), reverse=True))
