# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests from real pods through imports: find the pods, make the requests, judge the answers, retry failed probes.

When all probes succeed, each kind of client costs one list of pods and one command in one of them, for any number of
imports.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..common.progress import Progress
from ..errors import ClusterlinkError, Problem
from ..fabric.resources import AUTO
from ..kube.client import Cluster
from ..kube.errors import HTTP_FORBIDDEN, ApiError
from ..kube.exec import CommandMissingError, run_in_container
from ..kube.pod_settings import PodSettings
from ..kube.pod_user import assigns_user_ids
from .client_pod import Client, ClientPod, NoClientError, TemporaryPods, find_pods, temporary_pod
from .new_imports import ROUTED_AFTER, NewImports
from .protocol import first_target, settle, speaks_http
from .result_pod import ask_by_pods
from .script import HTTP, Answer, NoToolError, Target, command, longest, parse

ANSWER = "answer"
REFUSED = "refused"
EXPECTATIONS = (ANSWER, REFUSED)

TOOLS = {"http": "curl, wget, nc and bash", "https": "curl and wget", "tcp": "bash and curl"}
"""The tools of which an image needs one besides C(sh), by scheme; tried in this order."""

_OK, _ERRORS = 200, 400
_UNROUTED = "the import is so new that the request may not have reached the gateway"
_SHOWN_ANSWER, _SHOWN_ANSWERS = 60, 5
_PARALLEL = 6
_PER_COMMAND = 8
"""Imports tried by one command, one after another: few enough that dead ones do not delay the others for long."""
_PODS_TRIED = 3
"""Of the pods that a client's labels select, in case the first has no shell."""
_FIRST_DELAY, _LONGEST_DELAY = 0.25, 2.0
_NEW_IMPORT = 1.0
"""Seconds for which a new import refuses connections."""
_OVERHEAD = 10.0
"""Seconds that starting a command may take besides the requests."""


@dataclass(frozen=True)
class Probe:
    """An import, the requests to it, and the expected result.

    Attributes:
        name: The import's name.
        namespace: The import's namespace.
        target: The requests.
        client: The pods that make them; None when no allowed client is known, and then no request is made.
        expect: C(ANSWER) or C(REFUSED).
        status: The expected statuses; empty for any.
        contains: A text that every answer must contain.
        sources: The import's source peers, as far as known, for the reader of the result.
    """

    name: str
    namespace: str
    target: Target
    client: Client | None
    expect: str = ANSWER
    status: tuple[int, ...] = ()
    contains: str = ""
    sources: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """The import's namespace and name."""
        return self.namespace, self.name


@dataclass(frozen=True)
class Result:
    """The result of a probe.

    Attributes:
        probe: The probe.
        pod: The pod that made the requests; None when there was none.
        answers: One for each request of the last attempt.
        fault: The difference from the expected result, as a sentence without a full stop; empty when there is none.
        probed: False when no request could be made, which says nothing about the import.
        final: Whether a retry cannot help.
    """

    probe: Probe
    pod: ClientPod | None = None
    answers: Sequence[Answer] = ()
    fault: str = ""
    probed: bool = True
    final: bool = False

    @property
    def ok(self) -> bool:
        """Whether everything is as expected."""
        return self.probed and not self.fault

    @property
    def is_success(self) -> bool:
        """Whether every request had a response of HTTP that is no error."""
        return all(each.status is not None and each.status < _ERRORS for each in self.answers)

    def as_dict(self) -> dict[str, Any]:
        """The result as a module returns it."""
        container = self.pod.container if self.pod else None
        answered = sum(answer.answered for answer in self.answers)
        return {
            "name": self.probe.name,
            "namespace": self.probe.namespace,
            "url": self.probe.target.url,
            "sources": list(self.probe.sources),
            "ok": self.ok,
            "probed": self.probed,
            "pod": {"namespace": container.namespace, "name": container.pod, "container": container.name}
            if container
            else None,
            "answers": [answer.as_dict() for answer in self.answers],
            "answered": answered,
            "unanswered": len(self.answers) - answered,
            "error": self.fault,
        }

    def summary(self) -> str:
        """The result as a line for people: the different answers, or the fault."""
        what = f"{self.probe.namespace}/{self.probe.name}"
        refused = self.probe.expect == REFUSED
        if refused and self.probe.client is None:
            return f"{what} refuses no client: every pod is allowed"
        if not self.probed:
            return f"{'a refusal of ' if refused else ''}{what} was not tried: {self.fault}"
        asked = f" (from {self.pod.container})" if self.pod and refused else ""
        if self.fault:
            return f"{what}: {self.fault}{asked}"
        if refused:
            return f"{what} is refused, as expected{asked}"
        if not speaks_http(self.answers):
            return f"{what} accepts connections"
        statuses = sorted({answer.status for answer in self.answers if answer.status} - {_OK})
        shown = f" with status {' and '.join(map(str, statuses))}" if statuses else ""
        bodies = sorted({answer.body.strip().partition("\n")[0][:_SHOWN_ANSWER] for answer in self.answers} - {""})
        return f"{what} answers{shown}{': ' if bodies else ''}{' | '.join(bodies[:_SHOWN_ANSWERS])}"


