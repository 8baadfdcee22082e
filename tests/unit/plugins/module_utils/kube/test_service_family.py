# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address family of a cluster's Services."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.service_family import first_family
from tests.unit.fakes import MemoryCluster


def family(*specs: dict[str, Any], status: int = 0) -> str:
    metadata = {"name": "kubernetes", "namespace": "default"}
    cluster = MemoryCluster(*({"kind": "Service", "metadata": metadata, "spec": spec} for spec in specs))
    if status:
        refusal = ApiError(Problem("Service default/kubernetes", "is not permitted"), status=status)
        cluster.refusals["get", Ref("Service", "kubernetes", "default")] = refusal
    return first_family(cast("Cluster", cluster))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"clusterIP": "10.96.0.1", "ipFamilies": ["IPv4"]}, "IPv4"),
        ({"clusterIP": "fd00::1", "ipFamilies": ["IPv6"]}, "IPv6"),
        ({"clusterIP": "fd00::1", "ipFamilies": ["IPv6", "IPv4"]}, "IPv6"),
        ({"clusterIP": "fd00::1"}, "IPv6"),
        ({"clusterIP": "None"}, ""),
        ({}, ""),
    ],
)
def test_it_is_that_of_the_api_servers_own_service(spec: dict[str, Any], expected: str) -> None:
    assert family(spec) == expected


def test_what_may_not_be_read_is_unknown_and_other_errors_are_raised() -> None:
    assert family() == family({"clusterIP": "fd00::1"}, status=403) == ""
    with pytest.raises(ApiError):
        family(status=500)
