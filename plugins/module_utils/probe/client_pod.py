# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods from which a probe makes its requests: existing ones, or a temporary one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..clusterlink import api
from ..common.progress import Progress
from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from ..kube.client import Cluster
from ..kube.exec import Container
from ..kube.pod_settings import PodSettings

TEMPORARY_NAME = "clusterlink-probe"
START_TIMEOUT = 60.0
LIFETIME = 900
"""Seconds after which a temporary pod terminates when the run could not delete it."""

_POLL = 0.2
_SHOWN_PODS = 10
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_GENERATED_LABELS = frozenset({"controller-revision-hash", "pod-template-generation", "pod-template-hash"})
# Reasons for which a container never starts.
_PERMANENT = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)


@dataclass(frozen=True)
class Client:
    """The pods that may make the requests.

    Attributes:
        namespace: The pods' namespace.
        pod: One pod by name; otherwise any pod that the labels select.
        labels: The labels to select pods by; the labels of a temporary pod.
        expressions: Further requirements, as C(matchExpressions) of a label selector.
        container: The container to run in; empty for the pod's default one.
        service_account: Pods that run as it come first; a temporary pod runs as it. Access policies can select on it.
        strict: Whether pods that run as another service account are left out.
    """

    namespace: str
    pod: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[Mapping[str, Any], ...] = ()
    container: str = ""
    service_account: str = ""
    strict: bool = False

    @property
    def selector(self) -> str:
        """The label selector as the API takes it."""
        terms = [f"{key}={value}" for key, value in sorted(self.labels.items())]
        for each in self.expressions:
            key, values = each["key"], ",".join(each.get("values") or ())
            operator = each["operator"]
            forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
            terms.append(forms.get(operator, f"!{key}"))
        return ",".join(terms)

    def __str__(self) -> str:
        if self.pod:
            return f"Pod {self.namespace}/{self.pod}"
        account = f" and service account {self.service_account}" if self.service_account and self.strict else ""
        return f"pods with {self.selector or 'any labels'}{account} in namespace {self.namespace}"


@dataclass(frozen=True)
class ClientPod:
    """A pod to make requests from, with the attributes that access policies select on."""

    container: Container
    labels: Mapping[str, str]
    service_account: str


@dataclass(frozen=True)
class TemporaryPods:
    """What temporary pods are like.

    Attributes:
        image: An image with C(sh), C(sleep) and one of the tools that a probe uses; empty for no temporary pods.
        settings: Where they run, and what the cluster requires of them.
    """

    image: str
    settings: PodSettings


class NoClientError(ClusterlinkError):
    """There is no pod to make the requests from. C(may_come): a pod exists and is not ready yet."""

    def __init__(self, problem: Problem, *, may_come: bool) -> None:
        super().__init__(problem)
        self.may_come = may_come


def find_pods(cluster: Cluster, client: Client) -> list[ClientPod]:
    """The pods that can make the requests: running, ready and not terminating; the best first.

    Raises:
        NoClientError: There is none; the error lists the existing pods.
        ClusterlinkError: The API server refuses or is unreachable.
    """
    if client.pod:
        pod = cluster.get("Pod", client.pod, client.namespace)
        pods = [pod] if pod else []
    else:
        pods = list(cluster.list("Pod", client.namespace, label_selector=client.selector))
    ready = [_client_pod(pod, client.container) for pod in pods if _is_ready(pod)]
    if client.strict and client.service_account:
        ready = [pod for pod in ready if pod.service_account == client.service_account]
    if ready:
        return sorted(ready, key=lambda pod: (pod.service_account != client.service_account, pod.container.pod))
    others = pods or list(cluster.list("Pod", client.namespace))
    raise NoClientError(
        Problem(
            where="client",
            what=f"no pod that is running and ready: {client}",
            found=_shown(others) if others else f"no pods at all in namespace {client.namespace}",
            fix="Start such a pod, name another client, or name an image for a temporary pod",
        ),
        may_come=bool(pods),
    )


@contextmanager
def temporary_pod(cluster: Cluster, client: Client, kind: TemporaryPods) -> Iterator[ClientPod]:
    """A temporary pod to make the requests from, with the client's labels; deleted at the end, also after an error.

    It meets the restricted Pod Security Standard, and is never ready, so that no Service of real pods with the same
    labels sends it traffic.

    Args:
        cluster: The cluster.
        client: Its namespace, labels and service account.
        kind: Its image and settings.

    Raises:
        ClusterlinkError: It cannot be created, or does not start within C(START_TIMEOUT) seconds, with the reason.
    """
    name = f"{TEMPORARY_NAME}-{secrets.token_hex(4)}"
    pod = pod_manifest(name, client, kind, ["sleep", str(LIFETIME)])
    created = cluster.apply(pod)
    try:
        await_container(cluster, client.namespace, name, lambda state: "running" in state, START_TIMEOUT)
        yield _client_pod(pod, TEMPORARY_NAME)
    finally:
        cluster.delete("Pod", name, client.namespace, uid=created["metadata"].get("uid", ""))


