# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one cluster holds of a fabric: peers, exports, imports and policies, as its own four lists declare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..clusterlink import api
from ..common.fields import Item, flag
from ..common.naming import service_name_fault
from .groups import Clusters
from .selector_grammar import read_client, read_list, read_service
from .selectors import Selector

DEFAULT_NAMESPACE = "default"
PRIVILEGED = "privileged"
NAMESPACED = "namespaced"
TIERS = (PRIVILEGED, NAMESPACED)
PROBE_SCHEMES = ("http", "https", "tcp")


@dataclass(frozen=True)
class Origin:
    """Where something was declared.

    Attributes:
        where: The variable path.
        host: The host whose own variable it is; empty for the fabric's.
        reason: What it is for, in words that do not depend on the order of lists: C(service default/web).
    """

    where: str
    host: str
    reason: str


@dataclass(frozen=True, order=True)
class Address:
    """Where a gateway is reached: a host name or IP, and a TCP port."""

    host: str
    port: int


@dataclass(frozen=True)
class PeerEntry:
    """A peer that a cluster is given by hand, with the addresses at which this cluster reaches it."""

    name: str
    gateways: tuple[Address, ...]
    origin: Origin


@dataclass(frozen=True)
class Export:
    """A Service offered to the fabric; C(host) instead of the Service of the same name when it is not empty."""

    namespace: str
    name: str
    port: int
    host: str
    labels: Mapping[str, str]
    origin: Origin


@dataclass(frozen=True)
class Backing:
    """A Service that this collection makes in an exporting cluster, for an export to point to.

    Attributes:
        namespace: The export's namespace.
        name: Its own name.
        port: Its port.
        target_port: The pods' port, or its name.
        selector: The labels of the pods behind it.
        origin: Where what it is for was declared.
    """

    namespace: str
    name: str
    port: int
    target_port: int | str
    selector: Mapping[str, str]
    origin: Origin


@dataclass(frozen=True, order=True)
class Source:
    """An export of a peer that an import draws on."""

    peer: str
    name: str
    namespace: str


@dataclass(frozen=True)
class Probe:
    """How an import is tried: the scheme, the HTTP path asked for, and a text that the answer has to hold."""

    scheme: str = "http"
    path: str = "/"
    contains: str = ""


@dataclass(frozen=True)
class Import:
    """A local stand-in for exports of peers.

    Attributes:
        namespace: Its own, and the Service's that it makes.
        name: Likewise.
        port: Where clients find it.
        sources: As declared: the order is that of preference under C(static), and means nothing else.
        lb_scheme: How a source is chosen.
        merge: Whether the sources are added to a Service that is there already.
        labels: By which policies of this cluster know the service.
        origin: Where it was declared.
        probe: How it is tried.
    """

    namespace: str
    name: str
    port: int
    sources: tuple[Source, ...]
    lb_scheme: str
    merge: bool
    labels: Mapping[str, str]
    origin: Origin
    probe: Probe = field(default_factory=Probe)


@dataclass(frozen=True)
class AccessPolicy:
    """An access policy; without a namespace it is of the privileged tier."""

    name: str
    namespace: str
    action: str
    clients: tuple[Selector, ...]
    services: tuple[Selector, ...]
    origin: Origin


def read_labels(item: Item) -> dict[str, str]:
    """Labels for an object; those that the collection sets itself are problems."""
    labels = item.labels()
    for key in (api.MANAGED_BY_LABEL, api.FABRIC_LABEL, api.MERGE_LABEL):
        if key in labels:
            fix = "Set merge: true instead" if key == api.MERGE_LABEL else "Leave it out"
            item.problem(f"labels.{key}", "is set by the collection", labels.pop(key), fix)
    return labels


def read_probe(item: Item) -> Probe:
    """Read how an import is tried: scheme, path, contains."""
    scheme = item.choice("scheme", PROBE_SCHEMES, PROBE_SCHEMES[0])
    path = item.text("path", "/")
    if not path.startswith("/"):
        item.problem("path", "must start with '/'", path)
    if scheme == "tcp":
        for key in sorted(item.keys() & {"path", "contains"}):
            item.problem(key, "cannot stand beside the scheme tcp, which only connects", fix="Leave it out")
    probe = Probe(scheme, path, item.text("contains"))
    item.finish()
    return probe


