# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's whole way by jobs that keep its folder in a Secret alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.certificates import secrets_in
from tests.support.jobs import SECRET, fabric_jobs, files, holders

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]


def test_jobs_without_a_folder_of_their_own_keep_one_fabric_whose_key_is_nowhere_else(
    clusters: Clusters, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    with fabric_jobs(clusters, namespace, tmp_path) as jobs:

        def held() -> list[Any]:
            return [
                kubectl.json("get", "secret", "cl-peer", "-n", "clusterlink-system", context=context)["data"]
                for context in clusters.contexts[:2]
            ]

        assert all(jobs("skyshift.clusterlink.site", "--check").values())
        assert "NotFound" in kubectl("get", "secret", SECRET, "-n", namespace, check=False)
        assert all(jobs("skyshift.clusterlink.site").values())
        made, given = files(jobs.pki), held()
        for arguments in ("--check",), ():
            assert jobs("skyshift.clusterlink.site", *arguments) == {"one": 0, "two": 0}
            assert files(jobs.pki) == made
            assert held() == given
        assert jobs("skyshift.clusterlink.certificates", "-e", "certificates_served=false") == {"one": 0, "two": 0}
        # Without the stored folder, the one would report every gateway's certificate, and the other lack them.
        assert jobs("skyshift.clusterlink.drift") == {"one": 0, "two": 0}
        assert jobs("skyshift.clusterlink.upgrade") == {"one": 0, "two": 0}

        assert all(jobs("skyshift.clusterlink.rotate_ca").values())
        rotated = files(jobs.pki)
        assert rotated.keys() == made.keys()
        assert rotated["demo/key.pem"] != made["demo/key.pem"]
        assert jobs("skyshift.clusterlink.site") == {"one": 0, "two": 0}
        assert files(jobs.pki) == rotated

        for each in (made, rotated):
            assert (
                secrets_in(jobs.output, *(content for name, content in each.items() if name.endswith("key.pem"))) == []
            )
        assert "PRIVATE KEY" not in jobs.output
        first, second = clusters.contexts[:2]
        assert holders(kubectl, clusters, made["demo/key.pem"]) == set()
        assert holders(kubectl, clusters, rotated["demo/key.pem"]) == {(first, SECRET)}
        assert holders(kubectl, clusters, rotated["demo/two/key.pem"]) == {(first, SECRET), (second, "cl-peer")}
