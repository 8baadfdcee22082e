# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of connections that nodes may not have routed to a new import."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.client_pod import Client
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.run import Result

from .pods import Object, Pods, Shell, Shells, one, pod


def created(name: str, seconds_ago: float) -> Object:
    moment = datetime.now(timezone.utc) - timedelta(seconds=seconds_ago)
    return {"metadata": {"name": name, "namespace": "default", "creationTimestamp": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}}


@pytest.mark.parametrize("seconds_ago", [0, 60])
@pytest.mark.parametrize(
    ("shell", "expect"),
    [(Shell(False), "refused"), (Shell(404), "answer")],
    ids=["a refusal", "an error"],
)
def test_what_may_not_have_reached_the_gateway_of_a_new_import_is_asked_again(
    ask: Callable[..., list[Result]], naps: list[float], shell: Shell, expect: str, seconds_ago: float
) -> None:
    pods = Pods(pod("frontend-0"))
    pods.imports = [created("web", seconds_ago)]
    (result,) = ask(pods, shell, one(expect=expect))
    assert result.ok
    assert (sum(naps) >= 3) == (seconds_ago == 0)


def test_a_success_proves_that_a_later_refusal_is_the_gateways(
    ask: Callable[..., list[Result]], naps: list[float]
) -> None:
    pods = Pods(pod("frontend-0"), pod("batch-0", app="batch"))
    pods.imports = [created("web", 0)]
    shells = Shells({"frontend-0": Shell(True), "batch-0": Shell(False)})
    batch = Client("default", labels={"app": "batch"})
    answered, refused = ask(pods, shells, one(), one(expect="refused", client=batch))
    assert answered.ok
    assert refused.ok
    assert sum(naps) == 0.25, "the second attempt counts"


def test_a_new_import_that_only_errors_answer_is_not_verified_by_a_short_wait(
    ask: Callable[..., list[Result]],
) -> None:
    pods = Pods(pod("frontend-0"))
    pods.imports = [created("web", 0)]
    (result,) = ask(pods, Shell(404), wait=2)
    assert result.ok, "there is no time to ask again"
    (result,) = ask(pods, Shell(404), wait=3)
    assert "so new that the request may not have reached the gateway" in result.fault
