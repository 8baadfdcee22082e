# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of one cluster: peers, exports, imports and policies, as the four lists of its host declare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..clusterlink import api
from ..common.fields import Item, flag
from ..common.naming import service_name_fault
from ..common.types import Address
from .groups import Clusters
from .selector_grammar import read_client, read_list, read_service
from .selectors import Selector

DEFAULT_NAMESPACE = "default"
PRIVILEGED = "privileged"
NAMESPACED = "namespaced"
TIERS = (PRIVILEGED, NAMESPACED)
AUTO = "auto"
PROBE_SCHEMES = (AUTO, "http", "https", "tcp")


@dataclass(frozen=True)
class Origin:
    """The place of a declaration.

    Attributes:
        where: The variable path.
        host: The host of a host variable; empty for a variable of the fabric.
        reason: Its purpose, independent of the order of lists: C(service default/web).
    """

    where: str
    host: str
    reason: str

    @property
    def owner(self) -> str:
        """Whose it is, for a sentence: the host of a host variable, or else the variable."""
        return self.host or self.where.partition("[")[0]


@dataclass(frozen=True)
class PeerEntry:
    """An entry of C(clusterlink_peers): a peer, with the addresses at which this cluster reaches it."""

    name: str
    gateways: tuple[Address, ...]
    origin: Origin


@dataclass(frozen=True)
class Export:
    """An exported Service; a C(host) that is not empty replaces the Service of the same name."""

    namespace: str
    name: str
    port: int
    host: str
    labels: Mapping[str, str]
    origin: Origin


@dataclass(frozen=True)
class Backing:
    """A Service that this collection creates in an exporting cluster for an export.

    Attributes:
        namespace: The export's namespace.
        name: The Service's name.
        port: The Service's port.
        target_port: The pods' port, or its name.
        selector: The labels of its pods.
        origin: Where the export is declared.
        headless: Whether it has no IP address, so that its name leads to the pods'.
    """

    namespace: str
    name: str
    port: int
    target_port: int | str
    selector: Mapping[str, str]
    origin: Origin
    headless: bool = False


@dataclass(frozen=True, order=True)
class Source:
    """A source of an import: an export of a peer."""

    peer: str
    name: str
    namespace: str


@dataclass(frozen=True)
class Probe:
    """How an import is probed: the scheme, the HTTP path, and a text that the response must contain.

    With C(auto), HTTP is asked where it is spoken, and elsewhere a connection is enough.
    """

    scheme: str = AUTO
    path: str = "/"
    contains: str = ""


@dataclass(frozen=True)
class Import:
    """An import: a local Service for exports of peers.

    Attributes:
        namespace: The namespace of the Import and its Service.
        name: The name of the Import and its Service.
        port: The Service's port.
        sources: The sources in their declared order, which is the order of preference for C(static) alone.
        lb_scheme: How a source is chosen.
        merge: Whether the sources are merged into an existing Service.
        labels: The labels on which policies of this cluster can select.
        origin: Where it is declared.
        probe: How it is probed.
        target_port: The port of the data planes for it; zero to leave the choice to ClusterLink.
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
    target_port: int = 0


@dataclass(frozen=True)
class AccessPolicy:
    """An access policy; without a namespace, it has the privileged tier."""

    name: str
    namespace: str
    action: str
    clients: tuple[Selector, ...]
    services: tuple[Selector, ...]
    origin: Origin

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def read_labels(item: Item) -> dict[str, str]:
    """Labels for an object; labels that the collection sets are problems."""
    labels = item.labels()
    for key in (api.MANAGED_BY_LABEL, api.FABRIC_LABEL, api.MERGE_LABEL):
        if key in labels:
            fix = "Set merge: true instead" if key == api.MERGE_LABEL else "Leave it out"
            item.problem(f"labels.{key}", "is set by the collection", labels.pop(key), fix)
    return labels


def read_probe(item: Item) -> Probe:
    """Read a probe: scheme, path, contains. Whoever expects a path or a text expects HTTP."""
    asks = item.keys() & {"path", "contains"}
    scheme = item.choice("scheme", PROBE_SCHEMES, "http" if asks else AUTO)
    path = item.text("path", "/")
    if not path.startswith("/"):
        item.problem("path", "must start with '/'", path)
    if scheme in ("tcp", AUTO):
        for key in sorted(asks):
            what = f"cannot be combined with the scheme {scheme}, for which a connection is enough"
            item.problem(key, what, fix="Leave it out, or set the scheme to http or https")
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
            item.problem(key, "cannot be combined with gateways", fix="Give one host and port, or a list of gateways")
    else:
        gateways = (Address(item.text("host", required=True), item.port(required=True)),)
    item.finish(also=["gateways", "host", "port"])
    return PeerEntry(name, gateways, Origin(item.where, item.host, f"clusterlink_peers of {item.host}"))


def read_address(item: Item) -> Address:
    """Read a gateway's address: host and port."""
    address = Address(item.text("host", required=True), item.port(required=True))
    item.finish()
    return address


ONLY_TCP = {"protocol": "cannot be chosen, since ClusterLink forwards only TCP"}
"""For C(Item.finish): what a service cannot have."""


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
    item.finish(impossible=ONLY_TCP)
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
    item.finish(impossible=ONLY_TCP)
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

    A policy without a namespace must set C(tier: privileged), so that a missing namespace does not affect a whole
    cluster.

    Args:
        item: The policy's mapping.
        clusters: Resolves hosts and groups; without it, C(peers) are literal names of peers.
        reason: The reason of its origin.
    """
    namespace = item.name("namespace")
    tier = item.choice("tier", TIERS, NAMESPACED)
    if tier == PRIVILEGED and namespace:
        item.problem("namespace", "cannot be combined with tier: privileged", namespace, "Leave one of them out")
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
    source = Source(
        peer=peer,
        name=item.name("export_name", name, fault=service_name_fault),
        namespace=item.name("export_namespace", namespace),
    )
    item.finish()
    return source
