# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a gateway's state, and what it runs as the options that make the same gateway again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from ..clusterlink import names
from ..clusterlink.api import MANAGED_BY
from ..clusterlink.gateway_kinds import DIRECT, OPERATOR
from ..clusterlink.ownership import is_ours, other_managers
from ..clusterlink.versions import ENVOY, GO, RELEASES
from ..common.kinds import Ref
from ..common.types import Object
from ..kube.client import Cluster
from ..kube.parallel import gather
from ..kube.permitted import list_permitted
from ..kube.pod_settings import PodSettings, options_of
from ..kube.readiness import conditions, unready
from .autoscaling import KIND as AUTOSCALER
from .autoscaling import autoscaling_option
from .certificate import peer_facts
from .ingress import ingress_options
from .loading import cluster_time, controlplane_pods, loading_seconds
from .manifests import VERSION_LABEL
from .operator.identity import gateway_namespace, installed_by
from .operator.instance import OPERATOR_LOG_LEVELS
from .running_pods import main_container, running_pod_options
from .spec import DRAIN_SECONDS
from .status import ingress_ref, read_addresses
from .workloads import GRACE_SECONDS


def gateway_state(
    cluster: Cluster, namespace: str, public_host: str = "", public_port: int | None = None
) -> dict[str, Any]:
    """A gateway's state as plain data, without secrets. A missing gateway is no error.

    Args:
        cluster: Where.
        namespace: The gateway's.
        public_host: The host that other peers use, when it is not the ingress's own.
        public_port: The port that they use.

    Raises:
        ApiError: Something may not be read.
    """
    refs = [
        *(Ref("Deployment", name, namespace) for name in names.COMPONENTS),
        ingress_ref(namespace),
        Ref("Secret", names.PEER_SECRET, namespace),
    ]
    reads: list[Callable[[], Any]] = [
        *(partial(cluster.get, ref.kind, ref.name, ref.namespace) for ref in refs),
        partial(controlplane_pods, cluster, namespace),
    ]
    controlplane, dataplane, ingress, secret, pods = gather(lambda read: read(), reads)
    # An operator's Deployment does not carry our label.
    others = controlplane is not None and not is_ours(controlplane)
    instances = [each for each in cluster.list("Instance") if gateway_namespace(each) == namespace] if others else []
    addresses = read_addresses(cluster, ingress, public_host, public_port) if ingress else ()
    peer = peer_facts(secret)
    dns_names = (peer["certificate"] or {}).get("dns_names") or [""]
    return {
        "installed": controlplane is not None and dataplane is not None,
        "ready": not unready(controlplane) and not unready(dataplane),
        "managed_by": _manager(controlplane, instances),
        "installed_by": installed_by(controlplane, instances),
        "version": _version(controlplane),
        "peer": dns_names[0],
        "address": addresses[0].as_dict() if addresses else None,
        "addresses": [address.as_dict() for address in addresses],
        "ingress_type": ingress["spec"].get("type", "") if ingress else "",
        "controlplane": _component(controlplane),
        "dataplane": _component(dataplane),
        "certificate": peer["certificate"],
        "trusted": peer["trusted"],
        "fault": peer["fault"],
        "loading_seconds": loading_seconds(secret, pods, cluster_time(cluster)),
        "clock": cluster.clock,
        "options": _options(cluster, controlplane, dataplane, ingress, instances),
    }


def _options(
    cluster: Cluster,
    controlplane: Object | None,
    dataplane: Object | None,
    ingress: Object | None,
    instances: Sequence[Object],
) -> dict[str, Any] | None:
    """The options that make the running gateway; None where a part of it is missing."""
    if controlplane is None or dataplane is None or ingress is None:
        return None
    scalers = list_permitted(cluster, AUTOSCALER, dataplane["metadata"]["namespace"]) or ()
    scaler = next((each for each in scalers if each["metadata"]["name"] == names.DATAPLANE), None)
    running = running_options(
        _running(cluster, controlplane), _running(cluster, dataplane), ingress, _version(controlplane), scaler
    )
    if any(is_ours(each) for each in instances):  # its pods' settings are the operator's own
        return {**running, **options_of(PodSettings()), "install": OPERATOR}
    return {**running, "install": DIRECT}


