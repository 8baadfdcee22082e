# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options, as every module that talks to a cluster has them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters

pytestmark = pytest.mark.cluster


def test_wrong_context_names_those_that_there_are(run_module: Ansible, clusters: Clusters) -> None:
    refused = run_module("fabric_apply", {"fabric": "x", "context": "no-such-context"})
    assert refused["failed"]
    assert "no such context as no-such-context" in refused["msg"]
    assert clusters.contexts[0] in refused["msg"]


def test_api_server_that_is_unreachable_is_named_soon(run_module: Ansible) -> None:
    started = time.monotonic()
    refused = run_module("fabric_apply", {"fabric": "x", "host": "https://127.0.0.1:1", "retry_timeout": 2})
    assert refused["failed"]
    assert "https://127.0.0.1:1: the API server is unreachable" in refused["msg"]
    assert "Connection refused" in refused["msg"]
    assert time.monotonic() - started < 60


def test_no_other_connection_option_of_the_environment_is_needed(run_module: Ansible, clusters: Clusters) -> None:
    environment = {"K8S_AUTH_KUBECONFIG": str(clusters.kubeconfig), "K8S_AUTH_CONTEXT": clusters.contexts[0]}
    arguments = {"fabric": "x", "state": "absent"}
    result = run_module("fabric_apply", arguments, connection=False, check=True, environment=environment)
    assert result["changed"] is False
