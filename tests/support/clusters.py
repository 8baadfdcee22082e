# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clusters that tests run on, and how the role lab makes them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.ansible import ansible_environment
from tests.support.paths import ROOT


@dataclass(frozen=True)
class Clusters:
    """The clusters to test on: their kubeconfig and contexts."""

    kubeconfig: Path
    contexts: tuple[str, ...]


def lab(state: str, names: Sequence[str], kubeconfig: Path) -> None:
    """Have the role lab make (C(present)) or remove (C(absent)) bare kind clusters.

    Args:
        state: As for the role.
        names: Of the clusters; their contexts are C(kind-NAME).
        kubeconfig: Where their access is written.
    """
    settings = {
        "lab_state": state,
        "lab_clusters": list(names),
        "lab_kubeconfig": str(kubeconfig),
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    command = ["ansible-playbook", "-i", "localhost,", "playbooks/lab.yml", "-e", json.dumps(settings)]
    run = subprocess.run(
        command,
        cwd=ROOT,
        env=ansible_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        pytest.fail(f"the test clusters could not be made {state}:\n{run.stdout}", pytrace=False)
