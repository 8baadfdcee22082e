#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
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
    each cluster has to hold. It talks to no cluster and writes nothing.
  - Without O(declaration) it gathers the C(clusterlink_) variables of every host of the group that C(clusterlink_group)
    names (C(clusters) unless set), also of hosts that C(--limit) leaves out. What is said once for the fabric is taken
    from the task's own variables.
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
      - The declaration as plain data, instead of the inventory's variables.
      - Its keys are those variables without C(clusterlink_). V(fabric), V(group), V(link_mode), V(links), V(services)
        and V(policies) are the fabric's; V(groups) maps each group's name to its hosts; V(peers) maps each host to
        its own V(namespace), V(labels), V(ingress_type), V(gateway_host), V(gateway_port), V(peers), V(exports),
        V(imports) and V(access_policies).
    type: dict
notes:
  - A host's variables are seen as the inventory, facts and extra variables define them. Variables of a play or a role
    belong to the running hosts only, so declare nothing there that differs between hosts.
seealso:
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

- name: Show the links and what each is for
  ansible.builtin.debug:
    var: planned.plan.links

- name: Plan a fabric that no inventory knows
  skyshift.clusterlink.fabric_plan:
    declaration:
      fabric: demo
      peers: {east: {}, north: {}}
      services:
        - name: web
          port: 80
          exported_by: east
          imported_by: north
          allow:
            - from: {app: frontend}
    addresses:
      east: {host: 172.18.0.2, port: 30443}
      north: {host: 172.18.0.3, port: 30443}
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
        reasons:
          description: What the link is there for.
          type: list
          elements: str
          sample: [service default/web]
    services:
      description: The declared services, with V(name), V(namespace), V(port), V(exported_by) and V(imported_by).
      type: list
      elements: dict
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
            probes:
              description: >-
                How each import can be tried. V(name), V(namespace) and V(port) are the import's, V(sources) the peers
                that should answer, V(path) and V(expect) as the service declares them, and V(client) the
                V(namespace), V(labels) and V(service_account) of a pod that is let through, null when none is.
              type: list
              elements: dict
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

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import parse, parse_addresses
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import compile_plan
from ansible_collections.skyshift.clusterlink.plugins.module_utils.task import Mode, Outcome, Task, run_module


def run(params: dict[str, Any], mode: Mode) -> Outcome:  # noqa: ARG001 - it writes nothing in any mode
    """Parse the declaration and compile it.

    Raises:
        ClusterlinkError: With every problem of the declaration.
    """
    if params["declaration"] is None:
        raise ClusterlinkError(Problem("declaration", "is required where no inventory can be read"))
    plan = compile_plan(parse(params["declaration"]), parse_addresses(params["addresses"]))
    summary = {
        "links": len(plan.links),
        "objects": sum(len(part.objects) for part in plan.peers.values()),
        "peers": len(plan.peers),
        "pending": sum(len(part.pending) for part in plan.peers.values()),
        "services": len(plan.services),
    }
    return Outcome(values={"plan": plan.as_dict(), "summary": summary}, warnings=list(plan.warnings))


TASK = Task(
    argument_spec={"addresses": {"type": "dict", "default": {}}, "declaration": {"type": "dict"}},
    run=run,
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