def judge(probe: Probe, answers: Iterable[Answer]) -> str:
    """What is not as the probe expects, as a sentence without a full stop; empty when everything is."""
    answers = list(answers)
    answered = [answer for answer in answers if answer.answered]
    if probe.expect == REFUSED:
        return f"{len(answered)} of {len(answers)} requests were answered, and none should be" if answered else ""
    if len(answered) < len(answers):
        error = next(answer.error for answer in answers if not answer.answered)
        return f"{len(answers) - len(answered)} of {len(answers)} requests were not answered: {error}"
    for answer in answered:
        if probe.status and answer.status not in probe.status:
            wanted = " or ".join(map(str, probe.status))
            return f"an answer has the status {answer.status}, and {wanted} is expected"
        if probe.contains not in answer.text:
            return f"an answer does not contain {probe.contains!r}: {answer.text[:200]!r}"
    return ""


def untried(results: Iterable[Result]) -> list[str]:
    """Warnings about probes that could not be made; refusals in one, as often no pod is there that nothing allows."""
    missing = [each for each in results if not each.probed]
    warnings = [each.summary() for each in missing if each.probe.expect != REFUSED]
    refusals = [each for each in missing if each.probe.expect == REFUSED and each.probe.client]
    if refusals:
        names = ", ".join(f"{each.probe.namespace}/{each.probe.name}" for each in refusals)
        warnings.append(f"It was not tried whether {names} can be refused: {refusals[0].fault}")
    return warnings


def run_probes(
    cluster: Cluster,
    probes: Sequence[Probe],
    *,
    timeout: int,
    wait_timeout: float,
    image: str = "",
    settings: PodSettings | None = None,
) -> list[Result]:
    """Make all probes, and retry failed ones until they are as expected or the time is over.

    Args:
        cluster: The cluster of the imports and the pods.
        probes: The probes.
        timeout: Seconds for one request.
        wait_timeout: Seconds after which no further attempt begins; 0 for a single one.
        image: For temporary pods, one for each kind of client, instead of existing pods.
        settings: Where temporary pods run, and what the cluster requires of them.

    Returns:
        A result for each probe, in their order.

    Raises:
        ClusterlinkError: The API server refuses or is unreachable, or a temporary pod does not start.
    """
    deadline, progress = time.monotonic() + wait_timeout, Progress()
    delay = _FIRST_DELAY
    with ExitStack() as stack:
        settings = settings or PodSettings()
        if image:
            settings = settings.on_platform(assigns_user_ids=assigns_user_ids(cluster))
        # A single attempt leaves no time to ask again.
        new = NewImports(cluster, {probe.namespace for probe in probes}) if wait_timeout >= ROUTED_AFTER else None
        attempt = _Attempt(cluster, timeout, TemporaryPods(image, settings), stack, new)
        results = attempt.run(probes)
        while pending := [index for index, result in enumerate(results) if not result.ok and not result.final]:
            if time.monotonic() + delay > deadline:
                break
            first = probes[pending[0]]
            progress.pause(delay, f"Import {first.namespace}/{first.name}: {results[pending[0]].fault}")
            delay = min(2 * delay, _LONGEST_DELAY)
            for index, result in zip(pending, attempt.run([probes[index] for index in pending]), strict=True):
                results[index] = result
    return results


