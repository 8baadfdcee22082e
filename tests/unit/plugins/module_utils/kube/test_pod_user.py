# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster's platform assigns user and group ids to pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.pod_user import assigns_user_ids

if TYPE_CHECKING:
    from tests.unit.fakes import Api


@pytest.mark.parametrize(
    ("status", "body", "assigns"),
    [
        (200, {"kind": "APIGroup", "name": "security.openshift.io"}, True),
        (404, b"404 page not found\n", False),
        (403, {"kind": "Status", "message": "no discovery"}, False),
    ],
)
def test_the_api_group_of_openshift_tells_it(api: Api, status: int, body: object, assigns: bool) -> None:
    api.will(status, body)
    assert assigns_user_ids(api.cluster()) is assigns
    assert api.asked[0].path == "/apis/security.openshift.io"


def test_a_server_that_fails_is_no_answer(api: Api) -> None:
    api.will(500, {"kind": "Status", "message": "out of order"})
    with pytest.raises(ApiError, match="out of order"):
        assigns_user_ids(api.cluster(limit=0))
