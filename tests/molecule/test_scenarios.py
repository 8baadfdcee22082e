# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each Molecule scenario is one test: real kind clusters from nothing to destroyed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.clusters import E2E_KUBECONFIG

if TYPE_CHECKING:
    from tests.support.gate import Gate

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
SHORT = {"default"}
"""What 'make test' has."""


@pytest.mark.molecule
@pytest.mark.parametrize(
    "scenario", [pytest.param(name, marks=[] if name in SHORT else [pytest.mark.long]) for name in SCENARIOS]
)
def test_scenario_passes(gate: Gate, scenario: str) -> None:
    # Clusters that are there already are used as they are, and stay.
    stay = ["--destroy=never"] * (os.environ.get("CLUSTERLINK_TEST_KUBECONFIG") == str(E2E_KUBECONFIG))
    if stay:  # Molecule would take those of an earlier run for prepared
        gate("molecule", "reset", "--scenario-name", scenario)
    gate("molecule", "test", "--scenario-name", scenario, *stay, live=True, timeout=3600)
