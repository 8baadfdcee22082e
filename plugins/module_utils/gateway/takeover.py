# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take over a gateway that an operator, a command line or a person made, without a request being lost.

An operator that lives would tear the gateway down with its Instance, and undo what we write: it goes first. Its pods
are let go of, serve beside the new ones, and leave their Services before they end (pod_replacement.py).

It may be stopped anywhere and begun again: where it stands is read from the cluster. The Instance says that there is
something to take over, and goes when nothing else is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..clusterlink.ownership import is_ours
from ..clusterlink.schema import CRD_KIND
from ..common.kinds import Ref
from ..errors import Problem
from ..kube.apply import ApplyResult, delete_objects
from ..kube.client import Cluster, Object
from ..kube.parallel import Query, gather, read
from ..kube.wait import wait_gone
from .namespace_contents import INHABITANTS, of_others
from .operator import identity as operator
from .operator.instance import instance_crd
from .operator.reconcile import release_instances
from .pod_replacement import GONE_SECONDS, drain_orphaned_pods
from .status import DEPLOYMENTS


@dataclass
class Takeover:
    """What there is to take over in a gateway's namespace.

    Attributes:
        namespace: The gateway's.
        places: The namespaces in which an operator may run.
        operators: The operator's Deployments.
        instances: The Instances for the gateway.
        others: The Instances for other gateways.
        deployments: The gateway's Deployments that are not ours.
        leftovers: What else the operator has in the cluster, in the order of removal.
        surroundings: Its namespace and its kind, as far as they are ours.
    """

    namespace: str
    places: Sequence[str] = ()
    operators: list[Object] = field(default_factory=list)
    instances: list[Object] = field(default_factory=list)
    others: list[Object] = field(default_factory=list)
    deployments: list[Object] = field(default_factory=list)
    leftovers: list[Ref] = field(default_factory=list)
    surroundings: list[Ref] = field(default_factory=list)

    @property
    def replaced(self) -> frozenset[Ref]:
        """The Deployments that are recreated."""
        return frozenset(Ref.of(each) for each in self.deployments)

    def problems(self) -> list[Problem]:
        """Why the gateway cannot be taken over: its operator also runs other gateways."""
        what = "its operator keeps this gateway, too, and cannot be taken away"
        fix = "Remove that Instance and its gateway first"
        return [Problem(str(Ref.of(each)), what, fix=fix) for each in self.others]

    def begin(self, cluster: Cluster, *, check: bool) -> ApplyResult:
        """Remove the operator, and let go of the pods that serve.

        Raises:
            ClusterlinkError: Something may not be removed, or does not go.
        """
        operators = [Ref.of(each) for each in self.operators]
        later = [*self.leftovers, *map(Ref.of, self.instances), *self.surroundings]
        delete_objects(cluster, [*operators, *later], check=True)  # all of it is tried before the first step
        result = delete_objects(cluster, operators, check=check)
        if check:
            return result
        wait_gone(cluster, [*operators, *self._operator_pods(cluster)], GONE_SECONDS)
        _orphan_pods(cluster, self.namespace, self.deployments)
        return result

    def end(self, cluster: Cluster, *, check: bool) -> ApplyResult:
        """Once others serve: end the pods that were let go of, and remove what is left of the operator.

        Raises:
            ClusterlinkError: Something may not be removed, or does not go.
        """
        instances = [Ref.of(each) for each in self.instances]
        result = delete_objects(cluster, [*self.leftovers, *instances, *self.surroundings], check=True)
        if not check:
            drain_orphaned_pods(cluster, self.namespace)
            delete_objects(cluster, self.leftovers, check=False)
            # Nobody is left who would answer to it; what it stood for stays.
            release_instances(cluster, instances)
            delete_objects(cluster, self.surroundings, check=False)
            wait_gone(cluster, self.surroundings, GONE_SECONDS)
        return result

    def _operator_pods(self, cluster: Cluster) -> list[Ref]:
        """Those that run, also where their Deployment is gone already."""
        pods = (pod for place in self.places for pod in cluster.list("Pod", place))
        return [Ref.of(pod) for pod in pods if operator.runs_operator(pod["spec"])]


def find_takeover(cluster: Cluster, namespace: str) -> Takeover:
    """Read what there is to take over.

    Raises:
        ClusterlinkError: With all requests that the API server refuses.
    """
    listing = cluster.list("Instance")
    instances = [each for each in listing if operator.gateway_namespace(each) == namespace]
    others = [each for each in listing if each not in instances]
    places = sorted({namespace, operator.NAMESPACE, *(str(each["metadata"]["namespace"]) for each in instances)})
    listed = gather(lambda place: cluster.list("Deployment", place), places)
    deployments = [each for place in listed for each in place]
    operators = [each for each in deployments if operator.runs_operator(each["spec"]["template"]["spec"])]
    gateway = [
        each
        for each in deployments
        if each["metadata"]["namespace"] == namespace and each["metadata"]["name"] in DEPLOYMENTS and not is_ours(each)
    ]
    found = Takeover(namespace, places, operators, instances, others, gateway)
    found.leftovers, found.surroundings = _remains(cluster, found)
    return found


def is_moving(cluster: Cluster, namespace: str) -> bool:
    """Whether our own operator makes the gateway, or did, and something is left of it."""
    if any(operator.stands_for(each, namespace) for each in cluster.list("Instance")):
        return True
    place = cluster.get("Namespace", operator.NAMESPACE)
    return place is not None and is_ours(place) and not place["metadata"].get("deletionTimestamp")


def _remains(cluster: Cluster, found: Takeover) -> tuple[list[Ref], list[Ref]]:
    """What an operator has besides its Deployment and Instances; its namespace and its kind as far as they are ours."""
    own = [Query(kind, name, place) for kind, name, place in operator.own(found.namespace)]
    surroundings = [Query("Namespace", operator.NAMESPACE), Query(CRD_KIND, instance_crd()["metadata"]["name"])]
    inhabitants = [Query(kind, namespace=operator.NAMESPACE) for kind in INHABITANTS]
    answers = read(cluster, [*own, *surroundings, *inhabitants])
    leftovers = [Ref.of(each) for objects in answers[: len(own)] for each in objects]
    ours = [Ref.of(each) for objects in answers[len(own) :][:2] for each in objects if is_ours(each)]
    there = [each for objects in answers[len(own) + 2 :] for each in objects]
    removed = {*leftovers, *(Ref.of(each) for each in (*found.operators, *found.instances))}
    full = bool(of_others(there, removed))
    return leftovers, [ref for ref in ours if ref.kind != "Namespace" or not full]


def _orphan_pods(cluster: Cluster, namespace: str, deployments: Iterable[Object]) -> None:
    """Remove Deployments and leave their pods running, which belong to nobody then.

    A ReplicaSet that is left would be taken in by the next Deployment of its name, with its pods: it goes likewise.
    """
    refs = [Ref.of(each) for each in deployments]
    _delete_alone(cluster, refs)
    sets = cluster.list("ReplicaSet", namespace, label_selector=f"app in ({','.join(DEPLOYMENTS)})")
    _delete_alone(cluster, [Ref.of(each) for each in sets if not each["metadata"].get("ownerReferences")])


def _delete_alone(cluster: Cluster, refs: Sequence[Ref]) -> None:
    for ref in refs:
        cluster.delete(ref.kind, ref.name, ref.namespace, orphan=True)
    wait_gone(cluster, refs, GONE_SECONDS)
