# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway serves, why its pods do not run, and at which address other peers reach it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..clusterlink import names
from ..common.kinds import Ref
from ..common.types import Address, Object
from ..errors import ClusterlinkError, Problem
from ..kube.apply import ApplyResult
from ..kube.client import Cluster
from ..kube.wait import NotReadyError, wait_ready
from .admission import refused_by_conditions
from .spec import LOAD_BALANCER, NODE_PORT, GatewaySpec

DEPLOYMENTS = (names.CONTROLPLANE, names.DATAPLANE)

# In order of preference: other clusters may not reach an internal address.
_NODE_ADDRESSES = ("ExternalIP", "InternalIP")

_PAUSE = 0.2
"""Seconds between two reads of the ingress's endpoints, which follow a ready pod within milliseconds."""


def ingress_ref(namespace: str) -> Ref:
    """The ingress Service of the gateway in a namespace."""
    return Ref("Service", names.INGRESS, namespace)


def read_address(
    cluster: Cluster, service: Object, public_host: str = "", public_port: int | None = None
) -> Address | None:
    """The gateway's address as it is now, or None when it has none (yet).

    Args:
        cluster: Where.
        service: The ingress Service.
        public_host: The host that other peers use, whatever the Service.
        public_port: The port that they use.

    Raises:
        ApiError: The nodes, whose addresses a node port needs, may not be listed.
    """
    nodes = cluster.list("Node") if needs_nodes(service, public_host) else []
    return gateway_address(service, nodes, public_host, public_port)


def predicted_address(cluster: Cluster, spec: GatewaySpec, result: ApplyResult) -> Address | None:
    """The address that the gateway will have, as far as check mode can know it.

    A dry run chooses another node port than the real run, so a Service that becomes a NodePort has no known port.
    """
    ref = ingress_ref(spec.namespace)
    service = result.objects[ref]
    changes = [change["after"] for change in result.diff if change["after_header"] == str(ref)]
    new_type = any("type" in change.get("spec", {}) for change in changes)
    if new_type and spec.ingress.type == NODE_PORT and spec.ingress.node_port is None:
        service = {"spec": {"type": NODE_PORT, "ports": [{"port": spec.ingress.port}]}}
    return read_address(cluster, service, spec.public_host, spec.public_port)


def wait_until_serving(cluster: Cluster, spec: GatewaySpec, result: ApplyResult, timeout: float) -> Address | None:
    """Wait until all pods of the gateway are ready, its ingress has endpoints, and it has an address.

    Args:
        cluster: Where.
        spec: The desired gateway.
        result: What was just applied; an object that is ready in it costs no request.
        timeout: Seconds for everything together.

    Returns:
        The address; None only without ingress.

    Raises:
        ClusterlinkError: It does not serve in time; it says what is missing, and why.
    """
    deadline = time.monotonic() + timeout
    deployments = [Ref("Deployment", name, spec.namespace) for name in DEPLOYMENTS]
    wait_until_running(cluster, deployments, result, timeout)
    _wait_for_endpoints(cluster, spec.namespace, deadline)
    ref = ingress_ref(spec.namespace)
    service = result.objects[ref]
    if spec.ingress.type == LOAD_BALANCER and not spec.public_host:
        service = _wait_for_balancer(cluster, ref, service, deadline - time.monotonic())
    address = read_address(cluster, service, spec.public_host, spec.public_port)
    if address is None and spec.ingress.type == NODE_PORT:
        fix = "Check the cluster's nodes, or give the address as gateway_host and gateway_port"
        raise ClusterlinkError(Problem(str(ref), "no node of the cluster is ready and has an address", fix=fix))
    return address


def wait_until_running(cluster: Cluster, deployments: Sequence[Ref], result: ApplyResult, timeout: float) -> None:
    """Wait until Deployments are ready.

    Raises:
        ClusterlinkError: One is not ready in time; it says which one, and why.
    """
    try:
        wait_ready(cluster, deployments, timeout, known=result.objects)
    except NotReadyError as error:
        raise explained(cluster, error) from error


def explained(cluster: Cluster, error: NotReadyError) -> ClusterlinkError:
    """The same error about Deployments, with the reasons from their pods' status."""
    problems = []
    for problem, ref in zip(error.problems, error.waiting, strict=True):
        troubles = pod_troubles(cluster.list("Pod", ref.namespace, label_selector=f"app={ref.name}"))
        found = "; ".join([problem.found, *troubles])
        state = error.states.get(ref)
        refused = refused_by_conditions(state) if state else None
        if refused:
            what, fix = f"{problem.what}: {refused.what}", refused.fix
            problems.append(Problem(problem.where, what, refused.found, fix))
        else:
            problems.append(Problem(problem.where, problem.what, found, problem.fix))
    return ClusterlinkError(problems)


