# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's two Deployments and their PodDisruptionBudgets.

Their pods meet the restricted Pod Security Standard. A rolling restart loses no request: a pod ends only after a new
one is ready, and keeps serving until nothing is sent to it any more (measured: 0 of 755 requests lost, and 7 of 513
without this).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..clusterlink import names
from ..clusterlink.versions import ENVOY
from ..kube.pod_user import PLATFORM
from .spec import DRAIN_SECONDS, Component, GatewaySpec

CONTAINERS = (names.CONTROLPLANE, "dataplane")
"""The containers of the two components."""

_SECRET_MODES = {PLATFORM: 0o444}
_SECRET_MODE = 0o440
"""Readable for root and the pod's group, which own the files of Secrets; for all where the platform chooses the ids."""
_ENVOY_ADMIN_PORT = 1500
"""Envoy's admin port on its loopback interface (v0.4.1, cmd/cl-dataplane/app/envoy.go)."""
ENVOY_DRAIN = (
    f"exec 3<>/dev/tcp/127.0.0.1/{_ENVOY_ADMIN_PORT} && "
    r"printf 'POST /healthcheck/fail HTTP/1.1\r\nHost: envoy\r\nContent-Length: 0\r\n\r\n' >&3"
)
"""The command that starts Envoy's drain before the pod ends. ClusterLink's image has bash from Envoy's.

From then on every response closes its connection. Other control planes keep a connection for their decisions. It stays
with this pod after the pod has left its Service. A decision that is pending when the pod ends is lost, and a request
with it (measured: about one for every five data planes that end).
"""

GRACE_SECONDS = 15
"""How long a pod may take to end after it has drained."""
SPREAD_OVER_NODES: Mapping[str, Any] = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "ScheduleAnyway",
}
"""The default topology spread constraint of several replicas."""
SPREAD_KEYS = ("pod-template-hash",)
"""The C(matchLabelKeys) of a constraint without a selector: pods of an older ReplicaSet do not count."""
_SETTLE_SECONDS = 2
_PROBE_SECONDS = 2
_CONFIGURE_SECONDS = 3
"""The initial delay of a data plane's readiness probe.

After a second Envoy reports ready even without listeners, when its control plane was slow (v0.4.1,
cmd/cl-dataplane/app/envoyconf.go: initial_fetch_timeout), and then refuses connections.
"""

_READINESS = {
    "httpGet": {"path": "/", "port": names.READINESS_PORT},
    "periodSeconds": _PROBE_SECONDS,
    "timeoutSeconds": _PROBE_SECONDS,
}

# Envoy's --log-level has another name for it; the go components have this one.
_ENVOY_LOG_LEVELS = {"fatal": "critical"}


def deployments(
    spec: GatewaySpec, labels: Mapping[str, str], controlplane_digest: str, dataplane_digest: str
) -> list[dict[str, Any]]:
    """The control plane's and the data plane's Deployment.

    Args:
        spec: The desired gateway.
        labels: The Deployments' labels. Pods do not carry them, since a changed label would restart them.
        controlplane_digest: Changes with the control plane's component certificates.
        dataplane_digest: Changes with the data plane's.
    """
    return [
        _deployment(
            names.CONTROLPLANE,
            spec,
            spec.controlplane,
            labels=labels,
            annotations={names.COMPONENT_CERTIFICATES: controlplane_digest},
            container=_controlplane_container(spec),
            pod={
                "serviceAccountName": names.CONTROLPLANE,
                "automountServiceAccountToken": True,
                "volumes": [
                    _secret_volume(spec, "ca", names.CA_SECRET),
                    _secret_volume(spec, "tls", names.CONTROLPLANE),
                    _secret_volume(spec, "peer-tls", names.PEER_SECRET),
                ],
            },
        ),
        _deployment(
            names.DATAPLANE,
            spec,
            spec.dataplane,
            labels=labels,
            annotations={
                names.COMPONENT_CERTIFICATES: dataplane_digest,
                names.PEER_LABELS_ANNOTATION: ",".join(f"{key}={value}" for key, value in sorted(spec.labels.items())),
            },
            container=_dataplane_container(spec),
            pod={
                "automountServiceAccountToken": False,
                "volumes": [_secret_volume(spec, "ca", names.CA_SECRET), _secret_volume(spec, "tls", names.DATAPLANE)],
            },
        ),
    ]