class _Attempt:
    """One attempt at a time; it keeps temporary pods for later attempts."""

    def __init__(
        self, cluster: Cluster, timeout: int, temporary: TemporaryPods, stack: ExitStack, new: NewImports | None
    ) -> None:
        self._cluster = cluster
        self._new = new
        self._timeout = timeout
        self._kind = temporary
        self._stack = stack
        self._forbidden = False
        self._temporary: dict[str, list[ClientPod]] = {}

    def run(self, probes: Sequence[Probe]) -> list[Result]:
        """Make one attempt at each probe, by as few commands as possible, side by side."""
        begun = time.monotonic()
        clients = {repr(probe.client): probe.client for probe in probes}
        pods = {key: self._pods(client) for key, client in clients.items()}
        # The schemes need different tools, so that all probes of one command have one scheme.
        groups: dict[tuple[str, str], list[int]] = {}
        for index, probe in enumerate(probes):
            groups.setdefault((repr(probe.client), _begin(probe).scheme), []).append(index)
        work = [
            (pods[client], indexes[start : start + _PER_COMMAND])
            for (client, _scheme), indexes in groups.items()
            for start in range(0, len(indexes), _PER_COMMAND)
        ]
        results: dict[int, Result] = {}
        with ThreadPoolExecutor(min(_PARALLEL, len(work) or 1)) as pool:
            done = pool.map(lambda item: self._ask(item[0], [probes[index] for index in item[1]]), work)
            for (_pods, indexes), outcome in zip(work, done, strict=True):
                results.update(zip(indexes, outcome, strict=True))
        return self._doubted([results[index] for index in range(len(probes))], begun)

    def _doubted(self, results: Sequence[Result], begun: float) -> list[Result]:
        """The results, where those that prove nothing yet are faults.

        A success in an earlier attempt proves that what a client was refused, too, reached the gateway.
        """
        new = self._new
        if new is None:
            return list(results)
        doubted = [
            replace(each, fault=_UNROUTED)
            if each.ok and not each.is_success and new.may_be_unrouted(each.probe.key, begun)
            else each
            for each in results
        ]
        for each in results:
            if each.ok and each.is_success:
                new.is_routed(each.probe.key)
        return doubted

    def _pods(self, client: Client | None) -> list[ClientPod] | NoClientError:
        if client is None:
            problem = Problem("client", "there is no allowed client, as when no access policy allows any")
            return NoClientError(problem, may_come=False)
        if self._kind.image:
            if repr(client) not in self._temporary:
                pod = self._stack.enter_context(temporary_pod(self._cluster, client, self._kind))
                self._temporary[repr(client)] = [pod]
            return self._temporary[repr(client)]
        try:
            return find_pods(self._cluster, client)
        except NoClientError as error:
            return error

    def _ask(self, pods: list[ClientPod] | NoClientError, probes: Sequence[Probe]) -> list[Result]:
        """The results of probes with the same client, from the first of its pods that can make requests."""
        if isinstance(pods, NoClientError):
            fault, final = str(pods.problems[0]).rstrip("."), not pods.may_come
            return [Result(probe, fault=fault, probed=False, final=final) for probe in probes]
        unfit: list[str] = []
        tools = TOOLS[_begin(probes[0]).scheme]
        for pod in pods[:_PODS_TRIED]:
            try:
                return self._ask_from(pod, probes)
            except CommandMissingError as error:
                unfit += [f"{problem.where}: {problem.what}" for problem in error.problems]
            except NoToolError:
                unfit.append(f"{pod.container}: its image has none of {tools}")
            except ApiError as error:
                if error.status != HTTP_FORBIDDEN:
                    raise
                fault = f"{error.message().rstrip('.')}, or set an image for temporary pods that report by themselves"
                return [Result(probe, pod, fault=fault, probed=False, final=True) for probe in probes]
            except ClusterlinkError as error:
                return [Result(probe, pod, fault=error.message(), probed=False) for probe in probes]
        fix = f"Name a client whose image has sh and one of {tools}, or set such an image for a temporary pod"
        fault = str(Problem("client", "no request can be made from it", "; ".join(unfit), fix)).rstrip(".")
        return [Result(probe, fault=fault, probed=False, final=True) for probe in probes]

    def _ask_from(self, pod: ClientPod, probes: Sequence[Probe]) -> list[Result]:
        """Make the requests; where no protocol is named and HTTP is not spoken, a connection is enough."""
        targets = [_begin(each) for each in probes]
        client = probes[0].client or Client(pod.container.namespace)

        def send(some: Sequence[Target]) -> list[list[Answer]]:
            return self._send(pod, client, some)

        answers = send(targets)
        unnamed = [
            each.target.scheme == AUTO and target.scheme == HTTP for each, target in zip(probes, targets, strict=True)
        ]
        settled = settle(send, targets, answers, unnamed, partial(time.sleep, _NEW_IMPORT))
        return [
            Result(replace(each, target=target), pod, given, judge(each, given))
            for each, (target, given) in zip(probes, settled, strict=True)
        ]

    def _send(self, pod: ClientPod, client: Client, targets: Sequence[Target]) -> list[list[Answer]]:
        """The answers to requests of one scheme, by one command in the pod, or by pods that report by themselves."""
        if not self._forbidden:
            mark = secrets.token_hex(16)
            words, limit = command(targets, mark, self._timeout), longest(targets, self._timeout) + _OVERHEAD
            try:
                done = run_in_container(self._cluster, pod.container, words, limit)
            except ApiError as error:
                if error.status != HTTP_FORBIDDEN or not self._kind.image:
                    raise
                self._forbidden = True
            else:
                return parse(done.stdout, done.stderr, targets, mark)
        return ask_by_pods(self._cluster, client, self._kind, targets, self._timeout)


def _begin(probe: Probe) -> Target:
    return first_target(probe.target, refused=probe.expect == REFUSED)
