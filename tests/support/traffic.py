# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests from real pods while something else happens, each counted.

    python -m tests.support.traffic --kubeconfig FILE --stream CONTEXT=URL ... [--rate 5] [--allow 0] -- COMMAND...

Every stream is asked twice side by side: on connections that are kept (by default for as long as they last), and on a
new one for each request. COMMAND runs between a lead-in and a lead-out of some seconds. The counts are printed; the
exit code is COMMAND's, or 1 when more requests failed than are allowed, or for longer, or when a stream had too few to
mean anything.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
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


@dataclass
class Stream:
    """One pod's requests to one address, at a steady rate.

    Attributes:
        context: The kubeconfig's context of the pod's cluster.
        url: What it asks for.
        kept: Whether connections are kept from one request to the next.
        answered: How many requests had an answer of status 200, since counting began.
        failures: The others, each with the seconds since counting began.
        last_failure: When the last of them was, in those seconds; 0 for never.
        slowest: How many seconds the slowest answer took, since counting began.
    """

    context: str
    url: str
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
        return f"{self.context} {self.url} {'kept' if self.kept else 'new'}"

    def start(self, kubectl: str, kubeconfig: str, rate: int, kept_for: int) -> None:
        """Begin to ask; nothing counts yet."""
        header = [] if self.kept else ["--header", "Connection: close"]
        curl = ["curl", "--silent", "--output", "/dev/null", "--write-out", _FORMAT, "--rate", f"{rate}/s"]
        curl += ["--max-time", str(REQUEST_SECONDS), *header, f"{self.url}/?[1-{rate * kept_for}]"]
        command = [kubectl, "--kubeconfig", kubeconfig, "--context", self.context, "exec", "--stdin"]
        command += ["deployment/client", "--", "sh", "-c", _UNTIL_CLOSED, "sh", str(LONGEST_SECONDS // kept_for)]
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

    def stop(self) -> None:
        """End it."""
        self._stopping = True
        if self._process is not None and self._reader is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, run the command, and say how many requests failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.traffic", description=__doc__)
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--stream", action="append", required=True, metavar="CONTEXT=URL")
    parser.add_argument("--rate", type=int, default=5, help="requests a second of each client")
    parser.add_argument(
        "--kept-for", type=int, default=LONGEST_SECONDS, help="seconds after which a kept connection is made anew"
    )
    parser.add_argument("--lead", type=float, default=5, help="seconds before and after the command")
    parser.add_argument("--allow", type=int, default=0, help="how many requests may fail")
    parser.add_argument(
        "--clean-after", type=float, metavar="SECONDS", help="how long after the command's begin requests may fail"
    )
    parser.add_argument("--lose", type=int, default=0, help="how many requests must fail, when that is to be shown")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    pairs = [text.split("=", 1) for text in asked.stream]
    streams = [Stream(context, url, kept) for context, url in pairs for kept in (True, False)]
    try:
        for stream in streams:
            stream.start(asked.kubectl, asked.kubeconfig, asked.rate, asked.kept_for)
        for stream in streams:
            stream.wait_until_steady()
        for stream in streams:
            stream.count()
        began = time.monotonic()
        time.sleep(asked.lead)
        command_began = time.monotonic()
        status = subprocess.run(asked.command, check=False).returncode
        took = time.monotonic() - command_began
        time.sleep(asked.lead)
        seconds = time.monotonic() - began
    finally:
        for stream in streams:
            stream.stop()
    return status or _report(streams, seconds, took, asked)


def _report(streams: Sequence[Stream], seconds: float, took: float, asked: argparse.Namespace) -> int:
    failed = sum(len(stream.failures) for stream in streams)
    answered = sum(stream.answered for stream in streams)
    counts = f"{failed} of {answered + failed} requests failed"
    print(f"traffic: {counts} in {seconds:.0f} s ({took:.1f} s of them the command's)")
    last = max(stream.last_failure for stream in streams) - asked.lead
    if failed:
        print(f"traffic: last failure {last:.1f} s after the command began")
    print(f"traffic: {(answered + failed) / seconds:.0f} requests a second on {len(streams)} streams")
    print(f"traffic: slowest answer after {max(stream.slowest for stream in streams) * 1000:.0f} ms")
    for stream in streams:
        print(f"  {stream.name}: {stream.answered} answered on {stream.connections} new connections")
        for failure in stream.failures[:_SHOWN]:
            print(f"traffic: failed {failure} ({stream.name})")
    too_few = [stream.name for stream in streams if stream.answered + len(stream.failures) < asked.rate * seconds / 8]
    if too_few:
        print(f"traffic: too few requests to mean anything: {', '.join(too_few)}")
    kept = failed >= asked.lose if asked.lose else failed <= asked.allow
    late = asked.clean_after is not None and last > asked.clean_after
    if late:
        print(f"traffic: requests failed for longer than {asked.clean_after:.0f} s")
    return int(not kept or late or bool(too_few))


if __name__ == "__main__":
    sys.exit(main())
