# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How gateways authorize a connection with their policies (ClusterLink v0.4.1, pkg/controlplane/authz).

Both the importing and the exporting gateway decide, each with the policies of its own cluster. The first match counts:
a privileged deny, a privileged allow, a namespaced deny, a namespaced allow. Without a match, the connection is denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..clusterlink import api
from .selectors import Selector

POLICY_KINDS = ("AccessPolicy", "PrivilegedAccessPolicy")


@dataclass(frozen=True)
class Client:
    """A pod that calls a service."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    service_account: str = "default"


@dataclass(frozen=True)
class Decision:
    """The decision of one gateway.

    Attributes:
        allowed: Whether the connection is allowed.
        by: The policy that decides, as C(AccessPolicy default/allow-web.default); empty when none matches.
        reason: The reason, as a sentence without a full stop.
    """

    allowed: bool
    by: str
    reason: str


@dataclass(frozen=True)
class _Policy:
    namespace: str
    denies: bool
    name: str
    clients: tuple[Selector, ...]
    services: tuple[Selector, ...]

    def matches(self, client: Mapping[str, str], service: Mapping[str, str]) -> bool:
        return any(each.matches(service) for each in self.services) and any(
            each.matches(client) for each in self.clients
        )


class Policies:
    """The policies of one cluster, as its gateway evaluates them."""

    def __init__(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Read the policies among these Kubernetes objects, except those that a gateway refuses."""
        policies = [_read(each) for each in objects if each["kind"] in POLICY_KINDS and _is_valid(each["spec"])]
        self._by_namespace: dict[str, list[_Policy]] = {}
        for policy in sorted(policies, key=lambda each: (not each.denies, each.name)):
            self._by_namespace.setdefault(policy.namespace, []).append(policy)
        self._selects_clients = any(selector.requirements for policy in policies for selector in policy.clients)

    def decide(self, client: Mapping[str, str], service: Mapping[str, str], namespace: str) -> Decision:
        """The gateway's decision; for the arguments, see C(decide)."""
        if not client and self._selects_clients:
            return Decision(False, "", "the client is unknown, and a policy selects clients")
        for policy in (*self._by_namespace.get("", ()), *self._by_namespace.get(namespace, ())):
            if policy.matches(client, service):
                return Decision(
                    not policy.denies, policy.name, f"{policy.name} {'denies' if policy.denies else 'allows'} it"
                )
        return Decision(False, "", "no policy allows it")

    def allowed_clients(self, service: Mapping[str, str], namespace: str) -> Iterator[Selector]:
        """The clients that the policies allow to call the service, unless another policy denies it."""
        for policy in (*self._by_namespace.get(namespace, ()), *self._by_namespace.get("", ())):
            if not policy.denies and any(each.matches(service) for each in policy.services):
                yield from policy.clients


def decide(
    policies: Iterable[Mapping[str, Any]], client: Mapping[str, str], service: Mapping[str, str], namespace: str
) -> Decision:
    """One gateway's decision on a connection. It names the first by name of several equal policies.

    Args:
        policies: The cluster's AccessPolicy and PrivilegedAccessPolicy objects; other kinds are ignored.
        client: The client's attributes; empty for a client that is not a pod.
        service: The service's attributes.
        namespace: The import's namespace in the importing cluster, the export's in the exporting one.
    """
    return Policies(policies).decide(client, service, namespace)


@dataclass(frozen=True)
class Side:
    """One cluster of a connection.

    Attributes:
        peer: The peer's name.
        labels: The peer's labels.
        exports: The labels of its Export objects, by namespace and name.
        policies: Its policies.
    """

    peer: str
    labels: Mapping[str, str]
    exports: Mapping[tuple[str, str], Mapping[str, str]]
    policies: Policies

    @classmethod
    def of(cls, peer: str, labels: Mapping[str, str], objects: Iterable[Mapping[str, Any]]) -> Side:
        """The side of a peer with these peer labels and objects of the fabric."""
        objects = tuple(objects)
        exports = {
            _identity(each): each["metadata"].get("labels") or {} for each in objects if each["kind"] == "Export"
        }
        return cls(peer, labels, exports, Policies(objects))


