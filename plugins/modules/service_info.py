#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module service_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_info
short_description: Read the Services, StatefulSets and Imports of namespaces
version_added: "0.1.0"
description:
  - Reads the Services, StatefulSets and Imports of namespaces, on which the plan of a fabric with shared namespaces or
    exported pods depends.
  - Leaves out Services that ClusterLink created for imports, or this collection for exports.
  - Makes one list call for each kind and namespace, in parallel.
author:
  - The skyshift.clusterlink contributors (@skyshift)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
  - skyshift.clusterlink.connection
options:
  namespaces:
    description:
      - The namespaces. One that does not exist is empty.
    type: list
    elements: str
    required: true
notes:
  - The user needs the verb list on Services, StatefulSets and Imports in these namespaces.
seealso:
  - module: skyshift.clusterlink.fabric_plan
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: Find the namespaces that the plan depends on
  skyshift.clusterlink.fabric_plan:
  run_once: true
  register: planned

- name: Read these namespaces
  skyshift.clusterlink.service_info:
    context: "{{ clusterlink_context }}"
    namespaces: "{{ planned.plan.lookups[clusterlink_peer_name] }}"
  when: clusterlink_peer_name in planned.plan.lookups
  register: found
"""

RETURN = r"""
namespaces:
  description: The resources of each namespace, by its name.
  returned: success
  type: dict
  contains:
    NAMESPACE:
      description: A namespace, by its name.
      type: dict
      contains:
        services:
          description: >-
            The Services, each with V(name), V(labels), V(type), V(cluster_ip), V(selector), and V(ports), which have
            V(name), V(port), V(protocol) and V(target_port).
          type: list
          elements: dict
        stateful_sets:
          description: The StatefulSets, each with V(name), V(replicas), and the ordinal of the first pod, V(start).
          type: list
          elements: dict
          sample: [{name: web, replicas: 3, start: 0}]
        imports:
          description: The Imports, each with V(name), V(port), V(fabric) and V(sources).
          type: list
          elements: dict
"""

from typing import Any

from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.kube.parallel import Query, read
from ..module_utils.mesh.service_view import import_sources_view, is_original, service_view, stateful_set_view
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task

_KINDS = ("Service", "StatefulSet", "Import")


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Read the namespaces."""
    names = list(dict.fromkeys(params["namespaces"]))
    with connect(params) as cluster:
        answers = iter(read(cluster, [Query(kind, namespace=name) for name in names for kind in _KINDS]))
    namespaces = {}
    for name in names:
        services, stateful_sets, imports = (next(answers) for _kind in _KINDS)
        namespaces[name] = {
            "services": [service_view(each) for each in services if is_original(each)],
            "stateful_sets": [stateful_set_view(each) for each in stateful_sets],
            "imports": [import_sources_view(each) for each in imports],
        }
    return Outcome(values={"namespaces": namespaces})


TASK = Task(
    argument_spec={"namespaces": {"type": "list", "elements": "str", "required": True}, **CONNECTION_SPEC},
    run=run,
    requires=REQUIRES,
)


def main() -> None:
    """Run as a module of its own."""
    run_module(TASK)


if __name__ == "__main__":
    main()
