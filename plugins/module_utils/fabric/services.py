# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of the fabric: its exporting clusters, its importing clusters, and its clients."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..clusterlink import api
from ..common.fields import Item, flag
from ..common.naming import MAX_NAME, policy_name, service_name_fault
from .groups import Clusters
from .resources import (
    DEFAULT_NAMESPACE,
    ONLY_TCP,
    AccessPolicy,
    Backing,
    Export,
    Import,
    Origin,
    Probe,
    Source,
    read_labels,
    read_probe,
)
from .selector_grammar import read_allowed
from .selectors import Requirement, Selector

BY_PEER = "by_peer"
MAX_PODS = 1000
PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")


@dataclass(frozen=True)
class PerPod:
    """How each pod of a StatefulSet is exported separately.

    Attributes:
        by_peer: Whether import names end with the exporting cluster, as C(web-0-east), so that several can export.
        pods: How many pods there are; zero to look it up.
        target_port: The pods' port, or its name.
    """

    by_peer: bool
    pods: int
    target_port: int | str


@dataclass(frozen=True)
class Service:
    """A service: an entry of C(clusterlink_services), or one from a found resource.

    Attributes:
        namespace: The exports' namespace.
        name: The exports' name.
        port: The port of the exported Service.
        host: The exports' host; empty for the Service of the same name.
        exported_by: The exporting clusters, in the given order, which is the order of preference for C(static).
        imported_by: The importing clusters.
        merged_in: The importing clusters whose imports are merged into an existing Service.
        import_namespace: The imports' namespace.
        import_name: The imports' name.
        import_port: The imports' port.
        lb_scheme: How an import chooses among its sources.
        labels: Labels of exports and imports, on which policies can select.
        allowed: The clients that may use it; empty for none.
        probe: How its imports are probed.
        origin: Where it is declared.
        per_pod: How each pod is exported separately; the expansion turns each into a service.
        backings: By exporting cluster, the Service that the collection creates for the export.
        points: By exporting cluster, an export's port and host that differ from those above.
        left: The exporting clusters whose namespace is unknown, so that their export cannot be written.
        members: The clusters of its shared namespace, which may import it although it is unknown whether they do.
        relay: Whether the exporting clusters export their import of that name again.
        relayed_in: By importing cluster that exports the import again, the import's target port.
        pod_of: The exporting cluster, if it is a pod's service and other clusters may have a pod of that name.
    """

    namespace: str
    name: str
    port: int
    host: str
    exported_by: tuple[str, ...]
    imported_by: tuple[str, ...]
    merged_in: tuple[str, ...]
    import_namespace: str
    import_name: str
    import_port: int
    lb_scheme: str
    labels: Mapping[str, str]
    allowed: tuple[Selector, ...]
    probe: Probe
    origin: Origin
    per_pod: PerPod | None = None
    backings: Mapping[str, Backing] = field(default_factory=dict)
    points: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    pod_of: str = ""
    relay: bool = False
    relayed_in: Mapping[str, int] = field(default_factory=dict)

    def export(self, cluster: str) -> Export:
        """The export of an exporting cluster."""
        port, host = self.points.get(cluster, (self.port, self.host))
        return Export(self.namespace, self.name, port, host, self.labels, self.origin)

    def is_own_source(self, cluster: str) -> bool:
        """Whether a cluster that exports and imports the service is one of its sources.

        Not under the export's name: that Service has the cluster's own pods already, alone or merged with others.
        """
        renamed = (self.import_namespace, self.import_name) != (self.namespace, self.name)
        return cluster in self.exported_by and cluster not in self.merged_in and (renamed or bool(self.host))

    def imported(self, cluster: str) -> Import | None:
        """The import of an importing cluster; None when it has no source."""
        peers = [each for each in self.exported_by if each != cluster or self.is_own_source(cluster)]
        sources = tuple(Source(peer, self.name, self.namespace) for peer in peers)
        if not sources:
            return None
        return Import(
            namespace=self.import_namespace,
            name=self.import_name,
            port=self.import_port,
            sources=sources,
            lb_scheme=self.lb_scheme,
            merge=cluster in self.merged_in,
            labels=self.labels,
            origin=self.origin,
            probe=self.probe,
            target_port=self.relayed_in.get(cluster, 0),
        )

    def policy(self, namespace: str, clients: tuple[Selector, ...], peers: Iterable[str] = ()) -> AccessPolicy:
        """The policy that allows these clients to call this service only; with C(peers), only their exports of it."""
        exporters = tuple(sorted(peers))
        service = Selector.of(
            [
                Requirement(api.EXPORT_NAME, "In", (self.name,)),
                Requirement(api.EXPORT_NAMESPACE, "In", (self.namespace,)),
                *([Requirement(api.PEER_NAME, "In", exporters)] if exporters else []),
            ]
        )
        # Pods of several clusters have the same names, and each has its own clients.
        name = policy_name(self.name, f"{self.namespace}.{self.pod_of}" if self.pod_of else self.namespace)
        return AccessPolicy(name, namespace, "allow", clients, (service,), self.origin)