@dataclass(frozen=True)
class Verdict:
    """Both gateways' decisions on a client's connection to one source of an import.

    Attributes:
        peer: The source's peer.
        importing: The importing gateway's decision.
        exporting: The exporting gateway's decision; None when the importing one denies, or the peer is unknown.
    """

    peer: str
    importing: Decision
    exporting: Decision | None

    @property
    def allowed(self) -> bool:
        """Whether the connection is allowed, as far as known."""
        return self.importing.allowed and (self.exporting is None or self.exporting.allowed)


def explain(
    client: Client, importing: Side, imported: Mapping[str, Any], exporters: Mapping[str, Side]
) -> list[Verdict]:
    """The verdicts on a client's connections to an import, one for each of its sources.

    Args:
        client: The pod.
        importing: The pod's cluster.
        imported: The Import object.
        exporters: The exporting clusters, by peer; a missing one counts as allowing.
    """
    attributes = client_attributes(client, importing.peer, importing.labels)
    namespace = imported["metadata"]["namespace"]
    verdicts = []
    for source in imported["spec"]["sources"]:
        exporter = exporters.get(source["peer"])
        decision = importing.policies.decide(attributes, source_attributes(imported, source, exporter), namespace)
        exporting = _decide_export(attributes, exporter, source) if exporter and decision.allowed else None
        verdicts.append(Verdict(source["peer"], decision, exporting))
    return verdicts


def source_attributes(imported: Mapping[str, Any], source: Mapping[str, str], exporter: Side | None) -> dict[str, str]:
    """The attributes that an importing gateway knows of a source: its service labels are those of the import."""
    labels = imported["metadata"].get("labels") or {}
    peer_labels = exporter.labels if exporter else {}
    return service_attributes(source["exportName"], source["exportNamespace"], labels, source["peer"], peer_labels)


def peer_attributes(peer: str, labels: Mapping[str, str]) -> dict[str, str]:
    """A peer's attributes, which policies can select on."""
    return {api.PEER_NAME: peer, **_prefixed(api.PEER_LABELS, labels)}


def client_attributes(client: Client, peer: str, peer_labels: Mapping[str, str]) -> dict[str, str]:
    """A client's attributes, which policies can select on."""
    return {
        **peer_attributes(peer, peer_labels),
        api.CLIENT_NAMESPACE: client.namespace,
        api.CLIENT_SERVICE_ACCOUNT: client.service_account,
        **_prefixed(api.CLIENT_LABELS, client.labels),
    }


def service_attributes(
    name: str, namespace: str, labels: Mapping[str, str], peer: str, peer_labels: Mapping[str, str]
) -> dict[str, str]:
    """The attributes of a peer's exported service, which policies can select on."""
    return {
        **peer_attributes(peer, peer_labels),
        api.EXPORT_NAME: name,
        api.EXPORT_NAMESPACE: namespace,
        **_prefixed(api.EXPORT_LABELS, labels),
    }


def _decide_export(client: Mapping[str, str], exporter: Side, source: Mapping[str, str]) -> Decision:
    name, namespace = source["exportName"], source["exportNamespace"]
    labels = exporter.exports.get((namespace, name))
    if labels is None:
        return Decision(False, "", f"{exporter.peer} does not export {namespace}/{name}")
    service = service_attributes(name, namespace, labels, exporter.peer, exporter.labels)
    return exporter.policies.decide(client, service, namespace)


def _is_valid(spec: Mapping[str, Any]) -> bool:
    """Whether a gateway accepts a policy; a refused one has no effect (v0.4.1, AccessPolicySpec.Validate)."""
    lists = [spec.get("from") or [], spec.get("to") or []]
    forms = [each.get("workloadSelector") for selectors in lists for each in selectors]
    return all(lists) and all(form is not None and Selector.from_dict(form).valid for form in forms)


def _read(policy: Mapping[str, Any]) -> _Policy:
    namespace, name = _identity(policy)
    spec = policy["spec"]
    return _Policy(
        namespace=namespace,
        denies=spec["action"] == "deny",
        name=f"{policy['kind']} {namespace}/{name}" if namespace else f"{policy['kind']} {name}",
        clients=tuple(Selector.from_dict(each["workloadSelector"]) for each in spec["from"]),
        services=tuple(Selector.from_dict(each["workloadSelector"]) for each in spec["to"]),
    )


def _identity(each: Mapping[str, Any]) -> tuple[str, str]:
    return each["metadata"].get("namespace", ""), each["metadata"]["name"]


def _prefixed(prefix: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}{key}": value for key, value in labels.items()}
