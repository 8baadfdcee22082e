# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find policies that never match because a name does not exist."""

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


def check_policies(declaration: Declaration, resources: Mapping[str, ClusterResources], report: Report) -> None:
    """Report policies whose service, clients or namespace does not exist."""
    known = {(each.namespace, each.name) for own in resources.values() for each in own.exports}
    known |= {(each.namespace, each.name) for own in resources.values() for i in own.imports for each in i.sources}
    # Found resources may have any name.
    open_namespaces = {each for namespaces in declaration.lookups.values() for each in namespaces}
    for policy in _declared(declaration):
        _check_services(policy, known, open_namespaces, report)
    # The importers of a shared Service depend on found resources; check_shared checks its rules.
    shared = {each.origin for each in declaration.shared}
    for service in (each for each in declaration.services if each.origin not in shared):
        _check_allowed(declaration, resources, service, report)
    namespaces = {each for own in resources.values() for each in own.namespaces} | open_namespaces
    for index, fabric_policy in enumerate(declaration.policies):
        namespace = fabric_policy.policy.namespace
        if namespace and not fabric_policy.clusters and namespace not in namespaces:
            where = f"clusterlink_policies[{index}].namespace"
            fix = did_you_mean(namespace, namespaces) or "Name the policy's clusters"
            report.add(where, "is a namespace without any export or import", namespace, fix)


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
            f"{policy.origin.where}.to[{index}]",
            "names a service that no cluster exports",
            found,
            fix,
            policy.origin.host,
        )


def _fits(requirements: Iterable[Requirement], name: _Name) -> bool:
    attributes = {api.EXPORT_NAMESPACE: name[0], api.EXPORT_NAME: name[1]}
    return all(each.matches(attributes) for each in requirements)


def _check_allowed(
    declaration: Declaration, resources: Mapping[str, ClusterResources], service: Service, report: Report
) -> None:
    """Report rules of C(allow) that match no cluster that imports the service."""
    importers = [
        declaration.peers[host]
        for host, own in resources.items()
        if any(
            (source.namespace, source.name) == (service.namespace, service.name)
            for each in own.imports
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
                "matches no cluster that imports the service",
                None,
                fix,
            )
