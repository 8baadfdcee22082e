# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway in a namespace that denies every connection by default, where NetworkPolicies are enforced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.enforced import enforced
from tests.support.fabrics import EAST, WEST, TwoClusters, populated

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SYSTEM = "clusterlink-system"
DENY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "default-deny", "namespace": SYSTEM},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}
NAMED = f"NetworkPolicy {SYSTEM}/default-deny may keep"


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoClusters]:
    made = TwoClusters(clusters, kubectl, tmp_path_factory.mktemp("fabric"))
    with populated(made, kubectl), enforced(kubectl, list(made.contexts.values())):
        made.must("site")
        yield made


def test_denied_gateway_is_named_and_works_with_policies_of_its_own(
    fabric: TwoClusters, kubectl: Kubectl, run_module: Ansible
) -> None:
    asked = {"context": fabric.contexts[WEST], "name": "web", "namespace": fabric.namespace, "port": 80}
    from_client = {"client": {"labels": {"app": "frontend"}}, "count": 5, "scheme": "http"}
    assert run_module("probe", {**asked, **from_client}).get("ok"), "nothing denies yet"

    for peer in (EAST, WEST):
        kubectl.apply(DENY, context=fabric.contexts[peer])
    try:
        refused = run_module("probe", {**asked, **from_client, "expect": "refused"})
        assert refused.get("ok"), f"the policy is not enforced: {refused}"
        failed = " ".join(fabric.must("site", "--tags", "verify", code=2).output.split())
        assert NAMED in failed

        fabric.variables["clusterlink_network_policy"] = True
        run = fabric.must("site")
        assert NAMED not in " ".join(run.output.split())
        answered = run_module("probe", {**asked, **from_client, "count": 20, "wait_timeout": 0})
        assert answered.get("ok"), answered
        assert fabric.must("site").changed == 0
    finally:
        for peer in (EAST, WEST):
            kubectl("delete", "networkpolicy", "default-deny", "-n", SYSTEM, context=fabric.contexts[peer])
