# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that accept connections and never answer are tried once, all of them side by side."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight import cluster
from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.clusters import Results, reader

SCHEMES = {"east": "http", "west": "https", "north": "http"}
READS = 6
"""What is read of each cluster at a time: its UID, gateways, domains, and three kinds."""
ALL = len(SCHEMES) * READS
GENEROUS = 60
"""Seconds that only a test that fails takes."""


class Silent:
    """Servers that accept connections and send nothing; they close all of them once there are as many as expected.

    Attributes:
        urls: The URL of each host's server.
        met: Passed when that many connections are open at the same time.
        accepted: The host of each connection so far.
    """

    def __init__(self, sockets: ExitStack, expected: int) -> None:
        self.met = threading.Barrier(expected, timeout=GENEROUS / 2)
        self.accepted: list[str] = []
        self.urls: dict[str, str] = {}
        for host, scheme in SCHEMES.items():
            server = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=ALL))
            sockets.callback(server.shutdown, socket.SHUT_RDWR)  # ends what waits in accept
            self.urls[host] = f"{scheme}://127.0.0.1:{server.getsockname()[1]}"
            threading.Thread(target=self._accept, args=(host, server), daemon=True).start()
        sockets.callback(self.met.abort)

    def _accept(self, host: str, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _address = server.accept()
                self.accepted.append(host)
                threading.Thread(target=self._hold, args=(connection,), daemon=True).start()

    def _hold(self, connection: socket.socket) -> None:
        with connection, suppress(threading.BrokenBarrierError):
            self.met.wait()

    def read(self, limit: float) -> Results:
        """What a preflight reads of them when requests are retried for so many seconds."""
        common = {"clusterlink_api_key": "x", "clusterlink_retry_timeout": limit}
        own = {host: {"clusterlink_host": url, **common} for host, url in self.urls.items()}
        return reader(cluster.READ, {"hostvars": own}, own)()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_all_clusters_are_read_side_by_side(sockets: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ATTEMPT_SECONDS", GENEROUS)
    silent = Silent(sockets, ALL)
    found = silent.read(0)
    assert not silent.met.broken, f"of {ALL} requests {len(silent.accepted)} came before one had ended"
    assert len(silent.accepted) == ALL, "no attempt follows another"
    assert {host: "is unreachable" in result["msg"] for host, result in found.items()} == dict.fromkeys(SCHEMES, True)


def test_a_cluster_that_never_answers_is_tried_once_for_the_time_of_an_attempt(
    sockets: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = cluster.READ.argument_spec["retry_timeout"]["default"]
    assert (cluster.ATTEMPT_SECONDS, default) == (5, 5), "what the documentation says"
    monkeypatch.setattr(cluster, "ATTEMPT_SECONDS", 0.5)
    silent = Silent(sockets, ALL + 1)
    found = silent.read(cluster.ATTEMPT_SECONDS)
    assert len(silent.accepted) <= ALL
    said = re.compile(r"is unreachable \(found: Read timed out\. \(read timeout=0\.5\)( \(after \d+ s\))?\)")
    assert {host: bool(said.search(result["msg"])) for host, result in found.items()} == dict.fromkeys(SCHEMES, True)


def test_the_time_for_retries_is_the_hosts_own_and_with_none_there_is_a_single_attempt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    refused = {"clusterlink_host": url, "clusterlink_api_key": "x"}
    own = {host: {**refused, "clusterlink_retry_timeout": limit} for host, limit in (("east", 0), ("west", 2))}
    found = reader(cluster.READ, {"hostvars": own}, own)()
    assert {host: "attempts in" in result["msg"] for host, result in found.items()} == {"east": False, "west": True}
