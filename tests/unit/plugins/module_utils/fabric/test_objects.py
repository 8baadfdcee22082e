# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects without what they cannot have yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.objects import without_sources
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]


def test_import_keeps_the_sources_whose_peers_are_there(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[web]), unknown="east").peers["north"].objects
    kept = without_sources(planned, {"east"})
    assert [each["peer"] for each in kept[-1]["spec"]["sources"]] == ["west"]
    assert kept[:-1] == list(planned[:-1])
    assert len(planned[-1]["spec"]["sources"]) == 2, "the plan itself is left as it is"


def test_import_without_any_source_has_to_wait(declare: Declare, plan: Planner, web: Data) -> None:
    planned = plan(declare(services=[web])).peers["north"].objects
    assert without_sources(planned, {"east", "west"}) == list(planned[:-1])
