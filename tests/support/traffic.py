# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests from real pods while something else happens, each counted.

Every client asks twice side by side: on connections that are kept (by default for as long as they last), and on a new
one for each request.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

REQUEST_SECONDS = 5
"""How long a request may take until it counts as failed."""

WARM_UP_SECONDS = 60
"""How long a stream may take until its first answers: a new import may refuse its first connections."""

LONGEST_SECONDS = 1800
"""When a stream ends by itself, should nobody end it."""

# A program in a pod outlives the connection that started it, but hears that its input is closed.
_UNTIL_CLOSED = """\
rounds=$1; shift
(trap 'kill $curl; exit' TERM; for _ in $(seq "$rounds"); do "$@" & curl=$!; wait $curl; done) &
read -r _; kill $!
"""
_SHOWN = 8
_FORMAT = "%{stderr}%{http_code} %{num_connects} %{time_total} s %{errormsg}\\n"


@dataclass(frozen=True)
class Client:
    """Who asks for what.

    Attributes:
        context: The kubeconfig's context of the pod's cluster.
        url: What it asks for.
        namespace: The pod's.
        pod: The pod, or C(deployment/NAME) for one of a Deployment's; its image has curl and a shell.
    """

    context: str
    url: str
    namespace: str = "default"
    pod: str = "deployment/client"


@dataclass
class Stream:
    """One pod's requests to one address, at a steady rate.

    Attributes:
        client: Who asks for what.
        kept: Whether connections are kept from one request to the next.
        answered: How many requests had an answer of status 200, since counting began.
        failures: The others, each with the seconds since counting began.
        last_failure: When the last of them was, in those seconds; 0 for never.
        slowest: How many seconds the slowest answer took, since counting began.
    """

    client: Client
    kept: bool
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    last_failure: float = 0
    slowest: float = 0
    connections: int = 0
    _process: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None
    _began: float = field(default_factory=time.monotonic)
    _in_a_row: int = 0
    _stopping: bool = False

    @property
    def name(self) -> str:
        """For reports."""
        return f"{self.client.context} {self.client.url} {'kept' if self.kept else 'new'}"

    def start(self, kubectl: Sequence[str], rate: int, kept_for: int) -> None:
        """Begin to ask; nothing counts yet."""
        header = [] if self.kept else ["--header", "Connection: close"]
        curl = ["curl", "--silent", "--output", "/dev/null", "--write-out", _FORMAT, "--rate", f"{rate}/s"]
        curl += ["--max-time", str(REQUEST_SECONDS), *header, f"{self.client.url}/?[1-{rate * kept_for}]"]
        command = [*kubectl, "--context", self.client.context, "--namespace", self.client.namespace]
        command += [
            "exec",
            "--stdin",
            self.client.pod,
            "--",
            "sh",
            "-c",
            _UNTIL_CLOSED,
            "sh",
            str(LONGEST_SECONDS // kept_for),
        ]
        self._process = subprocess.Popen(
            [*command, *curl],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_until_steady(self) -> None:
        """Return after three answers in a row.

        Raises:
            RuntimeError: There are none.
        """
        deadline = time.monotonic() + WARM_UP_SECONDS
        while self._in_a_row < 3:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not answer: {self.failures[-3:]}")
            time.sleep(0.1)

    def count(self) -> None:
        """Count from now on."""
        self.answered, self.failures, self.connections, self._began = 0, [], 0, time.monotonic()
        self.last_failure = self.slowest = 0

    def begin_to_stop(self) -> None:
        """Count no more, and let the pod hear that it is to end."""
        self._stopping = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """Wait for its end."""
        if self._process is not None and self._reader is not None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._reader.join(10)

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if self._stopping:
                return
            status, _space, rest = line.strip().partition(" ")
            if status == "200":
                connects, seconds = rest.split()[:2]
                self.answered += 1
                self.connections += int(connects)
                self.slowest = max(self.slowest, float(seconds))
                self._in_a_row += 1
            else:
                self._in_a_row = 0
                self._fail(f"{status} {rest}")
        if not self._stopping:
            self._fail("the client ended")

    def _fail(self, how: str) -> None:
        self.last_failure = time.monotonic() - self._began
        self.failures.append(f"at {self.last_failure:.1f} s: {how}")


@dataclass
class Count:
    """What became of all requests while something ran.

    Attributes:
        streams: The requests' streams.
        rate: Requests a second of each stream.
        began: When counting began, by the monotonic clock; the body began C(lead) seconds later.
        lead: Seconds before and after the body.
        seconds: For how long was counted; 0 while it goes on.
    """

    streams: Sequence[Stream]
    rate: int
    lead: float
    began: float = 0
    seconds: float = 0

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return sum(stream.answered for stream in self.streams)

    @property
    def failed(self) -> int:
        """How many were not."""
        return sum(len(stream.failures) for stream in self.streams)

    @property
    def last_failure(self) -> float:
        """When the last request failed, in seconds after the body began; 0 when none did."""
        return max(0.0, *(stream.last_failure - self.lead for stream in self.streams))

    @property
    def too_few(self) -> list[str]:
        """Streams with too few requests to mean anything."""
        least = self.rate * self.seconds / 8
        return [stream.name for stream in self.streams if stream.answered + len(stream.failures) < least]

    def report(self) -> str:
        """All figures."""
        total = self.answered + self.failed
        slowest = max(stream.slowest for stream in self.streams) * 1000
        lines = [
            f"{self.failed} of {total} requests failed in {self.seconds:.0f} s, {2 * self.lead:.0f} s of them idle",
            f"{total / self.seconds:.0f} a second on {len(self.streams)} streams, the slowest {slowest:.0f} ms",
        ]
        if self.failed:
            lines.append(f"last failure {self.last_failure:.1f} s after the begin")
        for stream in self.streams:
            lines.append(f"  {stream.name}: {stream.answered} answered on {stream.connections} new connections")
            lines += [f"  failed {failure} ({stream.name})" for failure in stream.failures[:_SHOWN]]
        return "\n".join(f"traffic: {line}" for line in lines)


@contextmanager
def traffic(
    kubectl: Sequence[str],
    clients: Sequence[Client],
    *,
    rate: int = 5,
    lead: float = 5,
    kept_for: int = LONGEST_SECONDS,
) -> Iterator[Count]:
    """Requests of all clients, on kept and on new connections, while the body runs; the figures are printed.

    Args:
        kubectl: kubectl with its kubeconfig.
        clients: Who asks for what.
        rate: Requests a second of each client on each of its two streams.
        lead: Seconds of requests before and after the body.
        kept_for: Seconds after which a kept connection is replaced.

    Yields:
        The count, complete when the body has ended.

    Raises:
        AssertionError: A stream had too few requests to mean anything.
    """
    streams = [Stream(client, kept) for client in clients for kept in (True, False)]
    count = Count(streams, rate, lead)
    try:
        for stream in streams:
            stream.start(kubectl, rate, kept_for)
        for stream in streams:
            stream.wait_until_steady()
        for stream in streams:
            stream.count()
        count.began = time.monotonic()
        time.sleep(lead)
        yield count
        time.sleep(lead)
        count.seconds = time.monotonic() - count.began
    finally:
        for stream in streams:
            stream.begin_to_stop()
        for stream in streams:
            stream.stop()
    print(count.report())
    assert not count.too_few, f"too few requests to mean anything: {count.too_few}"
