# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a cluster holds of a gateway. install_plan.py decides by it, and install.py executes the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..clusterlink.gateway_kinds import OPERATOR
from ..common.kinds import Ref
from ..common.types import Object
from ..kube.client import Cluster
from ..kube.parallel import Query, gather, read
from ..kube.permitted import list_permitted
from ..kube.pod_user import assigns_user_ids
from ..kube.server_version import Version, server_version
from ..kube.service_family import first_family
from . import autoscaling, network_policy
from .manifests import gateway_definitions, gateway_namespaces
from .operator.deployments import Operation
from .operator.instance import instance_crd
from .operator.reconcile import observe_operation
from .spec import GatewaySpec
from .takeover import Takeover, find_takeover, is_moving


@dataclass(frozen=True)
class GatewayState:
    """What a cluster holds of a gateway.

    Attributes:
        objects: The CustomResourceDefinitions and the namespaces that exist, and the Deployments and Services in the
            gateway's, by reference.
        secrets: The Secrets in the gateway's namespace.
        version: The API server's; None when unknown.
        assigns_user_ids: Whether its platform assigns user and group ids to pods.
        first_family: The address family of Services that name none; empty when unknown.
        clock: Seconds by which the cluster's clock is ahead of this machine's; None when unknown.
        autoscalers: The autoscalers in the gateway's namespace; None where they may not be listed.
        network_policies: The same for NetworkPolicies.
        operation: What the operator has made of the gateway; None with C(install=direct).
        takeover: What can be taken over; None when nothing may be.
        reads: What was read, by query; objects that may not be listed are not in it.
    """

    objects: Mapping[Ref, Object] = field(default_factory=dict)
    secrets: Sequence[Object] = ()
    version: Version | None = None
    assigns_user_ids: bool = False
    first_family: str = ""
    clock: int | None = None
    autoscalers: Sequence[Object] | None = ()
    network_policies: Sequence[Object] | None = ()
    operation: Operation | None = None
    takeover: Takeover | None = None
    reads: Mapping[Query, Sequence[Object]] = field(default_factory=dict)


def observe_gateway(cluster: Cluster, spec: GatewaySpec, *, take_over: bool) -> GatewayState:
    """Read everything that the decision depends on.

    Args:
        cluster: Where.
        spec: The desired gateway.
        take_over: Whether a gateway that somebody else made may be taken over.

    Raises:
        ClusterlinkError: With all requests that the API server refuses.
    """
    instances = Ref.of(instance_crd())
    refs = dict.fromkeys((*map(Ref.of, gateway_definitions(spec)), *gateway_namespaces(spec), instances))
    in_namespace = [Query(kind, namespace=spec.namespace) for kind in ("Secret", "Deployment", "Service")]
    queries = [*in_namespace, *(Query(ref.kind, ref.name, ref.namespace) for ref in refs)]
    scaled = spec.dataplane.autoscaling is not None
    questions: list[Callable[[], Any]] = [
        partial(read, cluster, queries),
        partial(list_permitted, cluster, autoscaling.KIND, spec.namespace, needed=scaled),
        partial(list_permitted, cluster, network_policy.KIND, spec.namespace, needed=spec.network_policy),
        partial(server_version, cluster),
        partial(assigns_user_ids, cluster),
        partial(first_family, cluster),
    ]
    (secrets, *found), scalers, policies, version, assigns, family = gather(lambda each: each(), questions)
    objects = {Ref.of(obj): obj for each in found for obj in each}
    optional = {autoscaling.KIND: scalers, network_policy.KIND: policies}
    reads = dict(zip(queries, (secrets, *found), strict=True))
    reads |= {Query(kind, namespace=spec.namespace): each for kind, each in optional.items() if each is not None}
    state = GatewayState(objects, secrets, version, assigns, family, cluster.clock, scalers, policies, reads=reads)
    if spec.install == OPERATOR:
        operation = observe_operation(cluster, spec)
        return replace(state, operation=operation)
    # A gateway that our own operator made is ours, and may be taken over without force.
    take_over = take_over or (instances in objects and is_moving(cluster, spec.namespace))
    return replace(state, takeover=find_takeover(cluster, spec.namespace) if take_over else None)
