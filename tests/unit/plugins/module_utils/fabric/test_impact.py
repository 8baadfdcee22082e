# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.impact import (
    ImportUse,
    LostSources,
    declared_uses,
    losses,
    lost_by_changes,
    observed_uses,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.resources import Source

if TYPE_CHECKING:
    from tests.unit.plugins.module_utils.fabric.conftest import Data, Declare

BOTH = LostSources("north", "default", "web", ("east",), ("west",))


@pytest.fixture
def uses(declare: Declare, web: Data) -> list[ImportUse]:
    """North imports web from east and west, and db from east; west has a copy of db under another name."""
    own = {"name": "copy", "namespace": "default", "port": 80, "sources": [{"peer": "east", "export_name": "db"}]}
    db = {"name": "db", "port": 5432, "exported_by": "east", "imported_by": "north"}
    return declared_uses(parse(declare(services=[web, db], west={"imports": [own]})))


def test_a_cluster_that_goes_is_missed_by_all_that_import_from_it(uses: list[ImportUse]) -> None:
    assert losses(uses, peers=["east"]) == [
        LostSources("north", "default", "db", ("east",), ()),
        BOTH,
        LostSources("west", "default", "copy", ("east",), ()),
    ]


def test_what_goes_itself_misses_nothing(uses: list[ImportUse]) -> None:
    assert losses(uses, peers=["east", "north", "west"]) == []
    assert [each.cluster for each in losses(uses, peers=["east", "north"])] == ["west"]


def test_a_cluster_from_which_nobody_imports_can_go(uses: list[ImportUse]) -> None:
    assert losses(uses, peers=["north"]) == []


def test_a_service_that_goes_is_missed_under_whatever_name_it_was_imported(uses: list[ImportUse]) -> None:
    assert {(each.cluster, each.name) for each in losses(uses, services=[("default", "db")])} == {
        ("north", "db"),
        ("west", "copy"),
    }


@pytest.mark.parametrize("pair", [("north", "east"), ("east", "north")])
def test_a_link_that_goes_is_missed_by_what_crosses_it_in_either_direction(
    uses: list[ImportUse], pair: tuple[str, str]
) -> None:
    assert [str(each) for each in losses(uses, links=[frozenset(pair)])] == [
        "Import default/db of north loses all its sources: east",
        "Import default/web of north loses the source east and keeps west",
    ]


def test_a_peer_is_lost_with_the_last_of_its_exports() -> None:
    use = ImportUse("north", "default", "web", (Source("east", "a", "default"), Source("east", "b", "default")))
    assert losses([use], services=[("default", "a")]) == []
    assert losses([use], services=[("default", "a"), ("default", "b")]) == [
        LostSources("north", "default", "web", ("east",), ())
    ]


def test_what_clusters_hold_counts_as_fabric_info_tells_it() -> None:
    sources = [{"peer": peer, "export_name": "web", "export_namespace": "default"} for peer in ("west", "east")]
    imported = {"namespace": "default", "name": "web", "sources": sources}
    infos: dict[str, dict[str, Any]] = {"north": {"imports": [imported]}, "west": {"msg": "away"}}
    assert losses(observed_uses(infos), peers=["east"]) == [BOTH]


def change(kind: str, before: list[str] | None, after: list[str] | None) -> dict[str, Any]:
    sides = [
        {} if peers is None else {"spec": {"sources": [{"peer": peer} for peer in peers]}} for peers in (before, after)
    ]
    return {
        "before": sides[0],
        "after": sides[1],
        "before_header": f"{kind} shop/web",
        "after_header": f"{kind} shop/web",
    }


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (["east", "west"], ["west"], [("east",)]),
        (["east"], None, [("east",)]),
        (["east"], ["west"], [("east",)]),
        (None, ["east"], []),
        (["east"], ["east", "west"], []),
        (None, None, []),
    ],
)
def test_an_apply_says_what_imports_lose(
    before: list[str] | None, after: list[str] | None, lost: list[tuple[str, ...]]
) -> None:
    found = lost_by_changes([change("Export", ["x"], []), change("Import", before, after)])
    assert [(each.cluster, each.namespace, each.name, each.lost) for each in found] == [
        ("", "shop", "web", peers) for peers in lost
    ]
