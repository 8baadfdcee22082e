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
  - Reads and checks the declaration of the whole fabric, and compiles it to the exact Kubernetes objects of each
    cluster. It writes nothing, and reads clusters only with O(look_up).
  - Without O(declaration), it reads the C(clusterlink_) variables of all hosts of the group that C(clusterlink_group)
    names, even of hosts that C(--limit) excludes. The default group is C(clusters).
  - It reports all problems together, each with the variable's path, the value found, and what to do.
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
  - skyshift.clusterlink.declaration
options:
  addresses:
    description:
      - The address of each cluster's gateway, as a mapping from the peer to V(host) and V(port), or to a list of such
        addresses for a gateway with several.
      - Peers without an address here or in C(clusterlink_gateway_host) and C(clusterlink_gateway_port) are pending in
        the plan.
    type: dict
    default: {}
  observed:
    description:
      - The resources in the namespaces of RV(plan.lookups), as a mapping from each peer to its
        RV(skyshift.clusterlink.service_info#module:namespaces).
      - A missing or null peer or namespace is unknown. The plan keeps what other clusters import from it, and removes
        nothing there.
    type: dict
    default: {}
  look_up:
    description:
      - What to read from the clusters, even from those that C(--limit) excludes, before the plan is compiled.
      - V(gateways) reads the gateway addresses that O(addresses) does not have.
      - V(namespaces) reads the namespaces of RV(plan.lookups) that O(observed) does not have.
      - The variables of each host describe its connection. An unreachable cluster is unknown in the plan. Hosts that
        failed earlier in the run are tried once, without retries.
    type: list
    elements: str
    choices: [gateways, namespaces]
    default: []
notes:
  - The keys of O(declaration) and of O(declaration.peers.HOST) are also those of the inventory's variables, for example
    O(declaration.services) of C(clusterlink_services).
  - A cluster whose C(clusterlink_ingress_type) is V(none), without C(clusterlink_gateway_host), can import from others
    and be the source of a link. It is a problem to import from it, or to make it the target of a link.
  - For variables of the fabric, the value of the task is used; hosts with different inventory values are a problem. For
    variables of each host, the inventory, facts and extra variables count, and those of a play or role do not.
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

- name: Plan it with the present gateway addresses and namespaces of the clusters
  skyshift.clusterlink.fabric_plan:
    look_up: [gateways, namespaces]
  run_once: true
  register: planned

- name: Show the links and their reasons
  ansible.builtin.debug:
    var: planned.plan.links

- name: Plan a fabric without an inventory
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
  description: The plan, which does not depend on the order of the declaration.
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
          description: The link's declared name. Empty without one.
          type: str
        both_ways:
          description: Whether V(target) also reaches V(source).
          type: bool
        one_way:
          description: Why V(target) does not reach V(source). Empty when it does.
          type: str
          sample: north has no ingress
        reasons:
          description: The declarations that need the link.
          type: list
          elements: str
          sample: [service default/web]
    services:
      description: The declared services, with V(name), V(namespace), V(port), V(exported_by) and V(imported_by).
      type: list
      elements: dict
    gateways:
      description: The addresses of each cluster's gateway. An empty list for an unknown one.
      type: dict
      sample: {"east": [{"host": "172.18.0.2", "port": 30443}], "north": []}
    labels:
      description: The labels of each cluster's gateway, without those of gateways whose labels another tool sets.
      type: dict
      sample: {"east": {"region": "eu"}, "north": {}}
    peers:
      description: Each cluster's part.
      type: dict
      contains:
        PEER:
          description: A cluster's part, by its peer's name.
          type: dict
          contains:
            objects:
              description: The exact objects, in the order in which they are applied.
              type: list
              elements: dict
            pending:
              description: >-
                The objects that cannot be written now, with V(kind), V(name), V(namespace) and V(reason). Existing
                ones stay as they are.
              type: list
              elements: dict
            unknown_namespaces:
              description: Namespaces that are unknown, so that V(objects) may be incomplete there.
              type: list
              elements: str
            probes:
              description: >-
                The probe of each import. V(name), V(namespace) and V(port) are the import's. V(sources) are the peers
                that should answer. V(scheme), V(path) and V(contains) are as declared. V(client) has V(namespace),
                V(labels) and V(service_account) of a pod that the policies allow, and is null when they allow none.
              type: list
              elements: dict
            refusals:
              description: >-
                For each import that somebody may call, a probe that must be refused. V(client) is of pods that no
                policy lets through, and is null when every pod is allowed.
              type: list
              elements: dict
    lookups:
      description: By peer, the namespaces that O(observed) needs, because the plan depends on them.
      type: dict
      sample: {east: [train], west: [train]}
unread:
  description: By peer, why the namespaces of a cluster could not be read. Empty without O(look_up).
  returned: success
  type: dict
  sample: {west: 'west: the API server refuses the connection'}
summary:
  description: The number of objects of each kind in the plan.
  returned: success
  type: dict
  sample: {links: 2, objects: 9, peers: 3, pending: 0, services: 1}
problems:
  description: The problems, each with V(host), V(where), V(what), V(found) and V(fix).
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
        unread: By peer, why its namespaces could not be read.
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
