# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find rules and policies that never match because a name does not exist.

Who writes policies may not be who declares exports, with this collection or without it. So a service that no cluster of
the declaration exports is no problem, and a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..clusterlink import api
from ..common.fields import Report
from ..common.naming import did_you_mean
from .cluster_resources import ClusterResources, may_come_from, may_come_from_outside
from .model import Declaration
from .resources import AccessPolicy, Origin
from .selectors import Requirement, Selector
from .services import Service

_Name = tuple[str, str]


def check_policies(declaration: Declaration, resources: Mapping[str, ClusterResources], report: Report) -> None:
    """Report rules whose clients do not exist, and policies whose namespace does not exist."""
    # The importers of a shared Service depend on found resources; check_shared checks its rules.
    shared = {each.origin for each in declaration.shared}
    for service in (each for each in declaration.services if each.origin not in shared):
        _check_allowed(declaration, resources, service, report)
    namespaces = {each for own in resources.values() for each in own.namespaces} | _open_namespaces(declaration)
    for index, fabric_policy in enumerate(declaration.policies):
        namespace = fabric_policy.policy.namespace
        if namespace and not fabric_policy.clusters and namespace not in namespaces:
            where = f"clusterlink_policies[{index}].namespace"
            fix = did_you_mean(namespace, namespaces) or "Name the policy's clusters"
            report.add(where, "is a namespace without any export or import", namespace, fix)


def unknown_services(declaration: Declaration, resources: Mapping[str, ClusterResources]) -> dict[Origin, str]:
    """By policy, the warning that it names a service which no cluster of the declaration exports."""
    known = {(each.namespace, each.name) for own in resources.values() for each in own.exports}
    known |= {(each.namespace, each.name) for own in resources.values() for i in own.imports for each in i.sources}
    return {
        policy.origin: warning
        for policy in _declared(declaration)
        for selector in policy.services
        if (warning := _unknown_service(policy, selector, known, _open_namespaces(declaration)))
    }


def _declared(declaration: Declaration) -> Iterable[AccessPolicy]:
    yield from (each.policy for each in declaration.policies)
    for peer in declaration.peers.values():
        yield from peer.policies


def _open_namespaces(declaration: Declaration) -> set[str]:
    """The namespaces of found resources, which may have any name."""
    return {each for namespaces in declaration.lookups.values() for each in namespaces}


def _unknown_service(policy: AccessPolicy, selector: Selector, known: set[_Name], open_namespaces: set[str]) -> str:
    names = [each for each in selector.requirements if each.key in (api.EXPORT_NAME, api.EXPORT_NAMESPACE)]
    wanted = [each.values for each in names if each.key == api.EXPORT_NAME and each.operator == "In"]
    if not wanted or any(_fits(names, name) for name in known):
        return ""
    where = [each for each in names if each.key == api.EXPORT_NAMESPACE]
    if any(all(each.matches({api.EXPORT_NAMESPACE: name}) for each in where) for name in open_namespaces):
        return ""
    spaces = next((f"{'|'.join(each.values)}/" for each in where if each.operator == "In"), "")
    found = "|".join(wanted[0])
    fix = did_you_mean(found, {name for _namespace, name in known})
    what = f"The policy {policy} of {policy.origin.owner} names the service {spaces}{found}, which no cluster exports"
    return f"{what} here. {fix}." if fix else f"{what} here."


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