def pod_manifest(name: str, client: Client, kind: TemporaryPods, command: Sequence[str]) -> Object:
    """A pod with the client's attributes that runs the command once."""
    settings = kind.settings
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": client.namespace,
            "labels": {**settings.all_labels(), api.MANAGED_BY_LABEL: api.MANAGED_BY, **client.labels},
            "annotations": settings.all_annotations(),
        },
        "spec": {
            **settings.fields(),
            "serviceAccountName": client.service_account or "default",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LIFETIME,
            "terminationGracePeriodSeconds": 1,
            # Nothing ever sets this condition, so the pod is in no Service's endpoints.
            "readinessGates": [{"conditionType": f"{api.MANAGED_BY}/never"}],
            "securityContext": settings.security_context(),
            "containers": [
                {
                    "name": TEMPORARY_NAME,
                    "image": kind.image,
                    "imagePullPolicy": settings.image_pull_policy,
                    "command": list(command),
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "requests": {"cpu": "10m", "memory": "16Mi"},
                        "limits": {"cpu": "500m", "memory": "64Mi"},
                    },
                }
            ],
        },
    }


def await_container(
    cluster: Cluster, namespace: str, name: str, reached: Callable[[Mapping[str, Any]], bool], timeout: float
) -> Mapping[str, Any]:
    """Wait until a temporary pod's own container is in a state, and return the state; the pod never becomes ready.

    Args:
        cluster: The cluster.
        namespace: The pod's namespace.
        name: The pod's name.
        reached: Whether a container's C(state) is the one.
        timeout: Seconds.

    Raises:
        ClusterlinkError: The container does not reach it in time, or never can.
    """
    deadline, progress = time.monotonic() + timeout, Progress()
    found = "not there"
    while time.monotonic() < deadline:
        pod = cluster.get("Pod", name, namespace) or {}
        status = pod.get("status") or {}
        # A webhook may have put others beside it.
        states = {entry["name"]: entry.get("state") or {} for entry in status.get("containerStatuses") or []}
        own = states.get(TEMPORARY_NAME, {})
        if reached(own):
            return dict(own)
        waiting = {at: state["waiting"] for at, state in states.items() if "waiting" in state}
        reasons = [
            f"{'' if at == TEMPORARY_NAME else f'{at}: '}{state.get('reason', '')}: {state.get('message', '')}"
            for at, state in waiting.items()
        ]
        unscheduled = [
            f"{each['reason']}: {each.get('message', '')}"
            for each in status.get("conditions") or []
            if each["type"] == "PodScheduled" and each["status"] != "True"
        ]
        found = "; ".join(reasons or unscheduled) or str(status.get("phase", found))
        ended = status.get("phase") in ("Failed", "Succeeded")
        if ended or waiting.get(TEMPORARY_NAME, {}).get("reason") in _PERMANENT:
            break
        progress.pause(_POLL, f"Pod {namespace}/{name}: {found}")
    raise ClusterlinkError(
        Problem(
            where=f"Pod {namespace}/{name}",
            what="the temporary pod does not start",
            found=found,
            fix="Check image (it needs sleep and sh), and the namespace's Pod Security Standard and quotas",
        )
    )


def _is_ready(pod: Object) -> bool:
    status = pod.get("status") or {}
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or []}
    terminating = pod["metadata"].get("deletionTimestamp")
    return not terminating and status.get("phase") == "Running" and conditions.get("Ready") == "True"


def _client_pod(pod: Object, container: str) -> ClientPod:
    metadata, spec = pod["metadata"], pod["spec"]
    default = (metadata.get("annotations") or {}).get(_DEFAULT_CONTAINER) or spec["containers"][0]["name"]
    return ClientPod(
        container=Container(metadata["namespace"], metadata["name"], container or default),
        labels=metadata.get("labels") or {},
        service_account=spec.get("serviceAccountName", "default"),
    )


def _shown(pods: list[Object]) -> str:
    """The pods by name, state and labels."""
    texts = []
    for pod in pods[:_SHOWN_PODS]:
        metadata = pod["metadata"]
        state = "terminating" if metadata.get("deletionTimestamp") else (pod.get("status") or {}).get("phase", "")
        own = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in _GENERATED_LABELS}
        labels = ",".join(f"{key}={value}" for key, value in sorted(own.items()))
        texts.append(f"{metadata['name']} ({state}{'' if _is_ready(pod) else ', not ready'}; {labels or 'no labels'})")
    more = f" and {len(pods) - _SHOWN_PODS} more" if len(pods) > _SHOWN_PODS else ""
    return f"{', '.join(texts)}{more}"
