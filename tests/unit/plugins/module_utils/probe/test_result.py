# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe makes of the answers, and how it says so."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.client_pod import Client
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.run import Probe, Result, judge
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.script import Answer, Target


def one(**attributes: Any) -> Probe:
    target = Target("http", "web.default", 80)
    return Probe(**{"name": "web", "namespace": "default", "target": target, "client": Client("default"), **attributes})


def yes(text: str = "hello", status: int = 200) -> Answer:
    return Answer(answered=True, status=status, body=text, text=text)


NO = Answer(answered=False, error="curl: (52) Empty reply from server")


@pytest.mark.parametrize(
    ("wanted", "answers", "fault"),
    [
        ({}, [yes(), yes(status=500)], ""),
        ({}, [yes(), NO], "1 of 2 requests were not answered: curl: (52) Empty reply from server"),
        ({"status": (200, 204)}, [yes(status=204)], ""),
        ({"status": (200,)}, [yes(status=503)], "an answer has the status 503, and 200 is expected"),
        ({"contains": "ell"}, [yes()], ""),
        ({"contains": "east"}, [yes("hello")], "an answer does not contain 'east': 'hello'"),
        ({"expect": "refused"}, [NO, NO], ""),
        ({"expect": "refused"}, [NO, yes()], "1 of 2 requests were answered, and none should be"),
    ],
)
def test_answers_are_judged_by_what_is_expected(wanted: dict[str, Any], answers: list[Answer], fault: str) -> None:
    assert judge(one(**wanted), answers) == fault


def test_summary_says_whether_http_was_spoken() -> None:
    assert Result(one(), answers=[Answer(answered=True)]).summary() == "default/web accepts connections"
    assert Result(one(), answers=[yes("no page", 404)]).summary() == "default/web answers with status 404: no page"
    refused = Result(one(expect="refused"), answers=[NO])
    assert refused.summary() == "default/web is refused, as expected"


def test_summary_says_what_different_sources_answer() -> None:
    result = Result(one(), answers=[yes("hello from west\n"), yes("hello from east\n"), yes("hello from west\n")])
    assert result.summary() == "default/web answers: hello from east | hello from west"