def _running(cluster: Cluster, deployment: Object) -> Object:
    """The Deployment with the pod template that serves: the old one while a change does not come up."""
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
    return str(main_container(deployment)["image"])


def _manager(deployment: Object | None, instances: Sequence[Object]) -> str:
    """Who made the gateway: this collection, directly or by an Instance, or the field managers of others."""
    if deployment is None:
        return ""
    if any(is_ours(each) for each in (deployment, *instances)):
        return MANAGED_BY
    return ", ".join(other_managers(deployment))


def _version(deployment: Object | None) -> str:
    """The installed version; the image's tag for a gateway that somebody else made."""
    if deployment is None:
        return ""
    labels = deployment["metadata"].get("labels") or {}
    if is_ours(deployment) and VERSION_LABEL in labels:
        return str(labels[VERSION_LABEL])
    _path, colon, tag = _image(deployment).partition("@")[0].rpartition(":")
    return tag if colon and "/" not in tag else ""


def running_options(
    controlplane: Object, dataplane: Object, ingress: Object, version: str, scaler: Object | None = None
) -> dict[str, Any]:
    """The options of module C(gateway) that make the running gateway, with whole image names.

    Args:
        controlplane: Its Deployment, with the template of the running pods.
        dataplane: The same.
        ingress: The ingress Service.
        version: The installed version; an unsupported one is left out.
        scaler: The data plane's autoscaler; only one of ours makes an option.
    """
    autoscaling = autoscaling_option(scaler)
    images = {"controlplane": main_container(controlplane)["image"], "dataplane": main_container(dataplane)["image"]}
    return {
        "version": version if version in RELEASES else None,
        "images": images,
        **running_pod_options(controlplane, dataplane, autoscaling["max"] if autoscaling else None),
        "dataplane": _kind(main_container(dataplane)),
        "controlplane_replicas": controlplane["spec"].get("replicas", 1),
        "dataplane_replicas": dataplane["spec"].get("replicas", 1),
        "dataplane_autoscaling": autoscaling,
        "controlplane_drain_seconds": _drain_seconds(controlplane),
        "dataplane_drain_seconds": _drain_seconds(dataplane),
        "controlplane_resources": _resources(controlplane),
        "dataplane_resources": _resources(dataplane),
        "log_level": _log_level(controlplane),
        "labels": dict(label.split("=", 1) for label in _values(controlplane, "--peer-label")),
        **ingress_options(ingress),
    }


def _resources(deployment: Object) -> dict[str, Any]:
    return {group: dict(amounts) for group, amounts in (main_container(deployment).get("resources") or {}).items()}


def _drain_seconds(deployment: Object) -> int | None:
    """How long a pod keeps serving when it is replaced; None for the operator's pods, which have no such setting."""
    seconds: int = deployment["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 0)
    if not main_container(deployment).get("lifecycle"):
        return 0 if seconds == GRACE_SECONDS else None
    return max(seconds - GRACE_SECONDS, DRAIN_SECONDS[0])


def _values(deployment: Object, option: str) -> list[str]:
    """All values of an option in a container's arguments."""
    words: Sequence[str] = main_container(deployment).get("args") or []
    return [value for word, value in pairwise(words) if word == option]


def _log_level(controlplane: Object) -> str | None:
    """The level as option C(log_level) names it; an Instance has other names for some."""
    level = next(iter(_values(controlplane, "--log-level")), None)
    return next((ours for ours, theirs in OPERATOR_LOG_LEVELS.items() if theirs == level), level)


def _kind(container: Mapping[str, Any]) -> str:
    """The kind of data plane, by its image's name or else by its preStop hook."""
    name = container["image"].partition("@")[0].rpartition("/")[2].partition(":")[0]
    known = {image: kind for release in RELEASES.values() for kind, image in release.dataplane_images.items()}
    if name in known:
        return known[name]
    before_end = (container.get("lifecycle") or {}).get("preStop") or {}
    command = (before_end.get("exec") or {}).get("command") or [""]
    return GO if "sleep" in before_end or command[0] == "sleep" else ENVOY  # as C(workloads) makes them
