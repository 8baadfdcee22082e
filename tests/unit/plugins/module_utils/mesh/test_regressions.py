# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.filter.fabric_regressions import fabric_regressions
from ansible_collections.skyshift.clusterlink.plugins.module_utils.mesh.regressions import worse

NOTHING: dict[str, Any] = {"peers": [], "exports": [], "imports": []}


def thing(flag: str, name: str = "web", *, good: bool = True, message: str = "") -> dict[str, Any]:
    return {"namespace": "shop", "name": name, flag: good, "reason": "", "message": message}


@pytest.mark.parametrize(
    ("part", "flag", "called"),
    [
        ("peers", "reachable", "Peer web"),
        ("exports", "valid", "Export shop/web"),
        ("imports", "valid", "Import shop/web"),
    ],
)
def test_what_was_in_order_and_is_not_or_is_gone_is_worse(part: str, flag: str, called: str) -> None:
    before = {**NOTHING, part: [thing(flag)]}
    assert worse(before, before) == []
    assert worse(before, {**NOTHING, part: [thing(flag, good=False, message="no heartbeat")]}) == [
        f"{called} was {flag} and no longer is: no heartbeat"
    ]
    assert worse(before, NOTHING) == [f"{called} was {flag} and no longer exists"]


def test_what_was_out_of_order_may_stay_so_and_what_is_new_may_be_as_it_is() -> None:
    before = {**NOTHING, "peers": [thing("reachable", good=False)]}
    assert worse(before, before) == []
    assert worse(before, NOTHING) == []
    assert worse(NOTHING, before) == []


def test_the_same_name_in_another_namespace_is_something_else() -> None:
    before = {**NOTHING, "imports": [thing("valid")]}
    other = {**NOTHING, "imports": [{**thing("valid"), "namespace": "tests"}]}
    assert worse(before, other) == ["Import shop/web was valid and no longer exists"]


def test_a_cluster_that_cannot_be_read_is_worse() -> None:
    assert worse(NOTHING, {"failed": True, "msg": "connection refused"}) == [
        "the cluster cannot be read: connection refused"
    ]


def test_each_sentence_names_its_cluster() -> None:
    before = {"east": {**NOTHING, "peers": [thing("reachable", "west")]}, "west": NOTHING}
    now = {"east": NOTHING, "west": NOTHING, "north": NOTHING}
    assert fabric_regressions(now, before) == ["east: Peer west was reachable and no longer exists"]
