# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that depend on resources found in the clusters: pods of StatefulSets, and shared namespaces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import permutations

from ..common.naming import backing_name, cluster_host
from .model import Declaration
from .observed import FoundService
from .relays import with_relays
from .resources import Backing
from .services import Service, pod_suffix
from .shared import SharedNamespace
from .topology import can_reach

POD_LABEL = "statefulset.kubernetes.io/pod-name"
_KUBERNETES = ("default", "kubernetes")


def expand(declaration: Declaration) -> Declaration:
    """The declaration with a service for each found pod and shared Service, and notes on what is left out."""
    services: list[Service] = []
    notes = list(declaration.notes)
    for service in declaration.services:
        services += _pods(declaration, service, notes) if service.per_pod else [service]
    plain = replace(declaration, services=tuple(services))
    for namespace in declaration.shared:
        services += _Sharing(plain, namespace, notes).services()
    declaration = replace(declaration, lookups=_lookups(declaration))
    expanded = replace(
        declaration,
        services=tuple(services),
        uncertain=_uncertain(declaration),
        notes=tuple(sorted(set(notes))),
    )
    return with_relays(expanded)


def _lookups(declaration: Declaration) -> dict[str, tuple[str, ...]]:
    """By host, the namespaces to look up: those of the resources, and those of Imports that show others' exports."""
    found: dict[str, set[str]] = {}
    for service in declaration.services:
        if service.per_pod and not service.per_pod.pods:
            for host in service.exported_by:
                found.setdefault(host, set()).add(service.namespace)
            for host in service.imported_by:
                found.setdefault(host, set()).add(service.import_namespace)
    for shared in declaration.shared:
        for host in shared.clusters:
            found.setdefault(host, set()).add(shared.name)
    return {host: tuple(sorted(names)) for host, names in sorted(found.items())}


def _uncertain(declaration: Declaration) -> dict[str, dict[str, str]]:
    """By host, the peers that it may need to reach, because the Services of one of the two are unknown."""
    together = [
        {*service.exported_by, *service.imported_by}
        for service in declaration.services
        if service.per_pod and not service.per_pod.pods
    ]
    together += [set(shared.clusters) for shared in declaration.shared]
    uncertain: dict[str, dict[str, str]] = {}
    for hosts in together:
        for source, target in permutations(sorted(hosts), 2):
            unknown = next((each for each in (target, source) if declaration.unknown(each)), "")
            if unknown and can_reach(declaration, source, target):
                reason = f"it may be needed, because the Services of {unknown} are unknown"
                uncertain.setdefault(source, {}).setdefault(target, reason)
    return uncertain


def _pods(declaration: Declaration, service: Service, notes: list[str]) -> Iterator[Service]:
    """A service for each pod of each exporting cluster, with the Service that selects the pod."""
    per_pod = service.per_pod
    if per_pod is None:
        return
    for peer in service.exported_by:
        found: Iterable[int] | None = range(per_pod.pods)
        if not per_pod.pods:
            found = declaration.observed.ordinals(peer, service.namespace, service.name, declaration.fabric)
        if found is None:
            notes.append(
                f"{peer} has no StatefulSet {service.namespace}/{service.name}, so none of its pods is exported."
            )
        for ordinal in found or ():
            pod = f"{service.name}-{ordinal}"
            backing = Backing(
                namespace=service.namespace,
                name=pod,
                port=service.port,
                target_port=per_pod.target_port,
                selector={POD_LABEL: pod},
                origin=service.origin,
            )
            yield replace(
                service,
                name=pod,
                exported_by=(peer,),
                imported_by=tuple(each for each in service.imported_by if each != peer),
                import_name=f"{service.import_name}-{ordinal}{pod_suffix(service, peer)}",
                per_pod=None,
                backings={peer: backing},
                pod_of=peer if per_pod.by_peer else "",
            )