def read_service(item: Item, clusters: Clusters) -> Service:
    """Read an entry of C(clusterlink_services)."""
    name = item.name(required=True, fault=service_name_fault)
    namespace = item.name("namespace", DEFAULT_NAMESPACE)
    port = item.port(required=True)
    exported_by = clusters.many(item, "exported_by")
    if not item.get("exported_by"):
        item.problem("exported_by", "names no cluster, so no cluster exports it", fix="Name a host or a group")
    imported_by = clusters.many(item, "imported_by")
    import_as = item.item("import_as")
    service = Service(
        namespace=namespace,
        name=name,
        port=port,
        host=item.text("host"),
        exported_by=exported_by,
        imported_by=imported_by,
        merged_in=_read_merge(item, clusters, imported_by),
        import_namespace=import_as.name("namespace", namespace),
        import_name=import_as.name("name", name, fault=service_name_fault),
        import_port=import_as.port("port", port),
        lb_scheme=item.choice("lb_scheme", api.LB_SCHEMES, api.LB_SCHEMES[0]),
        labels=read_labels(item),
        allowed=read_allow(item, clusters),
        probe=read_probe(item.item("probe")),
        origin=Origin(item.where, "", f"service {namespace}/{name}"),
        per_pod=_read_per_pod(item, exported_by, port),
        relay=_read_relay(item),
    )
    if service.per_pod:
        _check_pod_names(item, service)
    import_as.finish()
    item.finish(impossible=ONLY_TCP)
    return service


def _read_per_pod(item: Item, exported_by: tuple[str, ...], port: int) -> PerPod | None:
    """C(per_pod): true, or C(by_peer); with C(pods) and C(target_port), which need it."""
    value = item.get("per_pod")
    every = value if value == BY_PEER else flag(value or False)
    pods = item.count("pods", MAX_PODS)
    target_port = _read_target_port(item, port)
    if every is None:
        item.problem("per_pod", f"must be true, false or {BY_PEER}", value)
        return None
    if not every:
        for key in sorted(item.keys() & {"pods", "target_port"}):
            item.problem(key, "needs per_pod", item.get(key), "Set per_pod, or leave it out")
        return None
    for key in sorted(item.keys() & {"host", "merge"}):
        item.problem(key, "cannot be combined with per_pod", item.get(key), "Leave one of them out")
    if every is True and len(exported_by) > 1:
        what = f"is true, and {' and '.join(sorted(exported_by))} have pods with the same names"
        fix = f"Set per_pod: {BY_PEER}, which names imports like {item.get('name')}-0-{min(exported_by)}"
        item.problem("per_pod", what, value, f"{fix}, or let one cluster export it")
    # With distinct names, so that each pod does not repeat this problem.
    return PerPod(every == BY_PEER or len(exported_by) > 1, pods, target_port)


def _read_relay(item: Item) -> bool:
    relay = flag(item.get("relay") or False)
    if relay is None:
        item.problem("relay", "must be true or false", item.get("relay"))
    for key in sorted(item.keys() & {"host", "merge", "per_pod"}) if relay else ():
        if item.get(key):
            item.problem(key, "cannot be combined with relay", item.get(key), "Leave one of them out")
    return bool(relay)


def _read_target_port(item: Item, port: int) -> int | str:
    value = item.get("target_port")
    if isinstance(value, str) and PORT_NAME.fullmatch(value):
        return value
    return item.port("target_port", port)


def _check_pod_names(item: Item, service: Service) -> None:
    """Report names of pods' Services that are too long."""
    last = (service.per_pod.pods if service.per_pod and service.per_pod.pods else MAX_PODS) - 1
    for name, key in ((service.name, "name"), (service.import_name, "import_as.name")):
        suffixes = [""] if key == "name" else [pod_suffix(service, peer) for peer in service.exported_by]
        longest = max((f"{name}-{last}{suffix}" for suffix in suffixes), key=len, default="")
        if len(name) <= MAX_NAME < len(longest):
            what = f"leads to names like {longest}, and a Service name has at most {MAX_NAME} characters"
            item.problem(key if key in item or key == "name" else "import_as", what, name, "Choose a shorter name")
            break


def pod_suffix(service: Service, peer: str) -> str:
    """The suffix of the names of imports of the peer's pods."""
    return f"-{peer}" if service.per_pod and service.per_pod.by_peer else ""


def _read_merge(item: Item, clusters: Clusters, imported_by: tuple[str, ...]) -> tuple[str, ...]:
    """The clusters of C(merge): true for all importing clusters, or hosts and groups."""
    value = item.get("merge")
    everywhere = flag(value)
    if everywhere is not None:
        return imported_by if everywhere else ()
    merged = clusters.many(item, "merge")
    for cluster in merged:
        if cluster not in imported_by:
            fix = "Add it to imported_by, or remove it from merge"
            item.problem("merge", f"names the cluster {cluster}, which does not import the service", value, fix)
    return merged


def read_allow(item: Item, clusters: Clusters) -> tuple[Selector, ...]:
    """The clients of C(allow)."""
    if item.is_null("allow"):
        item.problem("allow", "is null", fix="List the clients that may call, or remove the key")
    return tuple(_read_rule(rule, clusters) for rule in item.items("allow"))


def _read_rule(rule: Item, clusters: Clusters) -> Selector:
    """A rule's clients; only C(from: {}) is every client, so that a forgotten value opens nothing."""
    if not rule.keys():
        what = "is null" if rule.is_null("from") else "is required"
        rule.problem("from", what, fix="Name the clients, or write from: {} for every client")
    selector = read_allowed(rule.item("from"), clusters)
    rule.finish()
    return selector
