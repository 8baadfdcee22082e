# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take over a gateway that an operator, a command line or a person made, without a request being lost.

An operator that lives would tear the gateway down with its Instance, and undo what we write: it goes first. Pods that
we did not make end at once when they are told to, with connections still coming in. So they are not replaced by a
rolling restart: they are let go of, serve beside the new ones, and leave their Services before they end.

It may be stopped anywhere and begun again: where it stands is read from the cluster.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import operator
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.ownership import is_ours
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.workloads import DRAIN_SECONDS
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.serving import DEPLOYMENTS
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import ApplyResult, delete_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster, Object
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.parallel import gather
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.read import Query, read
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.wait import wait_gone

_REPLACED = "-replaced"
"""What the value of label app of a pod ends in that has left its Service."""
_GONE_SECONDS = 180.0
"""How long anything that was removed may take to be gone; an operator's pod has 10 s to end by itself."""


@dataclass
class Adoption:
    """What there is to take over in a gateway's namespace.

    Attributes:
        namespace: The gateway's.
        places: The namespaces in which an operator may run.
        operators: The operator's Deployments.
        instances: The Instances for the gateway.
        deployments: The gateway's Deployments that are not ours.
        leftovers: What else the operator has in the cluster, in the order of removal.
    """

    namespace: str
    places: Sequence[str] = ()
    operators: list[Object] = field(default_factory=list)
    instances: list[Object] = field(default_factory=list)
    deployments: list[Object] = field(default_factory=list)
    leftovers: list[Ref] = field(default_factory=list)

    @property
    def replaced(self) -> frozenset[Ref]:
        """The Deployments that are made anew."""
        return frozenset(Ref.of(each) for each in self.deployments)

    def begin(self, cluster: Cluster, *, check: bool) -> ApplyResult:
        """Remove the operator and the Instances, and let go of the pods that serve.

        Raises:
            ClusterlinkError: Something may not be removed, or does not go.
        """
        first = [Ref.of(each) for each in self.operators]
        instances = [Ref.of(each) for each in self.instances]
        result = delete_objects(cluster, [*first, *instances], check=True)
        if check:
            return result
        delete_objects(cluster, first, check=False)
        wait_gone(cluster, [*first, *self._operator_pods(cluster)], _GONE_SECONDS)
        for ref in instances:
            # Nobody is left who would answer to it; what it stands for shall stay.
            cluster.patch(ref.kind, ref.name, ref.namespace, {"metadata": {"finalizers": None}})
        delete_objects(cluster, instances, check=False)
        wait_gone(cluster, instances, _GONE_SECONDS)
        _let_go(cluster, self.namespace, self.deployments)
        return result

    def end(self, cluster: Cluster, *, check: bool) -> ApplyResult:
        """Take pods that nobody owns out of their Services and end them; remove what is left of the operator."""
        if not check:
            self._drain(cluster)
        return delete_objects(cluster, self.leftovers, check=check)

    def _operator_pods(self, cluster: Cluster) -> list[Ref]:
        """Those that run, also where their Deployment is gone already."""
        pods = (pod for place in self.places for pod in cluster.list("Pod", place))
        return [Ref.of(pod) for pod in pods if operator.runs_operator(pod["spec"])]

    def _drain(self, cluster: Cluster) -> None:
        apps = ",".join(word for name in DEPLOYMENTS for word in (name, f"{name}{_REPLACED}"))
        pods = cluster.list("Pod", self.namespace, label_selector=f"app in ({apps})")
        alone = [pod for pod in pods if not pod["metadata"].get("ownerReferences")]
        for pod in alone:
            app = pod["metadata"]["labels"]["app"].removesuffix(_REPLACED)
            cluster.patch(
                "Pod", pod["metadata"]["name"], self.namespace, {"metadata": {"labels": {"app": f"{app}{_REPLACED}"}}}
            )
        if alone:
            time.sleep(DRAIN_SECONDS)
            refs = [Ref.of(pod) for pod in alone]
            delete_objects(cluster, refs, check=False)
            wait_gone(cluster, refs, _GONE_SECONDS)


def find_adoption(cluster: Cluster, namespace: str) -> Adoption:
    """What there is to take over.

    Raises:
        ClusterlinkError: The operator keeps other gateways, too.
    """
    instances = cluster.list("Instance")
    others = [each for each in instances if operator.gateway_namespace(each) != namespace]
    if others:
        what = "its operator keeps this gateway, too, and cannot be taken away"
        raise ClusterlinkError(
            [Problem(str(Ref.of(each)), what, fix="Remove that Instance and its gateway first") for each in others]
        )
    places = sorted({namespace, operator.NAMESPACE, *(str(each["metadata"]["namespace"]) for each in instances)})
    listed = gather(lambda place: cluster.list("Deployment", place), places)
    deployments = [each for listing in listed for each in listing]
    operators = [each for each in deployments if operator.runs_operator(each["spec"]["template"]["spec"])]
    gateway = [
        each
        for each in deployments
        if each["metadata"]["namespace"] == namespace and each["metadata"]["name"] in DEPLOYMENTS and not is_ours(each)
    ]
    return Adoption(namespace, places, operators, list(instances), gateway, _leftovers(cluster))


def _leftovers(cluster: Cluster) -> list[Ref]:
    rights = [*operator.GATEWAY_RIGHTS, *operator.OWN]
    found = read(cluster, [Query(kind, name, namespace) for kind, name, namespace in rights])
    return [Ref.of(each) for objects in found for each in objects if not is_ours(each)]


def _let_go(cluster: Cluster, namespace: str, deployments: Iterable[Object]) -> None:
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
    wait_gone(cluster, refs, _GONE_SECONDS)
