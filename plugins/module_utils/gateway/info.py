# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a gateway by looking at its cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..clusterlink import names
from ..clusterlink.api import MANAGED_BY
from ..clusterlink.ownership import is_ours, other_managers
from ..common.kinds import Ref
from ..kube.client import Cluster, Object
from ..kube.compare import applied_part
from ..kube.parallel import gather
from ..kube.readiness import conditions, unready
from .manifests import VERSION_LABEL
from .operator.identity import DIRECT, OPERATOR, gateway_namespace, installed_by
from .running_options import running_options
from .status import DEPLOYMENTS, ingress_ref, read_address
from .stored_certificates import peer_facts


def gateway_state(
    cluster: Cluster, namespace: str, public_host: str = "", public_port: int | None = None
) -> dict[str, Any]:
    """A gateway's state as plain data; without secrets, and no error where there is none.

    Args:
        cluster: Where.
        namespace: The gateway's.
        public_host: The host that other peers are told, when it is not the ingress's own.
        public_port: The port that they are told.

    Raises:
        ApiError: Something may not be read.
    """
    refs = [
        *(Ref("Deployment", name, namespace) for name in DEPLOYMENTS),
        ingress_ref(namespace),
        Ref("Secret", names.PEER_SECRET, namespace),
    ]
    controlplane, dataplane, ingress, secret = gather(lambda ref: cluster.get(ref.kind, ref.name, ref.namespace), refs)
    # Only a gateway that is not ours can be an operator's.
    others = controlplane is not None and not is_ours(controlplane)
    instances = [each for each in cluster.list("Instance") if gateway_namespace(each) == namespace] if others else []
    address = read_address(cluster, ingress, public_host, public_port) if ingress else None
    peer = peer_facts(secret)
    dns_names = (peer["certificate"] or {}).get("dns_names") or [""]
    return {
        "installed": controlplane is not None and dataplane is not None,
        "ready": not unready(controlplane) and not unready(dataplane),
        "managed_by": _manager(controlplane, instances),
        "installed_by": installed_by(controlplane, instances),
        "version": _version(controlplane),
        "peer": dns_names[0],
        "address": address.as_dict() if address else None,
        "ingress_type": ingress["spec"].get("type", "") if ingress else "",
        "controlplane": _component(controlplane),
        "dataplane": _component(dataplane),
        "certificate": peer["certificate"],
        "trusted": peer["trusted"],
        "fault": peer["fault"],
        "options": _options(cluster, controlplane, dataplane, ingress, instances),
    }


def _options(
    cluster: Cluster,
    controlplane: Object | None,
    dataplane: Object | None,
    ingress: Object | None,
    instances: Sequence[Object],
) -> dict[str, Any] | None:
    """The options that would make what runs; None where a part of it is not there."""
    if controlplane is None or dataplane is None or ingress is None:
        return None
    # Annotations that a load balancer's controller added are not what somebody asked for.
    asked = applied_part(ingress)
    service = {**ingress, "metadata": asked.get("metadata", {}) if asked else ingress["metadata"]}
    running = running_options(
        _running(cluster, controlplane), _running(cluster, dataplane), service, _version(controlplane)
    )
    return {"install": OPERATOR if any(is_ours(each) for each in instances) else DIRECT, **running}


def _running(cluster: Cluster, deployment: Object) -> Object:
    """The Deployment with the template of the pods that run: not of those that a change has not brought up yet."""
    if not unready(deployment):
        return deployment
    uid = deployment["metadata"]["uid"]
    sets = [
        each
        for each in cluster.list("ReplicaSet", deployment["metadata"]["namespace"])
        if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences") or [])
    ]
    serving = max(sets, key=lambda each: (each.get("status") or {}).get("readyReplicas", 0), default=None)
    if serving is None or not (serving.get("status") or {}).get("readyReplicas"):
        return deployment
    return {**deployment, "spec": {**deployment["spec"], "template": serving["spec"]["template"]}}


def _component(deployment: Object | None) -> dict[str, Any]:
    if deployment is None:
        return {"image": "", "replicas": 0, "ready_replicas": 0, "conditions": []}
    return {
        "image": _image(deployment),
        "replicas": deployment["spec"].get("replicas", 1),
        "ready_replicas": (deployment.get("status") or {}).get("readyReplicas", 0),
        "conditions": conditions(deployment),
    }


def _image(deployment: Mapping[str, Any]) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _manager(deployment: Object | None, instances: Sequence[Object]) -> str:
    """Who made the gateway: this collection, if by an Instance for the operator, or who else says so."""
    if deployment is None:
        return ""
    if any(is_ours(each) for each in (deployment, *instances)):
        return MANAGED_BY
    return ", ".join(other_managers(deployment))


def _version(deployment: Object | None) -> str:
    """The version that was installed; of a gateway that somebody else made, its image's tag."""
    if deployment is None:
        return ""
    labels = deployment["metadata"].get("labels") or {}
    if is_ours(deployment) and VERSION_LABEL in labels:
        return str(labels[VERSION_LABEL])
    _path, colon, tag = _image(deployment).partition("@")[0].rpartition(":")
    return tag if colon and "/" not in tag else ""