def read_peer(item: Item) -> PeerEntry:
    """Read an entry of C(clusterlink_peers): name, and host and port or a list of gateways."""
    name = item.name(required=True)
    if "gateways" in item:
        gateways = tuple(read_address(each) for each in item.items("gateways"))
        if not item.get("gateways"):
            item.problem("gateways", "names no address", item.get("gateways"), "Name a host and a port")
        for key in sorted(item.keys() & {"host", "port"}):
            item.problem(key, "cannot stand beside gateways", fix="Give one host and port, or a list of gateways")
    else:
        gateways = (Address(item.text("host", required=True), item.port(required=True)),)
    item.finish(also=["gateways", "host", "port"])
    return PeerEntry(name, gateways, Origin(item.where, item.host, f"clusterlink_peers of {item.host}"))


def read_address(item: Item) -> Address:
    """Read a gateway's address: host and port."""
    address = Address(item.text("host", required=True), item.port(required=True))
    item.finish()
    return address


def read_export(item: Item) -> Export:
    """Read an entry of C(clusterlink_exports): name, namespace, port, host, labels."""
    export = Export(
        name=item.name(required=True, fault=service_name_fault),
        namespace=item.name("namespace", DEFAULT_NAMESPACE),
        port=item.port(required=True),
        host=item.text("host"),
        labels=read_labels(item),
        origin=Origin(item.where, item.host, f"clusterlink_exports of {item.host}"),
    )
    item.finish()
    return export


def read_import(item: Item, clusters: Clusters) -> Import:
    """Read an entry of C(clusterlink_imports): name, namespace, port, sources, lb_scheme, merge, labels, probe."""
    name = item.name(required=True, fault=service_name_fault)
    namespace = item.name("namespace", DEFAULT_NAMESPACE)
    lb_scheme = item.choice("lb_scheme", api.LB_SCHEMES, api.LB_SCHEMES[0])
    port = item.port(required=True)
    merge = flag(item.get("merge") or False)
    if merge is None:
        item.problem("merge", "must be true or false", item.get("merge"))
    if not item.get("sources", required=True):
        item.problem("sources", "names no source", item.get("sources"), "Name a peer that exports the service")
    sources = [_read_source(each, name, namespace, clusters) for each in item.items("sources")]
    labels = read_labels(item)
    probe = read_probe(item.item("probe"))
    item.finish()
    reason = f"clusterlink_imports of {item.host}: {namespace}/{name}"
    return Import(
        namespace=namespace,
        name=name,
        port=port,
        sources=tuple(sources),
        lb_scheme=lb_scheme,
        merge=bool(merge),
        labels=labels,
        origin=Origin(item.where, item.host, reason),
        probe=probe,
    )


def read_access_policy(item: Item, clusters: Clusters | None, reason: str) -> AccessPolicy:
    """Read a policy: name, tier, namespace, action, from, to.

    A policy without a namespace has to say C(tier: privileged), so that a forgotten one does not rule a whole cluster.

    Args:
        item: The mapping that holds it.
        clusters: Resolves hosts and groups; without it C(peers) are names of peers as they stand.
        reason: What its origin says.
    """
    namespace = item.name("namespace")
    tier = item.choice("tier", TIERS, NAMESPACED)
    if tier == PRIVILEGED and namespace:
        item.problem("namespace", "cannot stand in a policy of the privileged tier", namespace, "Leave one of them out")
    if tier == NAMESPACED and not namespace:
        item.problem("namespace", "is required", fix="Name the import's or export's, or set tier: privileged")
    policy = AccessPolicy(
        name=item.name(required=True),
        namespace=namespace,
        action=item.choice("action", api.POLICY_ACTIONS, api.POLICY_ACTIONS[0]),
        clients=read_list(item, "from", read_client, clusters),
        services=read_list(item, "to", read_service, clusters),
        origin=Origin(item.where, item.host, reason),
    )
    item.finish()
    return policy


def _read_source(item: Item, name: str, namespace: str, clusters: Clusters) -> Source:
    peer = clusters.one(item, "peer", external=True)
    if peer and peer == item.host:
        item.problem("peer", "is the importing cluster itself", peer, "Name another cluster")
    source = Source(
        peer=peer,
        name=item.name("export_name", name, fault=service_name_fault),
        namespace=item.name("export_namespace", namespace),
    )
    item.finish()
    return source
