# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of the main job at once come to what one comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fabrics import TwoClusters

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]


def test_two_runs_at_once_make_what_one_makes(clusters: Clusters, kubectl: Kubectl, tmp_path: Path) -> None:
    fabric = TwoClusters(clusters, kubectl, tmp_path)
    fabric.variables |= {"clusterlink_services": [], "clusterlink_link_mode": "mesh"}
    try:
        both = [fabric.start("site", clusterlink_lock_timeout=300) for _each in range(2)]
        ended = [each.end() for each in both]
        assert [each.code for each in ended] == [0, 0], ended[0].output + ended[1].output
        assert any("Waiting up to 300 s" in each.output for each in ended)
        assert no_lease(fabric, kubectl)
        after = fabric.play("site")
        assert (after.code, after.changed) == (0, 0), after.output
    finally:
        assert fabric.play("teardown").code == 0
        assert no_lease(fabric, kubectl)


def no_lease(fabric: TwoClusters, kubectl: Kubectl) -> bool:
    leases = [kubectl("get", "leases", "-n", "default", context=context) for context in fabric.contexts.values()]
    return fabric.namespace not in "".join(leases)