def disruption_budgets(spec: GatewaySpec, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """A PodDisruptionBudget for each Deployment of two pods or more.

    A single pod gets none: its budget would keep the node from being drained.

    Args:
        spec: The desired gateway.
        labels: The budgets' labels.
    """
    components = {names.CONTROLPLANE: spec.controlplane, names.DATAPLANE: spec.dataplane}
    return [_budget(name, spec.namespace, labels) for name, component in components.items() if component.most > 1]


def _controlplane_container(spec: GatewaySpec) -> dict[str, Any]:
    peer_labels = [word for key, value in sorted(spec.labels.items()) for word in ("--peer-label", f"{key}={value}")]
    own_namespace = {"fieldPath": "metadata.namespace"}
    return {
        "name": CONTAINERS[0],
        "args": ["--log-level", spec.log_level, *peer_labels],
        **_drain(spec.controlplane),
        # The server defaults apiVersion; with it, a comparison needs no dry run.
        "env": [{"name": names.NAMESPACE_VARIABLE, "valueFrom": {"fieldRef": {"apiVersion": "v1", **own_namespace}}}],
        "ports": [{"name": "controlplane", "containerPort": names.CONTROLPLANE_PORT, "protocol": "TCP"}],
        "volumeMounts": [
            _file("ca", names.CA, names.CA_FILE),
            _file("tls", names.CERTIFICATE, names.CONTROLPLANE_CERTIFICATE_FILE),
            _file("tls", names.KEY, names.CONTROLPLANE_KEY_FILE),
            {"name": "peer-tls", "mountPath": names.PEER_FOLDER, "readOnly": True},
        ],
    }


def _dataplane_container(spec: GatewaySpec) -> dict[str, Any]:
    level = spec.log_level
    if spec.dataplane_kind == ENVOY:
        level = _ENVOY_LOG_LEVELS.get(level, level)
    return {
        "name": CONTAINERS[1],
        "args": ["--log-level", level, "--controlplane-host", names.CONTROLPLANE],
        **_drain(spec.dataplane, envoy=spec.dataplane_kind == ENVOY),
        "readinessProbe": {**_READINESS, "initialDelaySeconds": _CONFIGURE_SECONDS},
        "ports": [{"name": "dataplane", "containerPort": names.DATAPLANE_PORT, "protocol": "TCP"}],
        "volumeMounts": [
            _file("ca", names.CA, names.CA_FILE),
            _file("tls", names.CERTIFICATE, names.DATAPLANE_CERTIFICATE_FILE),
            _file("tls", names.KEY, names.DATAPLANE_KEY_FILE),
        ],
    }


def _drain(component: Component, *, envoy: bool = False) -> dict[str, Any]:
    """A container's C(lifecycle); none for a pod that ends at once."""
    if not component.drain_seconds:
        return {}
    if not envoy:
        return {"lifecycle": {"preStop": {"sleep": {"seconds": component.drain_seconds}}}}
    # The drain starts after the pod has left its Service everywhere: until then, clients would reconnect to it.
    script = f"sleep {DRAIN_SECONDS[0]}; {ENVOY_DRAIN}; sleep {component.drain_seconds - DRAIN_SECONDS[0]}"
    return {"lifecycle": {"preStop": {"exec": {"command": ["bash", "-c", script]}}}}


def _file(volume: str, key: str, path: str) -> dict[str, Any]:
    return {"name": volume, "mountPath": path, "subPath": key, "readOnly": True}


def _secret_volume(spec: GatewaySpec, name: str, secret: str) -> dict[str, Any]:
    mode = _SECRET_MODES.get(spec.pods.user_ids, _SECRET_MODE)
    return {"name": name, "secret": {"secretName": secret, "defaultMode": mode}}


def _deployment(
    name: str,
    spec: GatewaySpec,
    component: Component,
    *,
    labels: Mapping[str, str],
    annotations: dict[str, str],
    container: dict[str, Any],
    pod: dict[str, Any],
) -> dict[str, Any]:
    selector = names.pod_labels(name)
    defaults = _container_defaults(component, spec.pods.image_pull_policy)
    pod_spec = {**pod, **_pod_defaults(spec), **spec.pods.fields(), "containers": [{**defaults, **container}]}
    pod_spec["terminationGracePeriodSeconds"] = component.drain_seconds + GRACE_SECONDS
    if spread := _spread(spec.pods.spread, component, selector):
        pod_spec["topologySpreadConstraints"] = spread
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": spec.namespace, "labels": {**labels, **selector}},
        "spec": {
            "replicas": component.replicas,
            "selector": {"matchLabels": selector},
            "minReadySeconds": _SETTLE_SECONDS,
            # One after another: Envoy allows 200 ms for a decision, and starting pods use their node's CPU.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {
                    "labels": {**spec.pods.all_labels(), **selector},
                    "annotations": {**spec.pods.all_annotations(), **annotations},
                },
                "spec": pod_spec,
            },
        },
    }


def _pod_defaults(spec: GatewaySpec) -> dict[str, Any]:
    return {
        # Every import has a Service, and nobody reads the environment variables for Services.
        "enableServiceLinks": False,
        "securityContext": spec.pods.security_context(owns_volumes=True),
    }


def _container_defaults(component: Component, pull_policy: str) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "image": component.image,
        "imagePullPolicy": pull_policy,
        "readinessProbe": _READINESS,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    if component.resources:
        defaults["resources"] = {group: dict(amounts) for group, amounts in component.resources.items()}
    return defaults


def _spread(
    given: Sequence[Mapping[str, Any]] | None, component: Component, selector: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The given constraints, or a soft one that spreads several replicas over the nodes.

    A constraint without a selector counts the component's own pods, without those of an older ReplicaSet.
    """
    own = {"labelSelector": {"matchLabels": dict(selector)}, "matchLabelKeys": list(SPREAD_KEYS)}
    if given is None:
        given = [SPREAD_OVER_NODES] if component.most > 1 else []
    return [{**({} if "labelSelector" in each else own), **each} for each in given]


def _budget(name: str, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.pod_labels(name)},
            # A pod that is not ready serves nobody, so it must not keep a node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
