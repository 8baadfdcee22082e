# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric is made, found unchanged, and removed with each supported combination of releases but .venv's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noxfile import CORNERS, environment_of, is_set_up, python_of
from tests.support.fabrics import TwoClusters, leaving_nothing, populated

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.gate import Gate
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoClusters]:
    """The workloads for all of them."""
    made = TwoClusters(clusters, kubectl, tmp_path_factory.mktemp("fabric"))
    with populated(made, kubectl):
        yield made
        made.command = TwoClusters.command


@pytest.mark.parametrize("corner", [corner for corner in CORNERS if not is_set_up(corner)])
def test_a_corner_makes_a_fabric_whose_next_run_changes_nothing(
    corner: str, gate: Gate, fabric: TwoClusters, kubectl: Kubectl, tmp_path: Path
) -> None:
    if python_of(corner) is None:
        pytest.skip(f"Python {' or '.join(CORNERS[corner].pythons)} is not installed")
    gate("nox", "-s", corner, "--install-only")
    fabric.command = (str(environment_of(corner) / "bin" / "ansible-playbook"),)
    fabric.variables["clusterlink_pki_dir"] = str(tmp_path)
    with leaving_nothing(fabric, kubectl):
        try:
            assert fabric.must("site").changed > 0  # its last role sends a request through every import
            assert fabric.must("site").changed == 0
        finally:
            fabric.must("teardown")
