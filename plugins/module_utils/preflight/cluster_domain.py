# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domain of a cluster's Services, as CoreDNS is set up, and what ClusterLink cannot do under another. Pure.

ClusterLink v0.4.1 writes cluster.local into the Services of imports (pkg/controlplane/control/manager.go) and into the
addresses of exports without a host (pkg/controlplane/xds/manager.go). No setting of ClusterLink changes it; with
clusterlink_cluster_domain the plan gives exports a host, and refuses imports that would not resolve.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..common.naming import CLUSTER_DOMAIN
from ..errors import Problem

CONFIG_MAPS = ("coredns", "coredns-custom")
"""CoreDNS's configuration in namespace kube-system, as kubeadm and k3s write it; it may import the second."""


def foreign_domains(configuration: Sequence[str], declared: str) -> list[str]:
    """The domains of Services when the declared one is not among them; nothing where that is unknown.

    Args:
        configuration: CoreDNS's configuration files. Any that names the domain, as C(rewrite) may, serves it.
        declared: The domain.
    """
    lines = [line.partition("#")[0].split() for text in configuration for line in text.splitlines()]
    named = re.compile(rf"(?<![a-z0-9-]){re.escape(declared)}")
    if any(named.search(word) for line in lines for word in line):
        return []
    served = [_zones(line[1:]) for line in lines if line[:1] == ["kubernetes"]]
    # Without zones of its own the plugin serves those of its server; variables are known to CoreDNS alone.
    if not all(served) or any("{$" in zone or "{%" in zone for zones in served for zone in zones):
        return []
    found = sorted({zone for zones in served for zone in zones})
    return [] if "" in found else found


def _zones(words: Sequence[str]) -> list[str]:
    named = words[: words.index("{")] if "{" in words else words
    return [word.rstrip(".") for word in named if not word.rstrip(".").endswith(".arpa")]


def domain_problems(clusters: Mapping[str, Mapping[str, Any]], declared: Mapping[str, str]) -> Iterator[Problem]:
    """Every cluster in which names under the declared domain do not resolve.

    Args:
        clusters: By host, what C(cluster.read_cluster) returned.
        declared: By host, C(clusterlink_cluster_domain).
    """
    for host, cluster in clusters.items():
        domains = cluster["foreign_domains"]
        if domains:
            what = f"serves another cluster domain than {declared[host]}"
            yield Problem("ConfigMap kube-system/coredns", what, ", ".join(domains), _fix(domains), host)


def _fix(domains: Sequence[str]) -> str:
    if CLUSTER_DOMAIN in domains:
        return "Remove clusterlink_cluster_domain"
    return (
        f"Let CoreDNS serve both: write kubernetes {domains[0]} {CLUSTER_DOMAIN} in its Corefile. Or set"
        f" clusterlink_cluster_domain: {domains[0]} for a cluster that only exports"
    )
