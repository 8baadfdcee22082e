# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of the fabric: who exports it, who imports it, and who may use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import api
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.groups import Clusters
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.names import policy_name, service_name_fault
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.reader import Item, flag
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.resources import (
    DEFAULT_NAMESPACE,
    AccessPolicy,
    Export,
    Import,
    Origin,
    Probe,
    Source,
    read_labels,
    read_probe,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.selector_grammar import read_allowed
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.selectors import Requirement, Selector


@dataclass(frozen=True)
class Service:
    """One entry of C(clusterlink_services).

    Attributes:
        namespace: The exports' namespace.
        name: The exports' name.
        port: The port of the exported Service.
        host: What the exports point to instead of the Service of the same name; empty for that Service.
        exported_by: Clusters, in the order given, which is that of preference under C(static).
        imported_by: Clusters.
        merged_in: The importing clusters that have a Service of the import's name already.
        import_namespace: The imports' namespace.
        import_name: The imports' name.
        import_port: The port at which importing clusters offer it.
        lb_scheme: How an import chooses among its sources.
        labels: Labels of exports and imports, on which policies can select.
        allowed: The clients that may use it; none means that nobody may.
        probe: How its imports are tried.
        origin: Where it was declared.
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

    def export(self) -> Export:
        """What each exporting cluster holds of it."""
        return Export(self.namespace, self.name, self.port, self.host, self.labels, self.origin)

    def imported(self, cluster: str) -> Import | None:
        """What an importing cluster holds of it; nothing where there is no other cluster to import it from."""
        sources = tuple(Source(peer, self.name, self.namespace) for peer in self.exported_by if peer != cluster)
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
        )

    def policy(self, namespace: str, clients: tuple[Selector, ...]) -> AccessPolicy:
        """The policy that lets these clients through to this service and no other."""
        service = Selector.of(
            [
                Requirement(api.EXPORT_NAME, "In", (self.name,)),
                Requirement(api.EXPORT_NAMESPACE, "In", (self.namespace,)),
            ]
        )
        name = policy_name(self.name, self.namespace)
        return AccessPolicy(name, namespace, "allow", clients, (service,), self.origin)


def read_service(item: Item, clusters: Clusters) -> Service:
    """Read an entry of C(clusterlink_services)."""
    name = item.name(required=True, fault=service_name_fault)
    namespace = item.name("namespace", DEFAULT_NAMESPACE)
    port = item.port(required=True)
    exported_by = clusters.many(item, "exported_by")
    if not item.get("exported_by"):
        item.problem("exported_by", "names no cluster, so nobody exports the service", fix="Name a host or a group")
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
        allowed=tuple(_read_rule(rule, clusters) for rule in item.items("allow")),
        probe=read_probe(item.item("probe")),
        origin=Origin(item.where, "", f"service {namespace}/{name}"),
    )
    import_as.finish()
    item.finish()
    return service


def _read_merge(item: Item, clusters: Clusters, imported_by: tuple[str, ...]) -> tuple[str, ...]:
    """The clusters of C(merge): true for all importing ones, or hosts and groups."""
    value = item.get("merge")
    everywhere = flag(value)
    if everywhere is not None:
        return imported_by if everywhere else ()
    merged = clusters.many(item, "merge")
    for cluster in merged:
        if cluster not in imported_by:
            fix = "Add it to imported_by, or leave it out of merge"
            item.problem("merge", f"names the cluster {cluster}, which does not import the service", value, fix)
    return merged


def _read_rule(rule: Item, clusters: Clusters) -> Selector:
    selector = read_allowed(rule.item("from"), clusters)
    rule.finish()
    return selector
