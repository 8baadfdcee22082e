# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ClusterLink's operator as we install it for one gateway. Pure.

It makes a gateway's two Deployments by its Instance. It creates any other object only if it is missing (v0.4.1,
createResource in pkg/operator/controller/instance_controller.go), and then never changes it. So we create the others:
the ingress Service follows the options, and the control plane has only the permissions that it needs, where the
operator would let it read every Secret of the cluster. The operator itself then needs no Secrets, while upstream's
rules give it all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...clusterlink import names
from ...clusterlink.versions import OPERATOR_IMAGE
from ..rbac import Rule, rule
from ..spec import GatewaySpec
from . import identity as operator
from .instance import image_source

_RBAC = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")
_PROBE_PORT = 8081
# Upstream's own. A Deployment's selector is immutable: with another one, we could not take over a CLI's operator.
_SELECTOR = {"control-plane": "controller-manager"}


def operator_objects(spec: GatewaySpec, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The operator's objects, without its namespace.

    Args:
        spec: Its gateway.
        labels: The labels of every object.
    """
    account = {"name": operator.DEPLOYMENT, "namespace": operator.NAMESPACE, "labels": dict(labels)}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account, "automountServiceAccountToken": False},
        *_rights("", operator.ROLE, operator.ROLE_BINDING, _cluster_rules(), labels),
        *_rights(operator.NAMESPACE, operator.ROLE, operator.ROLE_BINDING, _instance_rules(), labels),
        *_rights(spec.namespace, operator.ROLE, operator.ROLE_BINDING, _gateway_rules(), labels),
        # The role that it would create for the control plane exists, so it stays: without any permission.
        *_rights("", operator.WIDE_ROLE, operator.WIDE_ROLE, [], labels, bound=False),
        _deployment(spec, labels),
    ]


def _cluster_rules() -> list[Rule]:
    """The kinds that it watches in all namespaces, and the one role that it removes with its Instance."""
    return [
        rule("clusterlink.net", ("instances",), _READ),
        rule("apps", ("deployments",), _READ),
        rule("", ("services", "serviceaccounts", "nodes"), _READ),
        rule(_RBAC, ("clusterroles", "clusterrolebindings"), _READ),
        rule(_RBAC, ("clusterroles", "clusterrolebindings"), ("delete",), only=(operator.WIDE_ROLE,)),
    ]


def _instance_rules() -> list[Rule]:
    return [rule("clusterlink.net", ("instances", "instances/status"), ("update",))]


def _gateway_rules() -> list[Rule]:
    """In the gateway's namespace: the two Deployments, and the Services that it removes with the Instance."""
    return [
        # Kubernetes cannot restrict create by name.
        rule("apps", ("deployments",), ("create",)),
        rule("apps", ("deployments",), ("update", "delete"), only=names.COMPONENTS),
        rule("", ("services",), ("delete",), only=(*names.COMPONENTS, names.INGRESS)),
    ]


def _rights(
    namespace: str, role: str, binding: str, rules: list[Rule], labels: Mapping[str, str], *, bound: bool = True
) -> list[dict[str, Any]]:
    """A role and its binding, in a namespace or in the whole cluster."""
    kind = "Role" if namespace else "ClusterRole"
    place = {"namespace": namespace} if namespace else {}
    made: dict[str, Any] = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": binding, **place, "labels": dict(labels)},
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
    }
    if bound:
        subject = {"kind": "ServiceAccount", "name": operator.DEPLOYMENT, "namespace": operator.NAMESPACE}
        made["subjects"] = [subject]
    metadata = {"name": role, **place, "labels": dict(labels)}
    return [{"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules}, made]


def _deployment(spec: GatewaySpec, labels: Mapping[str, str]) -> dict[str, Any]:
    registry, tag = image_source(spec)
    container = {
        "name": "manager",
        "image": f"{registry}/{OPERATOR_IMAGE}:{tag}",
        "imagePullPolicy": "IfNotPresent",
        # One pod at a time needs no leader election, which needs more permissions.
        "args": ["--metrics-bind-address=0", f"--health-probe-bind-address=:{_PROBE_PORT}"],
        "ports": [{"name": "probes", "containerPort": _PROBE_PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": _PROBE_PORT}, "periodSeconds": 2},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": _PROBE_PORT},
            "initialDelaySeconds": 15,
            "periodSeconds": 20,
        },
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "serviceAccountName": operator.DEPLOYMENT,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "securityContext": spec.pods.security_context(),
        "containers": [container],
    }
    metadata = {"name": operator.DEPLOYMENT, "namespace": operator.NAMESPACE, "labels": dict(labels)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": _SELECTOR},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": {**_SELECTOR, **names.pod_labels(operator.DEPLOYMENT)}}, "spec": pod},
        },
    }
