# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a gateway serves, why its pods do not run, and at which address other peers reach it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..clusterlink import names
from ..clusterlink.gateway_kinds import LOAD_BALANCER, NODE_PORT
from ..common.kinds import Ref
from ..common.progress import Progress
from ..common.types import Address, Object
from ..errors import ClusterlinkError, Problem
from ..kube.apply import ApplyResult
from ..kube.client import Cluster
from ..kube.wait import NotReadyError, wait_ready
from .addresses import balancer_host, gateway_addresses, needs_endpoints, needs_nodes, serving_nodes
from .admission import refused_by_conditions
from .spec import GatewaySpec

_PAUSE = 0.2
"""Seconds between two reads of the ingress's endpoints, which follow a ready pod within milliseconds."""
_RESOLVE_PAUSE = 2.0
"""Seconds between two attempts to resolve a name."""


def ingress_ref(namespace: str) -> Ref:
    """The ingress Service of the gateway in a namespace."""
    return Ref("Service", names.INGRESS, namespace)


def read_addresses(
    cluster: Cluster, service: Object, public_host: str = "", public_port: int | None = None
) -> tuple[Address, ...]:
    """The gateway's addresses as they are now; none when it has none (yet).

    Args:
        cluster: Where.
        service: The ingress Service.
        public_host: The host that other peers use, whatever the Service.
        public_port: The port that they use.

    Raises:
        ApiError: The nodes, whose addresses a node port needs, may not be listed.
    """
    nodes = cluster.list("Node") if needs_nodes(service, public_host) else []
    slices = (
        _endpoint_slices(cluster, service["metadata"]["namespace"]) if needs_endpoints(service, public_host) else []
    )
    return gateway_addresses(service, nodes, public_host, public_port, serving_nodes(slices))


def predicted_addresses(cluster: Cluster, spec: GatewaySpec, result: ApplyResult) -> tuple[Address, ...]:
    """The addresses that the gateway will have, as far as check mode can know it.

    A dry run chooses another node port than the real run, so a Service that becomes a NodePort has no known port.
    """
    ref = ingress_ref(spec.namespace)
    service = result.objects[ref]
    changes = [change["after"] for change in result.diff if change["after_header"] == str(ref)]
    new_type = any("type" in change.get("spec", {}) for change in changes)
    if new_type and spec.ingress.type == NODE_PORT and spec.ingress.node_port is None:
        service = {"spec": {"type": NODE_PORT, "ports": [{"port": spec.ingress.port}]}}
    return read_addresses(cluster, service, spec.public_host, spec.public_port)


def wait_until_serving(cluster: Cluster, spec: GatewaySpec, result: ApplyResult, timeout: float) -> tuple[Address, ...]:
    """Wait until all pods of the gateway are ready, its ingress has endpoints, and it has an address.

    Args:
        cluster: Where.
        spec: The desired gateway.
        result: What was just applied; an object that is ready in it costs no request.
        timeout: Seconds for everything together.

    Returns:
        The addresses; none only without ingress.

    Raises:
        ClusterlinkError: It does not serve in time; it says what is missing, and why.
    """
    deadline = time.monotonic() + timeout
    deployments = [Ref("Deployment", name, spec.namespace) for name in names.COMPONENTS]
    wait_until_running(cluster, deployments, result, timeout)
    _wait_for_endpoints(cluster, spec.namespace, deadline)
    ref = ingress_ref(spec.namespace)
    service = result.objects[ref]
    if spec.ingress.type == LOAD_BALANCER and not spec.public_host:
        service = _wait_for_balancer(cluster, ref, service, deadline - time.monotonic())
    addresses = read_addresses(cluster, service, spec.public_host, spec.public_port)
    if not addresses and spec.ingress.type == NODE_PORT:
        what = "no node of the cluster is ready and has an address of the Service's family"
        fix = "Check the cluster's nodes, or give the address as gateway_host and gateway_port"
        raise ClusterlinkError(Problem(str(ref), what, fix=fix))
    return addresses


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
        troubles = pod_troubles(cluster.list("Pod", ref.namespace, label_selector=names.pod_selector(ref.name)))
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
    progress = Progress()
    while not _has_endpoint(cluster, namespace):
        if time.monotonic() >= deadline:
            what = "none of its endpoints is ready although the data plane's pods are"
            fix = "Check its selector and endpoint slices"
            raise ClusterlinkError(Problem(str(ingress_ref(namespace)), what, fix=fix))
        progress.pause(_PAUSE, f"{ingress_ref(namespace)}: none of its endpoints is ready")


def _has_endpoint(cluster: Cluster, namespace: str) -> bool:
    return any(
        (endpoint.get("conditions") or {}).get("ready", True)
        for endpoint_slice in _endpoint_slices(cluster, namespace)
        for endpoint in endpoint_slice.get("endpoints") or []
    )


def _endpoint_slices(cluster: Cluster, namespace: str) -> Sequence[Object]:
    return cluster.list("EndpointSlice", namespace, label_selector=f"kubernetes.io/service-name={names.INGRESS}")


def wait_until_resolved(
    spec: GatewaySpec, addresses: Sequence[Address], result: ApplyResult, timeout: float
) -> list[str]:
    """Wait until a new load balancer's name resolves, which takes minutes in some clouds; a warning when it does not.

    It is no error: the name may be one that only the peers' clusters resolve.

    Args:
        spec: The desired gateway.
        addresses: Its addresses.
        result: What was just applied. The name of a Service that was there before, with that name, is not tried.
        timeout: Seconds.
    """
    ref = ingress_ref(spec.namespace)
    new = ref in (*result.created, *result.updated) or not balancer_host(result.objects[ref])
    if spec.ingress.type != LOAD_BALANCER or spec.public_host or not new:
        return []
    deadline, progress = time.monotonic() + timeout, Progress()
    for address in addresses:
        while not _resolves(address):
            if time.monotonic() >= deadline:
                what = f"the name of its load balancer does not resolve here: {address.host}"
                fix = "Links come up when the peers' clusters resolve it; otherwise give the address as gateway_host"
                return [str(Problem(str(ref), what, fix=fix))]
            progress.pause(_RESOLVE_PAUSE, f"{ref}: {address.host} does not resolve here yet")
    return []


def _resolves(address: Address) -> bool:
    try:
        return bool(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
    except OSError:
        return False


def _wait_for_balancer(cluster: Cluster, ref: Ref, service: Object, timeout: float) -> Object:
    def unassigned(obj: Mapping[str, Any] | None) -> str:
        if obj is None:
            return "it does not exist"
        return "" if balancer_host(obj) else "it has no address yet"

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
