# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real API servers without nodes, each test process its own; a test that needs a pod belongs to tests/e2e.

CLUSTERLINK_TEST_KUBECONFIG and CLUSTERLINK_TEST_CONTEXTS (separated by commas) name clusters to use instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bed import bed
from tests.support.clusters import Clusters, named_clusters

SERVERS = 2


@pytest.fixture(scope="session")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """The API servers to test on."""
    if named := named_clusters():
        yield named
        return
    with bed(SERVERS, tmp_path_factory.mktemp("bed")) as servers:
        yield servers
