# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificate_info cannot look at: no gateway has to be there for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ansible import Ansible, Call

if TYPE_CHECKING:
    from tests.support.clusters import Clusters

pytestmark = pytest.mark.cluster


def look(**options: Any) -> Call:
    return Call("certificate_info", {"namespace": "clusterlink-system", **options})


def test_what_cannot_be_looked_at_is_said(run_module: Ansible, clusters: Clusters) -> None:
    elsewhere, half, hasty, denied, away = run_module.each(
        Call("certificate_info", {"context": "no-such-context"}),
        look(gateway_host="192.0.2.1", cluster=False),
        look(timeout=0),
        look(impersonate_user="nobody"),
        Call(
            "certificate_info",
            {
                "host": "https://127.0.0.1:1",
                "api_key": "none",
                "kubeconfig": str(clusters.kubeconfig),
                "retry_timeout": 1,
            },
        ),
    )
    for result, said in (
        (elsewhere, "no-such-context"),
        (half, "gateway_port: is missing"),
        (hasty, "timeout: is no time to wait"),
        (away, "https://127.0.0.1:1: the API server is unreachable"),
    ):
        assert result["failed"]
        assert said in result["msg"]
    assert not denied.get("failed"), "what may not be read is an entry with its fault"
    assert denied["certificates"]
    assert all("not permitted to" in each["fault"] for each in denied["certificates"])
