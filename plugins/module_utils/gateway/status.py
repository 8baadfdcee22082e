# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway serves, why its pods do not run, and at which address other peers reach it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..clusterlink import names
from ..common.kinds import Ref
from ..errors import ClusterlinkError, Problem
from ..kube.apply import ApplyResult
from ..kube.client import Cluster, Object
from ..kube.wait import NotReadyError, wait_ready
from .spec import LOAD_BALANCER, NODE_PORT, Address, GatewaySpec

DEPLOYMENTS = (names.CONTROLPLANE, names.DATAPLANE)

# A node's address that others can reach is tried before one that only the cluster's own network may know.
_NODE_ADDRESSES = ("ExternalIP", "InternalIP")

_PAUSE = 0.2
"""Seconds between looks at the ingress's endpoints, which follow a ready pod within milliseconds."""


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
        public_host: The host that other peers are told, whatever the Service.
        public_port: The port that they are told.

    Raises:
        ApiError: The nodes, which tell a node port's host, may not be listed.
    """
    nodes = cluster.list("Node") if needs_nodes(service, public_host) else []
    return gateway_address(service, nodes, public_host, public_port)


def foreseen_address(cluster: Cluster, spec: GatewaySpec, result: ApplyResult) -> Address | None:
    """The address that the gateway will have, where that is known in check mode.

    A dry run chooses a node port that the real run will not choose: of a Service that is to become one of this type,
    none is told.
    """
    ref = ingress_ref(spec.namespace)
    service = result.objects[ref]
    changes = [change["after"] for change in result.diff if change["after_header"] == str(ref)]
    new_type = any("type" in change.get("spec", {}) for change in changes)
    if new_type and spec.ingress.type == NODE_PORT and spec.ingress.node_port is None:
        service = {"spec": {"type": NODE_PORT, "ports": [{"port": spec.ingress.port}]}}
    return read_address(cluster, service, spec.public_host, spec.public_port)


def wait_until_serving(cluster: Cluster, spec: GatewaySpec, result: ApplyResult, timeout: float) -> Address | None:
    """Wait until all pods of the gateway run, its ingress leads to them, and it has its address.

    Args:
        cluster: Where.
        spec: What the gateway shall be.
        result: What was just applied; what is ready there costs no request.
        timeout: Seconds for all of it together.

    Returns:
        The address; None only where there is no ingress.

    Raises:
        ClusterlinkError: The time is over; it says what is missing, and why.
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
    """Wait until all pods of Deployments are as wanted.

    Raises:
        ClusterlinkError: The time is over; it says which are not, and why.
    """
    try:
        wait_ready(cluster, deployments, timeout, known=result.objects)
    except NotReadyError as error:
        raise explained(cluster, error) from error


def explained(cluster: Cluster, error: NotReadyError) -> ClusterlinkError:
    """The same error about Deployments with what their pods' own status says of it."""
    problems = []
    for problem, ref in zip(error.problems, error.waiting, strict=True):
        troubles = pod_troubles(cluster.list("Pod", ref.namespace, label_selector=f"app={ref.name}"))
        found = "; ".join([problem.found, *troubles])
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
    def unanswered(obj: Mapping[str, Any] | None) -> str:
        if obj is None:
            return "it is not there"
        return "" if gateway_address(obj, []) else "it has no address yet"

    try:
        found = wait_ready(cluster, [ref], max(0.0, timeout), known={ref: service}, judge=unanswered)[ref]
    except NotReadyError as error:
        raise ClusterlinkError(
            Problem(
                str(ref),
                "no load balancer has given it an address: no controller of the cluster has answered",
                fix="Install a load balancer controller, look at the Service's events, or use ingress_type NodePort, "
                "or give the address as gateway_host and gateway_port",
            )
        ) from error
    return found or service


def needs_nodes(service: Mapping[str, Any], public_host: str) -> bool:
    """Whether the address can only be told with the cluster's nodes at hand."""
    return not public_host and service["spec"].get("type") == NODE_PORT


def gateway_address(
    service: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    public_host: str = "",
    public_port: int | None = None,
) -> Address | None:
    """The gateway's address, or None when it has none (yet).

    Args:
        service: The ingress Service as the cluster has it.
        nodes: The cluster's nodes; needed where C(needs_nodes) says so.
        public_host: The host that other peers are told, whatever the Service.
        public_port: The port that they are told; needs C(public_host).
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
    """The address of the first ready node by name, so that it stays the same from run to run."""
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
    """A load balancer has an IP address or, at some clouds, only a hostname."""
    for ingress in (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or []:
        host = ingress.get("ip") or ingress.get("hostname")
        if host:
            return str(host)
    return ""


def pod_troubles(pods: Iterable[Mapping[str, Any]]) -> list[str]:
    """One sentence, without a full stop, for each thing that keeps a pod from being ready; each is said once."""
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
