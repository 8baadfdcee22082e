# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters in which ClusterLink's names do not resolve."""

from __future__ import annotations

from typing import cast

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.cluster import find_foreign_domains
from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.cluster_domain import (
    domain_problems,
    foreign_domains,
)
from tests.unit.fakes import MemoryCluster

KUBEADM = """.:53 {
    errors
    kubernetes %s in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    forward . /etc/resolv.conf
}
"""


@pytest.mark.parametrize(
    ("configuration", "found"),
    [
        ([KUBEADM % "cluster.local"], []),
        ([KUBEADM % "corp.example"], ["corp.example"]),
        ([KUBEADM % "corp.example."], ["corp.example"]),
        ([KUBEADM % "corp.example cluster.local"], []),
        ([KUBEADM % "corp.example" + "# not cluster.local"], ["corp.example"]),
        ([KUBEADM % "corp.example", "rewrite name suffix .cluster.local .corp.example answer auto"], []),
        ([KUBEADM % "{$DOMAIN}"], []),
        ([KUBEADM % ""], []),
        ([KUBEADM % "."], []),
        (["corp.example {\n    kubernetes\n}"], []),
        ([". {\n    forward . 192.0.2.1\n}"], []),
        ([], []),
    ],
)
def test_the_domains_are_foreign_where_nothing_serves_that_of_clusterlink(
    configuration: list[str], found: list[str]
) -> None:
    assert foreign_domains(configuration, "cluster.local") == found


@pytest.mark.parametrize(
    ("configuration", "found"),
    [
        ([KUBEADM % "cluster.local"], ["cluster.local"]),
        ([KUBEADM % "corp.example"], []),
        ([KUBEADM % "cluster.local corp.example."], []),
        ([KUBEADM % "cluster.local", "rewrite name suffix .corp.example .cluster.local answer auto"], []),
        ([KUBEADM % "mycorp.example"], ["mycorp.example"]),
        ([], []),
    ],
)
def test_a_declared_domain_is_looked_for_as_well(configuration: list[str], found: list[str]) -> None:
    assert foreign_domains(configuration, "corp.example") == found


def config_map(name: str, text: str) -> dict[str, object]:
    metadata = {"name": name, "namespace": "kube-system"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"Corefile": text}}


def test_the_imported_configuration_is_read_too() -> None:
    corefile = config_map("coredns", KUBEADM % "corp.example")
    alone = MemoryCluster(corefile)
    both = MemoryCluster(corefile, config_map("coredns-custom", "rewrite name suffix .cluster.local .corp.example"))
    found = [find_foreign_domains(cast("Cluster", each), "cluster.local") for each in (alone, both)]
    assert found == [["corp.example"], []]


def test_what_may_not_be_read_is_unknown() -> None:
    cluster = MemoryCluster(config_map("coredns", KUBEADM % "corp.example"))
    forbidden = Ref("ConfigMap", "coredns-custom", "kube-system")
    cluster.refusals["get", forbidden] = ApiError(Problem("coredns-custom", "is forbidden"), status=403)
    assert find_foreign_domains(cast("Cluster", cluster), "cluster.local") == []


def test_the_refusal_names_the_domain_and_what_to_write() -> None:
    clusters = {"east": {"foreign_domains": ["corp.example"]}, "west": {"foreign_domains": []}}
    declared = {"east": "cluster.local", "west": "cluster.local"}
    (problem,) = map(str, domain_problems(clusters, declared))
    assert problem.startswith("east: ConfigMap kube-system/coredns: serves another cluster domain than cluster.local")
    assert "(found: corp.example)" in problem
    assert "kubernetes corp.example cluster.local" in problem
    assert "clusterlink_cluster_domain: corp.example" in problem


def test_a_declared_domain_that_nothing_serves_is_refused() -> None:
    clusters = {"east": {"foreign_domains": ["cluster.local"]}, "west": {"foreign_domains": []}}
    (problem,) = map(str, domain_problems(clusters, {"east": "corp.example", "west": "corp.example"}))
    assert problem.startswith("east: ConfigMap kube-system/coredns: serves another cluster domain than corp.example")
    assert problem.endswith("(found: cluster.local). Remove clusterlink_cluster_domain.")
    clusters["east"] = {"foreign_domains": ["other.example"]}
    (problem,) = map(str, domain_problems(clusters, {"east": "corp.example", "west": "corp.example"}))
    assert "clusterlink_cluster_domain: other.example" in problem