@dataclass
class _Sharing:
    """The services of one shared namespace."""

    declaration: Declaration
    shared: SharedNamespace
    notes: list[str]
    taken: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = set(_declared_names(self.declaration, self.shared))

    def services(self) -> Iterator[Service]:
        """A service for each Service name in the namespace's clusters."""
        here = self.shared.name
        holders: dict[str, dict[str, FoundService]] = {}
        there: dict[str, set[str]] = {}
        for cluster in self.shared.clusters:
            for name, found in self.declaration.observed.services(cluster, here).items():
                there.setdefault(name, set()).add(cluster)
                if (here, name) != _KUBERNETES and self.shared.selector.matches(found.labels):
                    holders.setdefault(name, {})[cluster] = found
        remembered: dict[str, dict[str, int]] = {}
        for cluster in self.shared.clusters:
            if not self.declaration.observed.knows(cluster, here):
                ports = self.declaration.observed.remembered(cluster, here, self.declaration.fabric)
                for name, port in ports.items():
                    remembered.setdefault(name, {})[cluster] = port
        for name in sorted(holders.keys() | remembered.keys()):
            if name not in self.taken:
                yield from self._service(name, holders.get(name, {}), remembered.get(name, {}), there.get(name, set()))
            elif name in holders:
                self.notes.append(
                    f"Shared namespace {here} does not include {here}/{name}, which is declared separately."
                )

    def _service(
        self, name: str, holders: dict[str, FoundService], remembered: dict[str, int], there: set[str]
    ) -> Iterator[Service]:
        here, members = self.shared.name, self.shared.clusters
        exported = {
            cluster: found.tcp[0].port for cluster, found in holders.items() if self._can_be_shared(cluster, found)
        }
        exported |= {cluster: port for cluster, port in remembered.items() if self._is_reached(cluster)}
        exported = dict(sorted(exported.items()))
        if not exported:
            return
        importers = [each for each in members if exported.keys() - {each}]
        merged = [each for each in importers if each in holders and self._can_merge(each, holders[each])]
        backings: dict[str, Backing] = {}
        points = {cluster: (port, "") for cluster, port in exported.items()}
        for cluster in merged:
            if cluster in exported:
                backing = self._backing(name, holders[cluster])
                backings[cluster] = backing
                points[cluster] = (backing.port, cluster_host(here, backing.name, self._domain(cluster)))
        if len(set(exported.values())) > 1:
            ports = ", ".join(f"{port} in {cluster}" for cluster, port in exported.items())
            self.notes.append(f"{here}/{name} has several ports: {ports}. Clusters without it use the first of these.")
        unknown = [each for each in members if not self.declaration.observed.knows(each, here)]
        for each in importers:
            if each in there and each not in holders:
                self.notes.append(f"{each} does not import {here}/{name}: the selector does not match its own Service.")
        port = min(exported.items())[1]  # the first cluster's, by name
        yield Service(
            namespace=here,
            name=name,
            port=port,
            host="",
            exported_by=tuple(exported),
            imported_by=tuple(
                each for each in importers if each in merged or (each not in there and each not in unknown)
            ),
            merged_in=tuple(merged),
            import_namespace=here,
            import_name=name,
            import_port=port,
            lb_scheme=self.shared.lb_scheme,
            labels={},
            allowed=self.shared.allowed,
            probe=self.shared.probe,
            origin=self.shared.origin,
            backings=backings,
            points=points,
            left=tuple(each for each in exported if each in unknown),
            members=members,
        )

    def _backing(self, name: str, found: FoundService) -> Backing:
        port = found.tcp[0]
        return Backing(
            namespace=self.shared.name,
            name=backing_name(name),
            port=port.port,
            target_port=port.target_port,
            selector=found.selector,
            origin=self.shared.origin,
        )

    def _is_reached(self, cluster: str) -> bool:
        """Whether all other clusters of the namespace can import from it."""
        return all(can_reach(self.declaration, each, cluster) for each in self.shared.clusters if each != cluster)

    def _can_be_shared(self, cluster: str, found: FoundService) -> bool:
        """Whether the Service can be exported, with a note if it cannot, or only in part."""
        what = f"{self.shared.name}/{found.name} of {cluster}"
        why = ""
        if not self._is_reached(cluster):
            why = f"{cluster} has no ingress"
        elif found.type == "ExternalName":
            why = "it is of type ExternalName"
        elif not found.tcp:
            why = "it has no TCP port"
        elif found.headless:
            why = "it is headless; per_pod of clusterlink_services exports the pods of a StatefulSet"
        elif not found.selector:
            why = "it has no selector"
        if why:
            self.notes.append(f"{what} is not shared: {why}.")
        elif len(found.ports) > 1:
            others = [str(each.port) for each in found.tcp[1:]]
            more = f" To export port {' or '.join(others)}, declare a service of another name" if others else ""
            host = f" with host: {cluster_host(self.shared.name, found.name)}." if others else ""
            self.notes.append(f"{what} is shared with its first TCP port only, {found.tcp[0].port}.{more}{host}")
        return not why

    def _domain(self, cluster: str) -> str:
        return self.declaration.peers[cluster].cluster_domain

    def _can_merge(self, cluster: str, found: FoundService) -> bool:
        """Whether imports can be merged into the Service.

        The endpoints that ClusterLink adds have no port name (v0.4.1, pkg/controlplane/control/manager.go), and
        kube-proxy uses only endpoints with the Service's port name.
        """
        if found.headless or not found.selector or not found.tcp or found.type == "ExternalName":
            return False
        if not found.tcp[0].name:
            return True
        self.notes.append(
            f"{self.shared.name}/{found.name} of {cluster} is not merged with those of other clusters, because its "
            "port has a name and ClusterLink's endpoints have none."
        )
        return False


def _declared_names(declaration: Declaration, shared: SharedNamespace) -> Iterator[str]:
    """The names in the namespace that other declarations of its clusters export or import."""
    for service in declaration.services:
        if service.namespace == shared.name and set(service.exported_by) & set(shared.clusters):
            yield service.name
        if service.import_namespace == shared.name and set(service.imported_by) & set(shared.clusters):
            yield service.import_name
    for cluster in shared.clusters:
        peer = declaration.peers[cluster]
        yield from (each.name for each in peer.exports if each.namespace == shared.name)
        yield from (each.name for each in peer.imports if each.namespace == shared.name)