def _wait_for_endpoints(cluster: Cluster, namespace: str, deadline: float) -> None:
    while not _has_endpoint(cluster, namespace):
        if time.monotonic() >= deadline:
            what = "none of its endpoints is ready although the data plane's pods are"
            fix = "Check its selector and endpoint slices"
            raise ClusterlinkError(Problem(str(ingress_ref(namespace)), what, fix=fix))
        time.sleep(_PAUSE)


def _has_endpoint(cluster: Cluster, namespace: str) -> bool:
    slices = cluster.list("EndpointSlice", namespace, label_selector=f"kubernetes.io/service-name={names.INGRESS}")
    return any(
        (endpoint.get("conditions") or {}).get("ready", True)
        for endpoint_slice in slices
        for endpoint in endpoint_slice.get("endpoints") or []
    )


def _wait_for_balancer(cluster: Cluster, ref: Ref, service: Object, timeout: float) -> Object:
    def unassigned(obj: Mapping[str, Any] | None) -> str:
        if obj is None:
            return "it does not exist"
        return "" if gateway_address(obj, []) else "it has no address yet"

    try:
        found = wait_ready(cluster, [ref], max(0.0, timeout), known={ref: service}, judge=unassigned)[ref]
    except NotReadyError as error:
        raise ClusterlinkError(
            Problem(
                str(ref),
                "it has no address: no load balancer controller of the cluster has assigned one",
                fix="Install a load balancer controller, look at the Service's events, use ingress_type NodePort, "
                "or give the address as gateway_host and gateway_port",
            )
        ) from error
    return found or service


def needs_nodes(service: Mapping[str, Any], public_host: str) -> bool:
    """Whether the address depends on the cluster's nodes."""
    return not public_host and service["spec"].get("type") == NODE_PORT


def gateway_address(
    service: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    public_host: str = "",
    public_port: int | None = None,
) -> Address | None:
    """The gateway's address, or None when it has none (yet).

    Args:
        service: The ingress Service in the cluster.
        nodes: The cluster's nodes; required where C(needs_nodes) is true.
        public_host: The host that other peers use, whatever the Service.
        public_port: The port that they use; needs C(public_host).
    """
    port = service["spec"]["ports"][0]
    kind = service["spec"].get("type")
    number = public_port or (port.get("nodePort") if kind == NODE_PORT else port["port"])
    if public_host:
        host = public_host
    elif kind == NODE_PORT:
        host = _node_host(nodes)
    elif kind == LOAD_BALANCER:
        host = _balancer_host(service)
    else:
        host = ""
    return Address(host, number) if host and number else None


def _node_host(nodes: Iterable[Mapping[str, Any]]) -> str:
    """The address of the first ready node by name, so that every run returns the same one."""
    ready = sorted((node for node in nodes if _is_ready(node)), key=lambda node: str(node["metadata"]["name"]))
    found = [
        (_NODE_ADDRESSES.index(address["type"]), place, str(address["address"]))
        for place, node in enumerate(ready)
        for address in node["status"].get("addresses") or []
        if address["type"] in _NODE_ADDRESSES
    ]
    return min(found)[-1] if found else ""


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = node["status"].get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _balancer_host(service: Mapping[str, Any]) -> str:
    """The load balancer's IP address, or its hostname where the cloud gives only that."""
    for ingress in (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or []:
        host = ingress.get("ip") or ingress.get("hostname")
        if host:
            return str(host)
    return ""


def pod_troubles(pods: Iterable[Mapping[str, Any]]) -> list[str]:
    """The reasons why pods are not ready, each once, as sentences without a full stop."""
    troubles: dict[str, None] = {}
    for pod in pods:
        status = pod.get("status") or {}
        for condition in status.get("conditions") or []:
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                troubles[f"a pod cannot be placed on a node: {condition.get('message', '')}"] = None
        for container in status.get("containerStatuses") or []:
            waiting = (container.get("state") or {}).get("waiting") or {}
            ended = (container.get("lastState") or {}).get("terminated") or {}
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                said = ": ".join(part for part in (waiting["reason"], waiting.get("message", "")) if part)
                troubles[f"container {container['name']} of image {container['image']} waits: {said}"] = None
            if ended:
                said = f"{ended.get('reason', '')} with exit code {ended.get('exitCode')}"
                troubles[f"container {container['name']} has ended: {said}"] = None
    return list(troubles)
