# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the inventory's variables strictly as a declaration, and check it as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..clusterlink import api
from ..clusterlink.gateway_kinds import EXTERNAL, HOST_INSTALLS, INGRESS_TYPES, NO_INGRESS
from ..common.fields import Item, Report
from ..common.naming import CLUSTER_DOMAIN, dns_subdomain_fault
from ..common.types import Address
from .expansion import expand
from .groups import Clusters
from .links import read_links
from .model import LINK_MODES, ON_DEMAND, ApiServer, Declaration, Peer
from .observed import read_observed
from .peer_names import read_peer_names
from .policies import read_policy
from .resources import PeerEntry, read_access_policy, read_export, read_import, read_peer
from .services import read_service
from .shared import read_shared
from .validate import check

DEFAULT_FABRIC = "fabric"
DEFAULT_GROUP = "clusters"

FABRIC_VARIABLES = ("fabric", "group", "link_mode", "links", "services", "shared_namespaces", "policies")
"""The variables of the whole fabric; in the inventory, their names begin with C(clusterlink_)."""

API_SERVER_VARIABLES = ("kubeconfig", "context", "host")
"""The variables for each host's API server, only to find two hosts that are one cluster."""

HOST_VARIABLES = (
    "peer_name",
    "namespace",
    "cluster_domain",
    "labels",
    "install",
    "ingress_type",
    "gateway_host",
    "gateway_port",
    "peers",
    "exports",
    "imports",
    "access_policies",
)
"""The variables of each host."""


def parse(data: Mapping[str, Any], observed: Mapping[str, Any] | None = None) -> Declaration:
    """The declaration in the data, expanded with the resources found in the clusters.

    Args:
        data: C(FABRIC_VARIABLES) by name; C(groups), every inventory group's hosts; and C(peers), which maps each
            host of C(group) to its C(HOST_VARIABLES).
        observed: The found resources by peer and namespace; a missing namespace is unknown.

    Raises:
        ClusterlinkError: With every problem, each with the path of the inventory's variable.
    """
    report = Report()
    declaration = replace(_read(data, report), observed=read_observed(observed or {}, report))
    check(declaration, report)
    report.raise_any()
    return expand(replace(declaration, notes=report.warnings()))


def parse_addresses(data: Mapping[str, Any], option: str = "addresses") -> dict[str, tuple[Address, ...]]:
    """The gateways' addresses; none for an unknown one.

    Args:
        data: The value of a module's option: C({peer: {"host": str, "port": int}}), a list of these, or null.
        option: The option's name.

    Raises:
        ClusterlinkError: With every problem.
    """
    report = Report()
    addresses: dict[str, tuple[Address, ...]] = {}
    for host, value in data.items():
        where = f"{option}.{host}"
        several = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
        entries = {f"{where}[{index}]": each for index, each in enumerate(value)} if several else {where: value}
        items = [Item(each, path, report) for path, each in entries.items() if each is not None]
        addresses[str(host)] = tuple(
            Address(item.text("host", required=True), item.port(required=True)) for item in items
        )
    report.raise_any()
    return addresses


