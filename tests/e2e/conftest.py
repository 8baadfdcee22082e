# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real kind clusters for what needs gateways, pods or traffic: one set for all such tests.

CLUSTERLINK_TEST_KUBECONFIG and CLUSTERLINK_TEST_CONTEXTS (separated by commas) name clusters that are there, which the
tests then use and leave there. Otherwise the role lab makes three bare ones, and removes them at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from tests.support.ansible import Ansible
from tests.support.clusters import E2E_KUBECONFIG, E2E_NAMES, Clusters, kind_clusters, named_clusters
from tests.support.gateways import Fabric, bring, said_last
from tests.support.kubectl import Kubectl


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what the gateways said last: they are gone before anybody can look."""
    report = yield
    found = getattr(item, "funcargs", {}).get("clusters")
    if report.failed and call.when == "call" and isinstance(found, Clusters):
        kubectl = Kubectl(found)
        report.sections += [(f"gateways of {context}", said_last(kubectl, context)) for context in found.contexts]
    return report


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    """The clusters to test on."""
    if named := named_clusters():
        yield named
        return
    with kind_clusters(E2E_NAMES, E2E_KUBECONFIG) as kind:
        yield kind


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Fabric:
    """A fabric's certificates, for all tests of a module."""
    return Fabric(tmp_path_factory.mktemp("fabric"))


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
