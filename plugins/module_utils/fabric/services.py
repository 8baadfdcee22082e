# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of the fabric: who exports it, who imports it, and who may use it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..clusterlink import api
from ..common.fields import Item, flag
from ..common.naming import MAX_NAME, policy_name, service_name_fault
from .groups import Clusters
from .resources import (
    DEFAULT_NAMESPACE,
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
    """How the pods of a StatefulSet are exported, each by itself.

    Attributes:
        by_peer: Whether imports carry the exporting cluster's name, C(web-0-east), so that several can export.
        pods: How many there are; zero when that is to be looked up.
        target_port: The pods' port, or its name.
    """

    by_peer: bool
    pods: int
    target_port: int | str


@dataclass(frozen=True)
class Service:
    """A service: an entry of C(clusterlink_services), or what is made of one that is looked up.

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
        per_pod: How each pod is exported by itself, where it is; the expansion makes a service of each.
        backings: By exporting cluster, the Service made there for its export.
        points: By exporting cluster, the export's port and host where they are not those above.
        left: The exporting clusters of which too little is known to write their export.
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

    def export(self, cluster: str) -> Export:
        """What an exporting cluster holds of it."""
        port, host = self.points.get(cluster, (self.port, self.host))
        return Export(self.namespace, self.name, port, host, self.labels, self.origin)

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
        allowed=read_allow(item, clusters),
        probe=read_probe(item.item("probe")),
        origin=Origin(item.where, "", f"service {namespace}/{name}"),
        per_pod=_read_per_pod(item, exported_by, port),
    )
    if service.per_pod:
        _check_pod_names(item, service)
    import_as.finish()
    item.finish()
    return service


def _read_per_pod(item: Item, exported_by: tuple[str, ...], port: int) -> PerPod | None:
    """C(per_pod): true, or C(by_peer); with C(pods) and C(target_port), which mean nothing without it."""
    value = item.get("per_pod")
    every = value if value == BY_PEER else flag(value or False)
    pods = item.count("pods", MAX_PODS)
    target_port = _read_target_port(item, port)
    if every is None:
        item.problem("per_pod", f"must be true, false or {BY_PEER}", value)
        return None
    if not every:
        for key in sorted(item.keys() & {"pods", "target_port"}):
            item.problem(key, "means something only with per_pod", item.get(key), "Set per_pod, or leave it out")
        return None
    for key in sorted(item.keys() & {"host", "merge"}):
        item.problem(key, "cannot stand beside per_pod", item.get(key), "Leave one of them out")
    if every is True and len(exported_by) > 1:
        what = f"is true, and {' and '.join(sorted(exported_by))} have pods of the same names"
        fix = f"Set per_pod: {BY_PEER}, which names imports like {item.get('name')}-0-{min(exported_by)}"
        item.problem("per_pod", what, value, f"{fix}, or let one cluster export it")
    # Told apart in any case, so that the same fault is not found again in each pod.
    return PerPod(every == BY_PEER or len(exported_by) > 1, pods, target_port)


def _read_target_port(item: Item, port: int) -> int | str:
    value = item.get("target_port")
    if isinstance(value, str) and PORT_NAME.fullmatch(value):
        return value
    return item.port("target_port", port)


def _check_pod_names(item: Item, service: Service) -> None:
    """Note names of pods' Services that would be too long."""
    last = (service.per_pod.pods if service.per_pod and service.per_pod.pods else MAX_PODS) - 1
    for name, key in ((service.name, "name"), (service.import_name, "import_as.name")):
        suffixes = [""] if key == "name" else [pod_suffix(service, peer) for peer in service.exported_by]
        longest = max((f"{name}-{last}{suffix}" for suffix in suffixes), key=len, default="")
        if len(name) <= MAX_NAME < len(longest):
            what = f"makes names like {longest}, and a Service's has at most {MAX_NAME} characters"
            item.problem(key if key in item or key == "name" else "import_as", what, name, "Choose a shorter name")
            break


def pod_suffix(service: Service, peer: str) -> str:
    """What the names of imports of the peer's pods end with."""
    return f"-{peer}" if service.per_pod and service.per_pod.by_peer else ""


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


def read_allow(item: Item, clusters: Clusters) -> tuple[Selector, ...]:
    """The clients of C(allow)."""
    return tuple(_read_rule(rule, clusters) for rule in item.items("allow"))


def _read_rule(rule: Item, clusters: Clusters) -> Selector:
    selector = read_allowed(rule.item("from"), clusters)
    rule.finish()
    return selector
