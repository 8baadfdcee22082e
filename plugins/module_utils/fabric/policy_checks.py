# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies that can never match because of a name that nothing has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..clusterlink import api
from ..common.fields import Report
from ..common.naming import did_you_mean
from .cluster_resources import ClusterResources, may_come_from, may_come_from_outside
from .model import Declaration
from .resources import AccessPolicy
from .selectors import Requirement
from .services import Service

_Name = tuple[str, str]


def check_policies(declaration: Declaration, held: Mapping[str, ClusterResources], report: Report) -> None:
    """Note policies whose service, clients or namespace nobody has."""
    known = {(each.namespace, each.name) for holding in held.values() for each in holding.exports}
    known |= {(each.namespace, each.name) for holding in held.values() for i in holding.imports for each in i.sources}
    # What has to be looked up may have any name.
    open_namespaces = {each for namespaces in declaration.lookups.values() for each in namespaces}
    for policy in _declared(declaration):
        _check_services(policy, known, open_namespaces, report)
    # Who imports a shared Service depends on what is found, and its rules were looked at before.
    shared = {each.origin for each in declaration.shared}
    for service in (each for each in declaration.services if each.origin not in shared):
        _check_allowed(declaration, held, service, report)
    namespaces = {each for holding in held.values() for each in holding.namespaces} | open_namespaces
    for index, fabric_policy in enumerate(declaration.policies):
        namespace = fabric_policy.policy.namespace
        if namespace and not fabric_policy.clusters and namespace not in namespaces:
            where = f"clusterlink_policies[{index}].namespace"
            fix = did_you_mean(namespace, namespaces) or "Name the clusters that shall have the policy"
            report.add(where, "is a namespace from or to which no cluster exports or imports anything", namespace, fix)


def _declared(declaration: Declaration) -> Iterable[AccessPolicy]:
    yield from (each.policy for each in declaration.policies)
    for peer in declaration.peers.values():
        yield from peer.policies


def _check_services(policy: AccessPolicy, known: set[_Name], open_namespaces: set[str], report: Report) -> None:
    for index, selector in enumerate(policy.services):
        names = [each for each in selector.requirements if each.key in (api.EXPORT_NAME, api.EXPORT_NAMESPACE)]
        if not any(each.key == api.EXPORT_NAME for each in names) or any(_fits(names, name) for name in known):
            continue
        where = [each for each in names if each.key == api.EXPORT_NAMESPACE]
        if any(all(each.matches({api.EXPORT_NAMESPACE: name}) for each in where) for name in open_namespaces):
            continue
        found = ", ".join("|".join(each.values) for each in sorted(names, key=lambda each: each.key, reverse=True))
        wanted = next(("|".join(each.values) for each in names if each.key == api.EXPORT_NAME), "")
        fix = did_you_mean(wanted, {name for _namespace, name in known}) or "Name a service that a cluster exports"
        report.add(
            f"{policy.origin.where}.to[{index}]", "names a service that nobody exports", found, fix, policy.origin.host
        )


def _fits(requirements: Iterable[Requirement], name: _Name) -> bool:
    attributes = {api.EXPORT_NAMESPACE: name[0], api.EXPORT_NAME: name[1]}
    return all(each.matches(attributes) for each in requirements)


def _check_allowed(
    declaration: Declaration, held: Mapping[str, ClusterResources], service: Service, report: Report
) -> None:
    """Note rules of C(allow) that leave out every cluster that imports the service."""
    importers = [
        declaration.peers[host]
        for host, holding in held.items()
        if any(
            (source.namespace, source.name) == (service.namespace, service.name)
            for each in holding.imports
            for source in each.sources
        )
    ]
    outsiders = declaration.outsiders()
    if not importers:
        return
    for index, client in enumerate(service.allowed):
        inside = any(may_come_from(client, peer) for peer in importers)
        if not inside and not any(may_come_from_outside(client, peer) for peer in outsiders):
            fix = f"Clusters that import it: {', '.join(sorted(peer.name for peer in importers))}"
            report.add(
                f"{service.origin.where}.allow[{index}].from",
                "leaves out every cluster that imports the service",
                None,
                fix,
            )
