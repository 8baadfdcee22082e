# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real clusters for tests of the modules.

CLUSTERLINK_TEST_KUBECONFIG and CLUSTERLINK_TEST_CONTEXTS (separated by commas) name clusters that are there, which the
tests then use and leave there. Otherwise the role lab makes three bare ones, and removes them at the end.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.support.clusters import Clusters, lab
from tests.support.paths import ROOT

NAMES = ("cl-test-a", "cl-test-b", "cl-test-c")
OWN_KUBECONFIG = ROOT / ".build" / "integration" / "kubeconfig"

_own: list[Path] = []
"""The kubeconfig of clusters that were made here, while they are there."""


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    """The clusters to test on."""
    kubeconfig = os.environ.get("CLUSTERLINK_TEST_KUBECONFIG")
    contexts = tuple(name for name in os.environ.get("CLUSTERLINK_TEST_CONTEXTS", "").split(",") if name)
    if kubeconfig and contexts:
        yield Clusters(Path(kubeconfig), contexts)
        return
    if kubeconfig or contexts:
        pytest.fail("CLUSTERLINK_TEST_KUBECONFIG and CLUSTERLINK_TEST_CONTEXTS go together: set both, or none")
    _own.append(OWN_KUBECONFIG)
    try:
        lab("present", NAMES, OWN_KUBECONFIG)
        yield Clusters(OWN_KUBECONFIG, tuple(f"kind-{name}" for name in NAMES))
    finally:
        _remove_own()


def _remove_own() -> None:
    if _own:
        _own.clear()
        lab("absent", NAMES, OWN_KUBECONFIG)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None]:
    """Remove our own clusters after the last test that may use them: what comes then has the machine to itself."""
    try:
        return (yield)
    finally:
        if nextitem is None or not nextitem.path.is_relative_to(Path(__file__).parent):
            _remove_own()
