# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All objects of a gateway, from its specification and its certificates. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from ..clusterlink import api, names
from ..clusterlink.crds import crds
from ..clusterlink.gateway_kinds import OPERATOR
from ..common.kinds import Ref
from ..pki.components import ComponentCertificates
from ..pki.peer_material import PeerMaterial
from .autoscaling import autoscaler
from .ingress import ingress_spec
from .network_policy import network_policies
from .operator import identity as operator
from .operator.instance import instance, instance_crd
from .operator.manifests import operator_objects
from .rbac import rbac_objects
from .spec import GatewaySpec
from .workloads import deployments, disruption_budgets

VERSION_LABEL = "app.kubernetes.io/version"
"""A Deployment's label with its version, which an image that is pinned by digest does not tell."""

ENFORCE_LABEL = "pod-security.kubernetes.io/enforce"
RESTRICTED, BASELINE = "restricted", "baseline"
"""Pod Security Standards, and the label by which a namespace asks for one."""


def gateway_objects(spec: GatewaySpec, peer: PeerMaterial, components: ComponentCertificates) -> list[dict[str, Any]]:
    """The objects that we apply for a gateway, in their order; the namespace comes first.

    With C(install=operator), the operator and its Instance take the place of the two Deployments.

    Args:
        spec: The desired gateway.
        peer: Its certificate in the fabric, checked.
        components: The certificates by which its two parts know each other.
    """
    labels = api.ownership_labels(spec.fabric)
    operated = spec.install == OPERATOR
    return [
        namespace_object(spec.namespace, BASELINE if operated else RESTRICTED),
        *([namespace_object(operator.NAMESPACE)] if operated else []),
        *_secrets(spec.namespace, labels, peer, components),
        *rbac_objects(spec.namespace, labels, mounts_token=not operated),
        *_services(spec, labels),
        *disruption_budgets(spec, labels),
        *autoscaler(spec, labels),
        *network_policies(spec, labels),
        *(_operated if operated else _direct)(spec, labels, components),
    ]


def _direct(spec: GatewaySpec, labels: Mapping[str, str], components: ComponentCertificates) -> list[dict[str, Any]]:
    return deployments(
        spec,
        {**labels, VERSION_LABEL: spec.version},
        controlplane_digest=certificate_digest(components.ca_pem, components.controlplane_cert_pem),
        dataplane_digest=certificate_digest(components.ca_pem, components.dataplane_cert_pem),
    )


def _operated(spec: GatewaySpec, labels: Mapping[str, str], components: ComponentCertificates) -> list[dict[str, Any]]:
    digest = certificate_digest(components.ca_pem, components.controlplane_cert_pem, components.dataplane_cert_pem)
    return [*operator_objects(spec, labels), instance(spec, labels, digest)]


def gateway_definitions(spec: GatewaySpec) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions that a gateway needs."""
    return [*crds(), instance_crd()] if spec.install == OPERATOR else crds()


def gateway_namespaces(spec: GatewaySpec) -> list[Ref]:
    """The gateway's namespace, and its operator's."""
    names_of = [spec.namespace, operator.NAMESPACE] if spec.install == OPERATOR else [spec.namespace]
    return [Ref("Namespace", name) for name in names_of]


def namespace_object(namespace: str, standard: str = RESTRICTED) -> dict[str, Any]:
    """A gateway's namespace, which admits no pods that need privileges.

    Args:
        namespace: Its name.
        standard: The Pod Security Standard that it enforces. The operator's pods set no user, capabilities or seccomp
            profile, so they meet the baseline standard and not the restricted one.
    """
    labels = {api.MANAGED_BY_LABEL: api.MANAGED_BY, ENFORCE_LABEL: standard}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}


def certificate_digest(*pems: str) -> str:
    """A short text that changes with the certificates. Everybody can read it, so never pass a key."""
    return hashlib.sha256("\n".join(pems).encode()).hexdigest()[:16]


def peer_secret(namespace: str, labels: Mapping[str, str], peer: PeerMaterial) -> dict[str, Any]:
    """The Secret with a gateway's peer certificate; without labels, none are applied."""
    content = {
        names.PEER_CERTIFICATE: peer.certificate_pem,
        names.PEER_KEY: peer.key_pem,
        names.PEER_CA: peer.ca_pem,
    }
    return _secret(names.PEER_SECRET, namespace, labels, content)


def _secrets(
    namespace: str, labels: Mapping[str, str], peer: PeerMaterial, components: ComponentCertificates
) -> list[dict[str, Any]]:
    contents = {
        names.CA_SECRET: {names.CA: components.ca_pem},
        names.CONTROLPLANE: {
            names.CERTIFICATE: components.controlplane_cert_pem,
            names.KEY: components.controlplane_key_pem,
        },
        names.DATAPLANE: {
            names.CERTIFICATE: components.dataplane_cert_pem,
            names.KEY: components.dataplane_key_pem,
        },
    }
    own = [_secret(name, namespace, labels, content) for name, content in contents.items()]
    return [peer_secret(namespace, labels, peer), *own]


def _secret(name: str, namespace: str, labels: Mapping[str, str], content: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, **({"labels": dict(labels)} if labels else {})},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in content.items()},
    }


def _services(spec: GatewaySpec, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    port = {
        "name": "controlplane",
        "port": names.CONTROLPLANE_PORT,
        "targetPort": names.CONTROLPLANE_PORT,
        "protocol": "TCP",
    }
    controlplane = {"type": "ClusterIP", "selector": names.pod_labels(names.CONTROLPLANE), "ports": [port]}
    # The ingress exists without ingress, too: imports that merge copy its endpoints.
    ingress = _service(names.INGRESS, spec.namespace, labels, ingress_spec(spec.ingress))
    if spec.ingress.annotations:
        ingress["metadata"]["annotations"] = dict(spec.ingress.annotations)
    return [_service(names.CONTROLPLANE, spec.namespace, labels, controlplane), ingress]


def _service(name: str, namespace: str, labels: Mapping[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
