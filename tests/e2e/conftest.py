# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real kind clusters for what needs gateways, pods or traffic: one set for all such tests.

CLUSTERLINK_TEST_KUBECONFIG and CLUSTERLINK_TEST_CONTEXTS (separated by commas) name clusters that are there, which the
tests then use and leave there. Otherwise the role lab makes three bare ones, and removes them at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible import Ansible
from tests.support.clusters import Clusters, lab, named_clusters
from tests.support.gateways import Fabric, bring, standing
from tests.support.kubectl import Kubectl
from tests.support.paths import ROOT

NAMES = ("e2e-a", "e2e-b", "e2e-c")
OWN_KUBECONFIG = ROOT / ".build" / "e2e" / "kubeconfig"

_own: list[Path] = []
"""The kubeconfig of clusters that were made here, while they are there."""


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    """The clusters to test on."""
    if named := named_clusters():
        yield named
        return
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


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Fabric:
    """A fabric's certificates, for all tests of a module."""
    return Fabric(tmp_path_factory.mktemp("fabric"))


@pytest.fixture(scope="module")
def address(
    request: pytest.FixtureRequest,
    clusters: Clusters,
    kubectl: Kubectl,
    fabric: Fabric,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Any]]:
    """Where a gateway is reached that stands in the namespace C(SPACE) of the module, with its C(OPTIONS), if any."""
    ansible, module = Ansible(clusters, tmp_path_factory.mktemp("run")), request.module
    with standing(ansible, kubectl, fabric, module.SPACE, **getattr(module, "OPTIONS", {})) as address:
        yield address


@pytest.fixture
def present(run_module: Ansible, east: dict[str, str]) -> Callable[..., dict[str, Any]]:
    """Foretells a change of a module's C(east) in check mode, makes it, and runs again to see that nothing is left."""

    def change(*, changed: bool = True, **options: Any) -> dict[str, Any]:
        return bring(run_module, {**east, **options}, changed=changed)

    return change


@pytest.fixture
def installed(run_module: Ansible, east: dict[str, str]) -> dict[str, Any]:
    """A gateway as it is without any choice made, made or set back where it is not so."""
    result = run_module("gateway", east)
    assert not result.get("failed"), result["msg"]
    return result
