# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests from pods that report by themselves, where no command may be run in a pod: C(pods/exec) is often forbidden.

Such a pod makes the requests when it starts. Its result is its container's termination message, which everyone reads
who may read the pod.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from ..kube.client import Cluster
from .client_pod import START_TIMEOUT, TEMPORARY_NAME, Client, TemporaryPods, await_container, pod_manifest
from .script import Answer, Target, command, longest, parse

MAX_REQUESTS = 8
"""Of one pod: as many as have room in a termination message, which keeps 4096 bytes."""
_OUT, _ERR = 2400, 1500
_ANSWERS = 1500

_FOLDER = "/probe"
# $0 separates what the requests printed on stdout from what they printed on stderr.
_REPORT = f"""
"$@" >{_FOLDER}/out 2>{_FOLDER}/err
{{ head -c {_OUT} {_FOLDER}/out; printf '\\n%s\\n' "$0"; head -c {_ERR} {_FOLDER}/err; }} >/dev/termination-log
"""


def ask_by_pods(
    cluster: Cluster, client: Client, kind: TemporaryPods, targets: Sequence[Target], timeout: int
) -> list[list[Answer]]:
    """The answers to requests of one scheme; at most C(MAX_REQUESTS) to one target.

    Args:
        cluster: The cluster.
        client: The pods' namespace, labels and service account.
        kind: The pods; their image has C(sh), C(head) and one of the tools that a probe uses.
        targets: The requests.
        timeout: Seconds for one request.

    Raises:
        NoToolError: No tool of the image can make such a request.
        ClusterlinkError: A pod cannot be created, does not start, or reports nothing.
    """
    capped = [replace(each, count=min(each.count, MAX_REQUESTS)) for each in targets]
    return [given for part in _parts(capped) for given in _ask(cluster, client, kind, part, timeout)]


def _parts(targets: Sequence[Target]) -> Iterator[list[Target]]:
    """The targets in parts of at most C(MAX_REQUESTS) requests."""
    part: list[Target] = []
    for target in targets:
        if part and sum(each.count for each in part) + target.count > MAX_REQUESTS:
            yield part
            part = []
        part.append(target)
    if part:
        yield part


def _ask(
    cluster: Cluster, client: Client, kind: TemporaryPods, targets: Sequence[Target], timeout: int
) -> list[list[Answer]]:
    mark, separator = secrets.token_hex(8), secrets.token_hex(8)
    room = _ANSWERS // sum(each.count for each in targets)
    words = ["sh", "-c", _REPORT, separator, *command(targets, mark, timeout, answer_bytes=room)]
    name = f"{TEMPORARY_NAME}-{secrets.token_hex(4)}"
    created = cluster.apply(_with_folder(pod_manifest(name, client, kind, words)))
    try:
        limit = START_TIMEOUT + longest(targets, timeout)
        state = await_container(cluster, client.namespace, name, lambda each: "terminated" in each, limit)
    finally:
        cluster.delete("Pod", name, client.namespace, uid=created["metadata"].get("uid", ""))
    stdout, separated, stderr = str(state["terminated"].get("message", "")).partition(f"\n{separator}\n")
    if not separated:
        where, what = f"Pod {client.namespace}/{name}", "the temporary pod reports no result"
        found = f"exit code {state['terminated'].get('exitCode')}: {stdout[:200]}"
        raise ClusterlinkError(Problem(where, what, found, "Check image: it needs sh and head"))
    return parse(stdout, stderr, targets, mark)


def _with_folder(pod: Object) -> Object:
    """The pod with a place for files; its root file system is read-only."""
    spec = pod["spec"]
    mounted = {"name": "probe", "mountPath": _FOLDER}
    return {
        **pod,
        "spec": {
            **spec,
            "volumes": [{"name": "probe", "emptyDir": {"sizeLimit": "1Mi"}}],
            "containers": [{**each, "volumeMounts": [mounted]} for each in spec["containers"]],
        },
    }
