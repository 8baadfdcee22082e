#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compile a fabric's declaration to the objects of each cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_plan
short_description: Compile a fabric's declaration to the objects of each cluster
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Takes what the inventory says of the whole fabric, checks it, and compiles it to the exact Kubernetes objects that
    each cluster has to hold. It writes nothing, and talks to no cluster unless O(look_up) says so.
  - Without O(declaration) it gathers the C(clusterlink_) variables of every host of the group that C(clusterlink_group)
    names (C(clusters) unless set), also of hosts that C(--limit) leaves out.
  - Every problem is reported at once, each with its variable's path, the value found, and what to do.
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
options:
  addresses:
    description:
      - Where each cluster's gateway is reached, a mapping from the host to V(host) and V(port).
      - Peers whose address is missing or null here, and not declared with C(clusterlink_gateway_host) and
        C(clusterlink_gateway_port), are pending in the plan.
    type: dict
    default: {}
  declaration:
    description:
      - The declaration as plain data, instead of the inventory's variables. The keys are those variables without
        C(clusterlink_), and have the same forms.
      - "Of the fabric: V(fabric), V(group), V(link_mode), V(links), V(services), V(shared_namespaces), V(policies), and
        V(groups), which maps each group's name to its hosts."
      - "V(peers) maps each host to what is its own: V(namespace), V(labels), V(ingress_type), V(gateway_host),
        V(gateway_port), V(peers), V(exports), V(imports), V(access_policies)."
    type: dict
  observed:
    description:
      - What was found of that which the declaration leaves to be looked up (RV(plan.lookups)), a mapping from each host
        to its namespaces, as RV(skyshift.clusterlink.service_info#module:namespaces) has them.
      - A host or namespace that is missing or null could not be looked at. What it has is not known then. What others
        import from it is planned as it is, and nothing there is to be removed.
    type: dict
    default: {}
  look_up:
    description:
      - What to read from the clusters, also from those that C(--limit) leaves out, before the plan is compiled.
      - V(gateways) reads the addresses of the gateways that O(addresses) does not have.
      - V(namespaces) reads the namespaces that the declaration leaves to be looked up (RV(plan.lookups)) and that
        O(observed) does not have.
      - The connections come from the variables of each host. A cluster that cannot be read is unknown in the plan.
        Hosts that have failed earlier in the run are asked once, without retries.
    type: list
    elements: str
    choices: [gateways, namespaces]
    default: []
notes:
  - "C(clusterlink_services) is a list of services. V(name), V(namespace) (V(default) unless set) and V(port) are those
    of the Service. V(exported_by) and V(imported_by) name clusters. V(lb_scheme) is V(round-robin), V(random) or
    V(static), which takes the first exporter that answers, in the order given. V(labels) are put on exports and
    imports, for policies to select on. V(host) lets exports point to a host instead of the Service of their name.
    V(import_as) gives imports another V(name), V(namespace) or V(port). V(probe) says how to try it: the V(scheme)
    (V(http), V(https), or V(tcp), which only connects), the V(path) to ask for, and a text that the answer is to hold
    (V(contains)). V(merge) is true, or names the importing clusters,
    where a Service of that name is there already and the other clusters' pods are to be added to it."
  - "V(allow) of a service lists who may use it, each V(from) being labels that the client's pod has, or a client as
    below. An empty one is everyone; without V(allow) nobody may. It becomes a policy in each importing cluster, in
    the import's namespace, and in each exporting one, in the export's namespace."
  - "V(per_pod) of a service exports each pod of the StatefulSet V(name) by itself, under its stable name: V(true)
    imports C(web-0), C(web-1) and so on, from one exporting cluster; V(by_peer) imports C(web-0-east), so that several
    can export. V(import_as.name) takes the place of C(web). V(port) is the port offered, and V(target_port) the pods'
    port or its name, where that is another. How many pods there are is looked up, unless V(pods) says it. Each
    exporting cluster gets a Service of the pod's name, which selects that pod."
  - "C(clusterlink_shared_namespaces) is a list of namespaces that clusters share. V(name) is the namespace's,
    V(clusters) are two or more, V(selector) a Kubernetes label selector (V(matchLabels), V(matchExpressions)) that
    tells which of its Services are shared, all unless set. V(allow), V(lb_scheme) and V(probe) are as those of a
    service; without V(allow) all pods of the namespace in these clusters may use them, and unless set imports are tried
    with the scheme V(tcp). Each such Service is looked up, exported from where it is, imported where it is not, and
    merged where others have it, too. Services that ClusterLink or this collection made are none. Of several TCP ports
    the first is shared. A Service is not shared when it has no TCP port, is headless, of type V(ExternalName), without
    a selector, or declared by itself. One whose port has a name is exported, but not merged, since ClusterLink's
    endpoints have none. An exporting cluster into whose Service others are merged gets a second Service,
    C(clusterlink-web), with its own pods only, so that no gateway hands requests on. While an import stands for a
    Service, none of that name can be made."
  - "C(clusterlink_policies) is a list of policies. V(name); V(action), V(allow) unless set to V(deny); V(namespace), or
    V(tier=privileged) for a policy of the whole cluster, which decides before those of namespaces; V(clusters) that
    have it, which are all, or all with an import or export in the namespace, unless set; V(from), a list of clients;
    and V(to), a list of services."
  - "A client is V(labels) of its pod, its V(namespace), its V(service_account), V(peers) that it runs in and their
    V(peer_labels); a service is V(service), its export's name, the export's V(namespace), V(labels), V(peers) that
    export it and their V(peer_labels). What is given has to hold altogether; a value can be a list, of which one has
    to. V({}) is everything. Or it is V(workloadSelector), a Kubernetes label selector with V(matchLabels) and
    V(matchExpressions) over ClusterLink's attributes. Labels whose key has a V(/) cannot be selected on, since
    ClusterLink drops such a policy."
  - "C(clusterlink_link_mode) is V(on_demand) (what imports need, and C(clusterlink_links)), V(mesh) (all with all), or
    V(explicit) (C(clusterlink_links) only, and it is a problem when an import needs another). C(clusterlink_links) is
    a list of V(source) and V(target), each a host or group, with a V(name) if the link shall have one."
  - "Each host can have its own lists. C(clusterlink_peers) has V(name), and V(host) and V(port) or a list of them as
    V(gateways); such an address goes before the one that is found. C(clusterlink_exports) has V(name), V(namespace),
    V(port), V(host) and V(labels). C(clusterlink_imports) has V(name), V(namespace), V(port), V(lb_scheme), V(merge),
    V(labels), V(probe) and V(sources), each with V(peer), V(export_name) and V(export_namespace), which are the
    import's unless set. C(clusterlink_access_policies) is as C(clusterlink_policies), without V(clusters)."
  - Wherever clusters are named, a host, a group, or a list of these will do.
  - A cluster whose C(clusterlink_ingress_type) is V(none), without C(clusterlink_gateway_host), can import from others
    and be the source of a link. Others have no Peer for it, since only importing gateways call; to import from it, or
    to make it a link's target, is a problem.
  - Of variables that are said once for the fabric, the task's own value is taken; it is a problem when the hosts'
    inventory values differ. Of variables of each host, those of the inventory, facts and extra variables are seen;
    those of a play or a role are not.
seealso:
  - module: skyshift.clusterlink.service_info
  - module: skyshift.clusterlink.fabric_apply
"""

EXAMPLES = r"""
- name: Plan the fabric of the inventory
  skyshift.clusterlink.fabric_plan:
    addresses:
      east: {host: 172.18.0.2, port: 30443}
      west: {host: gateway.west.example.com, port: 443}
  run_once: true
  register: planned

- name: Plan it with what the clusters say of their gateways and namespaces
  skyshift.clusterlink.fabric_plan:
    look_up: [gateways, namespaces]
  run_once: true
  register: planned

- name: Show the links and what each is for
  ansible.builtin.debug:
    var: planned.plan.links

- name: Plan a fabric that no inventory knows
  skyshift.clusterlink.fabric_plan:
    declaration:
      fabric: demo
      groups: {europe: [east, west]}
      peers:
        east: {labels: {region: eu}}
        west: {labels: {region: eu}}
        north: {ingress_type: none}
      services:
        - name: web
          namespace: shop
          port: 80
          exported_by: europe
          imported_by: [north]
          allow:
            - from: {app: frontend}
            - from: {namespace: tests, service_account: robot}
      policies:
        - name: no-legacy
          tier: privileged
          action: deny
          from:
            - labels: {stage: [legacy, broken]}
          to:
            - {}
    addresses:
      east: {host: 172.18.0.2, port: 30443}
      west: {host: 172.18.0.3, port: 30443}
"""

RETURN = r"""
plan:
  description: The plan; the same declaration gives the same plan, in whatever order it is written.
  returned: success
  type: dict
  contains:
    fabric:
      description: The fabric's name.
      type: str
      sample: demo
    links:
      description: The clusters that reach each other.
      type: list
      elements: dict
      contains:
        source:
          description: A cluster that reaches V(target).
          type: str
        target:
          description: The other cluster.
          type: str
        name:
          description: The link's name, empty when it was declared without or not at all.
          type: str
        both_ways:
          description: Whether V(target) also reaches V(source), which it does not when V(source) has no ingress.
          type: bool
        one_way:
          description: Why V(target) does not reach V(source), empty when it does.
          type: str
          sample: north has no ingress
        reasons:
          description: What the link is there for.
          type: list
          elements: str
          sample: [service default/web]
    services:
      description: The declared services, with V(name), V(namespace), V(port), V(exported_by) and V(imported_by).
      type: list
      elements: dict
    gateways:
      description: Where each cluster's gateway is reached, as far as that is known.
      type: dict
      sample: {"east": {"host": "172.18.0.2", "port": 30443}, "north": null}
    peers:
      description: Each cluster's part.
      type: dict
      contains:
        HOST:
          description: A cluster's part, by its host.
          type: dict
          contains:
            objects:
              description: The exact objects, in the order in which they are applied.
              type: list
              elements: dict
            pending:
              description: >-
                What cannot be written now, with V(kind), V(name), V(namespace) and V(reason).
                It is neither to be written nor to be removed.
              type: list
              elements: dict
            unknown_namespaces:
              description: Namespaces that could not be looked at, so that it may be to hold more than V(objects) there.
              type: list
              elements: str
            probes:
              description: >-
                How each import can be tried. V(name), V(namespace) and V(port) are the import's, V(sources) the peers
                that should answer, V(scheme), V(path) and V(contains) as they are declared, and V(client) the
                V(namespace), V(labels) and V(service_account) of a pod that is let through, null when none is.
              type: list
              elements: dict
    lookups:
      description: By host, the namespaces that have to be looked at, for V(observed), because the plan depends on them.
      type: dict
      sample: {east: [train], west: [train]}
unread:
  description: Why the namespaces of a cluster could not be read, by host. Empty without O(look_up).
  returned: success
  type: dict
  sample: {west: 'west: the API server refuses the connection'}
summary:
  description: How much there is in the plan.
  returned: success
  type: dict
  sample: {links: 2, objects: 9, peers: 3, pending: 0, services: 1}
problems:
  description: Everything that is wrong, each with V(host), V(where), V(what), V(found) and V(fix).
  returned: when the declaration has problems
  type: list
  elements: dict
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.declaration import parse, parse_addresses
from ..module_utils.fabric.model import Declaration
from ..module_utils.fabric.plan import compile_plan
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task


@dataclass(frozen=True)
class Found:
    """What the clusters say.

    Attributes:
        addresses: As option C(addresses).
        observed: As option C(observed).
        unread: By host, why its namespaces could not be read.
        warnings: A sentence for each cluster that could not be read.
    """

    addresses: dict[str, Any] = field(default_factory=dict)
    observed: dict[str, Any] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def plan(params: dict[str, Any], look_up: Callable[[Declaration], Found]) -> Outcome:
    """Parse the declaration, ask the clusters where that is wanted, and compile the plan.

    Args:
        params: The module's parameters.
        look_up: Reads from the clusters what a declaration free of problems leaves open.

    Raises:
        ClusterlinkError: With every problem of the declaration.
    """
    if params["declaration"] is None:
        raise ClusterlinkError(Problem("declaration", "is required where no inventory can be read"))
    addresses = parse_addresses(params["addresses"])
    declaration = parse(params["declaration"], params["observed"])
    found = look_up(declaration)
    if found.observed:
        more = {host: {**(params["observed"].get(host) or {}), **own} for host, own in found.observed.items()}
        declaration = parse(params["declaration"], {**params["observed"], **more})
    compiled = compile_plan(declaration, {**parse_addresses(found.addresses), **addresses})
    summary = {
        "links": len(compiled.links),
        "objects": sum(len(part.objects) for part in compiled.peers.values()),
        "peers": len(compiled.peers),
        "pending": sum(len(part.pending) for part in compiled.peers.values()),
        "services": len(compiled.services),
    }
    return Outcome(
        values={"plan": compiled.as_dict(), "summary": summary, "unread": found.unread},
        warnings=[*found.warnings, *compiled.warnings],
    )


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Compile the plan of a declaration that is given.

    Raises:
        ClusterlinkError: With every problem of the declaration, or there is something to look up.
    """
    if params["look_up"]:
        fix = "Run it as a task of a playbook, so that the collection's action reads the inventory"
        raise ClusterlinkError(Problem("look_up", "needs the inventory, which cannot be read here", fix=fix))
    return plan(params, lambda _declaration: Found())


TASK = Task(
    argument_spec={
        "addresses": {"type": "dict", "default": {}},
        "declaration": {"type": "dict"},
        "observed": {"type": "dict", "default": {}},
        "look_up": {"type": "list", "elements": "str", "choices": ["gateways", "namespaces"], "default": []},
    },
    run=run,
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
