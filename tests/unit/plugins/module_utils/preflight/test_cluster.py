# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that accept connections and never answer cost a run one attempt's time in all."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight import cluster
from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.clusters import reader

ATTEMPT = 1.0
SCHEMES = {"east": "http", "west": "https", "north": "http"}


@pytest.fixture
def silent() -> Iterator[dict[str, str]]:
    """The URL of each host's server, which never answers."""
    with ExitStack() as sockets:
        ports = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in SCHEMES]
        yield {
            host: f"{scheme}://127.0.0.1:{port}" for (host, scheme), port in zip(SCHEMES.items(), ports, strict=True)
        }


def test_three_clusters_that_never_answer_take_the_time_of_one_attempt(
    silent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster.ATTEMPT_SECONDS == 5, "what the documentation says"
    monkeypatch.setattr(cluster, "ATTEMPT_SECONDS", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    own = {host: {"clusterlink_host": url, "clusterlink_api_key": "x"} for host, url in silent.items()}
    read = reader(cluster.READ, {"hostvars": own}, own)
    read()  # the first time, the client's libraries are loaded
    monkeypatch.setattr(cluster, "ATTEMPT_SECONDS", ATTEMPT)
    started = time.monotonic()
    found = read()
    assert ATTEMPT <= time.monotonic() - started < 2 * ATTEMPT, "no attempt follows another"
    assert {host: "is unreachable" in result["msg"] for host, result in found.items()} == dict.fromkeys(own, True)


def test_the_time_for_retries_is_the_hosts_own_and_without_one_there_is_a_single_attempt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    refused = {"clusterlink_host": url, "clusterlink_api_key": "x"}
    own = {"east": refused, "west": {**refused, "clusterlink_retry_timeout": 0.4}}
    found = reader(cluster.READ, {"hostvars": own}, own)()
    assert {host: "attempts in" in result["msg"] for host, result in found.items()} == {"east": False, "west": True}
