# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster's admission changes in a gateway's Deployments, and why it refuses their pods."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..clusterlink import names
from ..common.kinds import Ref
from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from ..kube.apply import ApplyResult
from ..kube.client import Cluster
from ..kube.errors import HTTP_FORBIDDEN, ApiError
from ..kube.parallel import attempt
from ..kube.readiness import conditions

_NORMALISED = frozenset({"resources"})
"""Fields that the API server itself stores in another form, such as C(1) for C(1000m)."""

# What plugins of the API server say: ResourceQuota (pkg/quota and apiserver/pkg/admission/plugin/resourcequota),
# LimitRanger and Priority (plugin/pkg/admission), PodSecurity (staging/src/k8s.io/pod-security-admission).
_MISSING = re.compile(r"failed quota: (?P<quota>\S+): must specify (?P<resources>.+)")
_OF_CONTAINER = re.compile(r" for: [^;]*")
_EXCEEDED = re.compile(
    r"exceeded quota: (?P<quota>[^,]+), requested: (?P<asked>.+?), used: (?P<used>.+?), limited: (?P<limited>.+)"
)
_LIMIT_RANGE = re.compile(r"\[?(?P<said>((minimum|maximum) \S+ usage|\S+ max limit to request ratio) per [^\]]+)")
_PRIORITY = re.compile(r"no PriorityClass with name (?P<name>\S+) was found")
_SECURITY = re.compile(r"violates PodSecurity (?P<said>.+)")

# OpenShift's (apiserver-library-go, securitycontextconstraints/sccadmission).
_CONSTRAINT = re.compile(r"unable to validate against any security context constraint: (?P<said>.+)")

_DRY_RUN = "dry-run"
"""The end of the name of a pod that only a dry run creates."""


def rewritten(objects: Sequence[Object], result: ApplyResult) -> list[str]:
    """A warning with the values of just written Deployments that the cluster's admission has changed, if there are any.

    Args:
        objects: The desired objects.
        result: What was written, or in check mode would be.
    """
    written = {*result.created, *result.updated}
    changes = [
        f"{ref}: {path} is {found} instead of {wanted}"
        for obj in objects
        if (ref := Ref.of(obj)).kind == "Deployment" and ref in written
        for path, wanted, found in _differences(obj["spec"], result.objects.get(ref, obj)["spec"], "spec")
    ]
    if not changes:
        return []
    return [f"The cluster's admission changes what is applied, which is no drift and stays so. {'; '.join(changes)}"]


def _differences(wanted: Any, found: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The values that are not as they are wanted; others that are there, too, do not count."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key, value in wanted.items():
            if key not in _NORMALISED:
                yield from _differences(value, found.get(key), f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and _are_named(wanted):
        by_name = {each.get("name"): each for each in found}
        for each in wanted:
            yield from _differences(each, by_name.get(each["name"]), f"{path}[{each['name']}]")
    elif wanted != found:
        yield path, wanted, found


def _are_named(items: Sequence[Any]) -> bool:
    """Whether each item has a name of its own, as containers have and volume mounts have not."""
    names_of = [each.get("name") for each in items if isinstance(each, Mapping)]
    return None not in names_of and len(set(names_of)) == len(items)


def refused_by_conditions(deployment: Object) -> Problem | None:
    """Why a cluster's admission refuses a Deployment's pods, as its controller reports it; None when it does not."""
    for condition in conditions(deployment):
        if (condition["type"], condition["status"]) == ("ReplicaFailure", "True"):
            return refusal(Ref.of(deployment), condition["message"])
    return None


def refusal(deployment: Ref, message: str) -> Problem | None:
    """Why a cluster's admission refuses a component's pods, and what to do; None when the message tells no such reason.

    Args:
        deployment: The component's Deployment.
        message: What the API server says, in its response or in a condition of the Deployment.
    """
    where, space = str(deployment), deployment.namespace
    variable = f"clusterlink_{deployment.name.removeprefix('cl-')}_resources"
    if match := _MISSING.search(message):
        what = f"ResourceQuota {match['quota']} refuses its pods: they do not set {_listed(match['resources'])}"
        fix = f"Set these in {variable}, or give namespace {space} a LimitRange with defaults"
        return Problem(where, what, fix=fix)
    if match := _EXCEEDED.search(message):
        what = f"ResourceQuota {match['quota']} refuses a further pod"
        found = f"requested {match['asked']}, used {match['used']}, limited to {match['limited']}"
        fix = f"Raise the quota, or ask for less in {variable}. An update needs room for one pod more"
        return Problem(where, what, found, fix)
    if match := _PRIORITY.search(message):
        fix = "Create the PriorityClass, or correct clusterlink_priority_class_name"
        return Problem(where, "its pods' PriorityClass does not exist", match["name"].strip('"'), fix)
    if match := _LIMIT_RANGE.search(message):
        what = f"a LimitRange of namespace {space} refuses its pods"
        return Problem(where, what, match["said"], f"Set {variable} within its limits")
    return _insecure(deployment, message)


def _insecure(deployment: Ref, message: str) -> Problem | None:
    """The same for what a pod may do and who it runs as."""
    if match := _SECURITY.search(message):
        fix = f"Let namespace {deployment.namespace} enforce the restricted standard or a weaker one"
        what = "the Pod Security Standard of its namespace refuses its pods"
        return Problem(str(deployment), what, match["said"], fix)
    if match := _CONSTRAINT.search(message):
        fix = "Leave clusterlink_user_ids at auto or set it to platform, or let its service account use a constraint"
        return Problem(str(deployment), "no security context constraint admits its pods", match["said"], fix)
    return None


def _listed(resources: str) -> str:
    """The resources, as C(a for: container; b for: container) or C(a,b)."""
    return ", ".join(each.strip() for each in re.split("[;,]", _OF_CONTAINER.sub("", resources)))


def refused_pods(cluster: Cluster, deployments: Sequence[Object]) -> list[Problem]:
    """Why the cluster's admission would refuse the pods of Deployments, by a dry run of one pod of each.

    Where the user may not create pods, or the namespace does not exist yet, the Deployments' conditions tell it later.
    """
    answers = attempt(lambda deployment: _refused(cluster, deployment), deployments)
    return [problem for answer in answers if not isinstance(answer, ClusterlinkError) for problem in answer]


def _refused(cluster: Cluster, deployment: Object) -> list[Problem]:
    ref = Ref.of(deployment)
    try:
        cluster.apply(_pod(deployment), dry_run=True)
    except ApiError as error:
        message = error.problems[0].found
        problem = refusal(ref, message) if error.status == HTTP_FORBIDDEN else None
        # A quota without room may have it when the pods have ended that are about to.
        if problem is None or (_EXCEEDED.search(message) and _ending(cluster, ref)):
            return []
        return [problem]
    return []


def _ending(cluster: Cluster, ref: Ref) -> bool:
    """Whether pods of the component are about to end."""
    pods = cluster.list("Pod", ref.namespace, label_selector=names.pod_selector(ref.name))
    return any(pod["metadata"].get("deletionTimestamp") for pod in pods)


def _pod(deployment: Object) -> Object:
    """A pod of the Deployment that needs no ServiceAccount which this run creates."""
    ref, template = Ref.of(deployment), deployment["spec"]["template"]
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": f"{ref.name}-{_DRY_RUN}", "namespace": ref.namespace},
        "spec": {**spec, "automountServiceAccountToken": False},
    }
