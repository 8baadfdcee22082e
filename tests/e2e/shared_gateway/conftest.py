# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway that all tests of this folder share; each leaves it with a certificate of its fabric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.ansible import Ansible
from tests.support.clusters import Clusters
from tests.support.gateways import SHARED_GATEWAY, Fabric, standing
from tests.support.kubectl import Kubectl

DRAIN_SECONDS = 15
"""As long as by default, since one test sees what happens meanwhile."""


@pytest.fixture(scope="package")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Fabric:
    """The certificates of the gateway's fabric."""
    return Fabric(tmp_path_factory.mktemp("fabric"))


@pytest.fixture(scope="package")
def address(
    clusters: Clusters, kubectl: Kubectl, fabric: Fabric, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """Where the gateway is reached."""
    ansible = Ansible(clusters, tmp_path_factory.mktemp("run"))
    with standing(ansible, kubectl, fabric, SHARED_GATEWAY, dataplane_drain_seconds=DRAIN_SECONDS) as address:
        yield address
