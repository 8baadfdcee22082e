# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way of tests/integration/test_no_secrets.py with gateways that serve: what they show is searched, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.watched import go_the_whole_way, watched_fabric

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl


@pytest.mark.cluster
@pytest.mark.long
def test_a_fabrics_whole_way_tells_no_secret(clusters: Clusters, kubectl: Kubectl, tmp_path: Path) -> None:
    with watched_fabric(clusters, tmp_path / "fabric", clusterlink_ingress_type="NodePort") as fabric:
        go_the_whole_way(fabric, kubectl, clusters)
        fabric.run("certificates.yml")
        fabric.require_secrecy()