def _read(data: Mapping[str, Any], report: Report) -> Declaration:
    """Read each part separately and report its problems; unreadable parts are left out."""
    top = Item({key: value for key, value in data.items() if key in ("groups", "peers")}, "", report)
    fabric = _variables({key: value for key, value in data.items() if key not in ("groups", "peers")}, report)
    hosts = {host: _variables(value, report, host) for host, value in top.mapping("peers").items()}
    group = fabric.text("clusterlink_group", DEFAULT_GROUP)
    if not hosts:
        fabric.problem("clusterlink_group", "is a group without hosts", group, "Add a host for each cluster")
    groups = {group: tuple(sorted(hosts)), **_read_groups(top)}
    names = read_peer_names(hosts, groups)
    entries = {
        host: [_renamed(read_peer(each), names) for each in own.items("clusterlink_peers")]
        for host, own in hosts.items()
    }
    externals = frozenset(entry.name for own in entries.values() for entry in own) - set(names.values())
    clusters = Clusters(group, names, groups, externals)
    peers = [_read_host(own, clusters, entries[host]) for host, own in hosts.items()]
    declaration = Declaration(
        fabric=fabric.name("clusterlink_fabric", DEFAULT_FABRIC),
        link_mode=fabric.choice("clusterlink_link_mode", LINK_MODES, ON_DEMAND),
        peers={peer.name: peer for peer in sorted(peers, key=lambda each: each.name)},
        services=tuple(read_service(item, clusters) for item in fabric.items("clusterlink_services")),
        links=tuple(link for item in fabric.items("clusterlink_links") for link in read_links(item, clusters)),
        policies=tuple(read_policy(item, clusters) for item in fabric.items("clusterlink_policies")),
        shared=tuple(read_shared(item, clusters) for item in fabric.items("clusterlink_shared_namespaces")),
    )
    fabric.finish()
    return declaration


def _variables(values: object, report: Report, host: str = "") -> Item:
    """The variables with their names in the inventory."""
    if isinstance(values, Mapping):
        return Item({f"clusterlink_{key}": value for key, value in values.items()}, "", report, host)
    return Item(values, f"peers.{host}", report, host)


def _read_groups(top: Item) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for name in top.mapping("groups"):
        members = Item(top.get("groups"), "groups", top.report).values(name)
        groups[name] = tuple(str(member) for member, _path in members)
    return groups


def _renamed(entry: PeerEntry, names: Mapping[str, str]) -> PeerEntry:
    """The entry with the peer's name in place of its host's."""
    return replace(entry, name=names.get(entry.name, entry.name))


def _read_host(own: Item, clusters: Clusters, entries: list[PeerEntry]) -> Peer:
    name = clusters.hosts[own.host]
    ingress = own.choice("clusterlink_ingress_type", INGRESS_TYPES, INGRESS_TYPES[0])
    gateway_host = own.text("clusterlink_gateway_host")
    gateway_port = own.port("clusterlink_gateway_port")
    reason = f"clusterlink_access_policies of {own.host}"
    peer = Peer(
        name=name,
        host=own.host,
        api_server=ApiServer(
            own.get("clusterlink_kubeconfig"), own.text("clusterlink_context"), own.text("clusterlink_host")
        ),
        namespace=own.name("clusterlink_namespace", api.SYSTEM_NAMESPACE),
        cluster_domain=own.name("clusterlink_cluster_domain", CLUSTER_DOMAIN, fault=dns_subdomain_fault),
        labels=own.labels("clusterlink_labels"),
        external=own.choice("clusterlink_install", HOST_INSTALLS, HOST_INSTALLS[0]) == EXTERNAL,
        outbound_only=ingress == NO_INGRESS and not gateway_host,
        address=Address(gateway_host, gateway_port) if gateway_host and gateway_port else None,
        entries=_by_name(own, name, entries),
        exports=tuple(read_export(item) for item in own.items("clusterlink_exports")),
        imports=tuple(read_import(item, clusters) for item in own.items("clusterlink_imports")),
        policies=tuple(read_access_policy(each, clusters, reason) for each in own.items("clusterlink_access_policies")),
    )
    own.finish()
    return peer


def _by_name(own: Item, name: str, entries: list[PeerEntry]) -> dict[str, PeerEntry]:
    named: dict[str, PeerEntry] = {}
    for entry in entries:
        if entry.name == name:
            own.report.add(entry.origin.where, "is the cluster itself", entry.name, "Name another peer", own.host)
        if entry.name in named:
            first = named[entry.name].origin.where
            own.report.add(entry.origin.where, f"names the same peer as {first}", entry.name, "Remove one", own.host)
        named.setdefault(entry.name, entry)
    return named
