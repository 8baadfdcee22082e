# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are killed at random moments of an installation, a change and a removal come to the same end."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.fabrics import TwoClusters, populated
from tests.support.random_kills import kill_and_run_again

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

RUNS = 30


@pytest.mark.cluster
@pytest.mark.long
def test_killed_runs_come_to_the_same_end_when_they_are_run_again(
    clusters: Clusters, kubectl: Kubectl, tmp_path: Path
) -> None:
    fabric = TwoClusters(clusters, kubectl, tmp_path)
    fabric.variables["declared_services"] = fabric.variables["clusterlink_services"]
    fabric.variables["clusterlink_services"] = "{{ declared_services if served | default(false) | bool else [] }}"
    fabric.variables["clusterlink_dataplane_replicas"] = "{{ 1 if served | default(false) | bool else 2 }}"
    declarations = {
        "a service": fabric.playbook_command("site", served=True),
        "none": fabric.playbook_command("site", served=False, clusterlink_allow_removals=True),
        "no fabric": fabric.playbook_command("teardown"),
    }
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    views = {context: partial(kubectl, context=context) for context in fabric.contexts.values()}
    with populated(fabric, kubectl):
        kill_and_run_again(declarations, views, RUNS, random.Random(seed))  # noqa: S311 - no secret
