# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take over a gateway that an operator, a command line or a person made, without losing a request.

A running operator would remove the gateway with its Instance, and revert what we write, so it is removed first. The
gateway's pods are orphaned, serve beside the new ones, and leave their Services before they end (pod_replacement.py).

A takeover can be interrupted anywhere and run again: it reads its progress from the cluster. The Instance marks an
unfinished takeover, and is removed last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..clusterlink import names
from ..clusterlink.ownership import is_ours
from ..clusterlink.schema import CRD_KIND
from ..common.kinds import Ref
from ..common.types import Object
from ..errors import Problem
from ..kube.apply import ApplyResult, delete_objects
from ..kube.client import Cluster
from ..kube.deletion import delete_observed
from ..kube.parallel import Query, gather, read
from ..kube.wait import wait_gone
from .namespace_contents import INHABITANTS, foreign_objects
from .operator import identity as operator
from .operator.instance import instance_crd
from .operator.reconcile import release_instances
from .pod_replacement import GONE_SECONDS, drain_orphaned_pods


@dataclass
class Takeover:
    """What can be taken over in a gateway's namespace.

    Attributes:
        namespace: The gateway's.
        places: The namespaces in which an operator may run.
        operators: The operator's Deployments.
        instances: The Instances for the gateway.
        others: The Instances for other gateways.
        deployments: The gateway's Deployments that are not ours.
        leftovers: The operator's other objects, in the order of removal.
        surroundings: Its namespace and its CustomResourceDefinition, as far as they are ours.
        known: All of these objects as they were read.
    """

    namespace: str
    places: Sequence[str] = ()
    operators: list[Object] = field(default_factory=list)
    instances: list[Object] = field(default_factory=list)
    others: list[Object] = field(default_factory=list)
    deployments: list[Object] = field(default_factory=list)
    leftovers: list[Ref] = field(default_factory=list)
    surroundings: list[Ref] = field(default_factory=list)
    known: list[Object] = field(default_factory=list)

    @property
    def replaced(self) -> frozenset[Ref]:
        """The Deployments that the takeover recreates."""
        return frozenset(Ref.of(each) for each in self.deployments)

    def problems(self) -> list[Problem]:
        """Why the gateway cannot be taken over: its operator also runs other gateways."""
        what = "its operator also runs this gateway, so the operator cannot be removed"
        fix = "Remove that Instance and its gateway first"
        return [Problem(str(Ref.of(each)), what, fix=fix) for each in self.others]

    def begin(self, cluster: Cluster, *, check: bool) -> ApplyResult:
        """Remove the operator, and orphan the pods that serve.

        Raises:
            ClusterlinkError: Something may not be removed, or is not gone in time.
        """
        operators = [Ref.of(each) for each in self.operators]
        later = [*self.leftovers, *map(Ref.of, self.instances), *self.surroundings]
        self._delete(cluster, [*operators, *later], check=True)  # find every problem before the first removal
        result = self._delete(cluster, operators, check=check)
        if check:
            return result
        wait_gone(cluster, [*operators, *self._operator_pods(cluster)], GONE_SECONDS)
        _orphan_pods(cluster, self.namespace, self.deployments)
        return result

    def end(self, cluster: Cluster, *, check: bool) -> ApplyResult:
        """Once the new pods serve, delete the orphaned ones and what is left of the operator.

        Raises:
            ClusterlinkError: Something may not be removed, or is not gone in time.
        """
        instances = [Ref.of(each) for each in self.instances]
        result = self._delete(cluster, [*self.leftovers, *instances, *self.surroundings], check=True)
        if not check:
            drain_orphaned_pods(cluster, self.namespace)
            self._delete(cluster, self.leftovers, check=False)
            # No operator runs that would remove the finalizer, or the gateway with it.
            release_instances(cluster, self.instances)
            self._delete(cluster, self.surroundings, check=False)
            wait_gone(cluster, self.surroundings, GONE_SECONDS)
        return result

    def _delete(self, cluster: Cluster, refs: Sequence[Ref], *, check: bool) -> ApplyResult:
        return delete_objects(cluster, refs, check=check, known=self.known)

    def _operator_pods(self, cluster: Cluster) -> list[Ref]:
        """The operator's pods, also where their Deployment is gone already."""
        pods = (pod for place in self.places for pod in cluster.list("Pod", place))
        return [Ref.of(pod) for pod in pods if operator.runs_operator(pod["spec"])]


def find_takeover(cluster: Cluster, namespace: str) -> Takeover:
    """Read what can be taken over.

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
    own = {(namespace, name) for name in names.COMPONENTS}
    gateway = [
        each
        for each in deployments
        if (each["metadata"]["namespace"], each["metadata"]["name"]) in own and not is_ours(each)
    ]
    found = Takeover(namespace, places, operators, instances, others, gateway)
    leftovers, surroundings = _remains(cluster, found)
    found.leftovers, found.surroundings = [Ref.of(each) for each in leftovers], [Ref.of(each) for each in surroundings]
    found.known = [*operators, *found.instances, *leftovers, *surroundings]
    return found


def is_moving(cluster: Cluster, namespace: str) -> bool:
    """Whether our own operator runs the gateway, or something of that operator is left."""
    if any(operator.stands_for(each, namespace) for each in cluster.list("Instance")):
        return True
    place = cluster.get("Namespace", operator.NAMESPACE)
    return place is not None and is_ours(place) and not place["metadata"].get("deletionTimestamp")


def _remains(cluster: Cluster, found: Takeover) -> tuple[list[Object], list[Object]]:
    """The operator's other objects; and its namespace and CustomResourceDefinition, as far as they are ours."""
    own = [Query(kind, name, place) for kind, name, place in operator.own(found.namespace)]
    surroundings = [Query("Namespace", operator.NAMESPACE), Query(CRD_KIND, instance_crd()["metadata"]["name"])]
    inhabitants = [Query(kind, namespace=operator.NAMESPACE) for kind in INHABITANTS]
    answers = read(cluster, [*own, *surroundings, *inhabitants])
    leftovers = [each for objects in answers[: len(own)] for each in objects]
    ours = [each for objects in answers[len(own) :][:2] for each in objects if is_ours(each)]
    there = [each for objects in answers[len(own) + 2 :] for each in objects]
    removed = {Ref.of(each) for each in (*leftovers, *found.operators, *found.instances)}
    full = bool(foreign_objects(there, removed))
    return leftovers, [each for each in ours if each["kind"] != "Namespace" or not full]


def _orphan_pods(cluster: Cluster, namespace: str, deployments: Sequence[Object]) -> None:
    """Delete Deployments and their ReplicaSets, and leave their pods running without an owner.

    The next Deployment of the same name would adopt a ReplicaSet that is left, with its pods.
    """
    _delete_orphaning(cluster, deployments)
    sets = cluster.list("ReplicaSet", namespace, label_selector=names.pod_selector(*names.COMPONENTS))
    _delete_orphaning(cluster, [each for each in sets if not each["metadata"].get("ownerReferences")])


def _delete_orphaning(cluster: Cluster, objects: Sequence[Object]) -> None:
    for each in objects:
        delete_observed(cluster, each, orphan=True)
    wait_gone(cluster, [Ref.of(each) for each in objects], GONE_SECONDS)
