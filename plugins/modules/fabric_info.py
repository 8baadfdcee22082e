#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_info
short_description: Read a cluster's objects of a ClusterLink fabric
version_added: "0.1.0"
description:
  - Reads a cluster's Peers, Exports, Imports and access policies, with their state, and returns their faults.
  - One list call is made for each kind.
author:
  - The skyshift.clusterlink contributors (@skyshift)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
  - skyshift.clusterlink.connection
options:
  namespace:
    description:
      - The gateway's namespace. Peers are read in this namespace, since the gateway ignores all others. Other objects
        are read in all namespaces.
    type: str
    default: clusterlink-system
seealso:
  - module: skyshift.clusterlink.gateway_info
  - module: skyshift.clusterlink.probe
"""

EXAMPLES = r"""
- name: Read north's part of the fabric
  skyshift.clusterlink.fabric_info:
    context: north
  register: north

- name: Show the links that are down
  ansible.builtin.debug:
    msg: "{{ north.peers | rejectattr('reachable') | map(attribute='name') }}"

- name: Fail when there is a fault
  ansible.builtin.assert:
    that: north.faults | length == 0
    fail_msg: "{{ north.faults }}"
"""

RETURN = r"""
served:
  description: Whether the cluster serves ClusterLink's kinds. When it does not, all other values are empty.
  returned: success
  type: bool
  sample: true
peers:
  description: The Peers of this cluster's gateway.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The object's name.
      returned: always
      type: str
      sample: east
    namespace:
      description: The object's namespace. Empty for a privileged policy.
      returned: always
      type: str
      sample: clusterlink-system
    labels:
      description: The object's labels.
      returned: always
      type: dict
      sample: {}
    fabric:
      description: The fabric whose declaration created the object. Empty for other objects.
      returned: always
      type: str
      sample: demo
    gateways:
      description: The addresses of the peer's gateway, each with host and port. Only for peers.
      returned: always
      type: list
      elements: dict
      sample: [{"host": "192.0.2.10", "port": 30443}]
    peer_labels:
      description: The labels that policies select the peer by, as its own gateway reports them. Only for peers.
      returned: always
      type: dict
      sample: {"region": "eu"}
    reachable:
      description: Whether the peer's gateway responds. Only for peers.
      returned: always
      type: bool
      sample: true
    since:
      description: When the state last changed. Empty when there is no state yet.
      returned: always
      type: str
      sample: "2025-01-31T12:00:00Z"
    reason:
      description: The reason of the condition.
      returned: always
      type: str
      sample: Heartbeat
    message:
      description: The fault. Empty when there is none.
      returned: always
      type: str
      sample: ""
exports:
  description: The exported Services. Each has host, port and valid, and the common values of peers.
  returned: success
  type: list
  elements: dict
  sample:
    - name: web
      namespace: shop
      labels: {}
      fabric: demo
      host: ""
      port: 80
      valid: true
      since: "2025-01-31T12:00:00Z"
      reason: Verified
      message: ""
imports:
  description: The imported Services.
  returned: success
  type: list
  elements: dict
  sample:
    - name: web
      namespace: shop
      labels: {}
      fabric: demo
      port: 80
      target_port: 10001
      sources: [{"peer": "east", "export_name": "web", "export_namespace": "shop"}]
      lb_scheme: round-robin
      merge: false
      valid: true
      since: "2025-01-31T12:00:00Z"
      reason: Valid
      message: ""
access_policies:
  description: The policies of both tiers, the privileged ones first. Selectors are Kubernetes label selectors.
  returned: success
  type: list
  elements: dict
  sample:
    - tier: namespaced
      name: frontend-to-web
      namespace: shop
      labels: {}
      fabric: demo
      action: allow
      from: [{"matchLabels": {"client.clusterlink.net/labels.app": "frontend"}}]
      to: [{"matchLabels": {"export.clusterlink.net/name": "web"}}]
faults:
  description: The faults, a sentence each.
  returned: success
  type: list
  elements: str
  sample: ["Peer west is not reachable: its gateway has not answered a heartbeat"]
"""

from typing import Any

from ..module_utils.clusterlink import api
from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.kube.parallel import gather
from ..module_utils.mesh.fabric_view import export_view, faults, import_view, peer_view, policy_view
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Read everything, one list call a kind."""
    with connect(params) as cluster:
        listings = gather(
            lambda kind: cluster.list(kind, params["namespace"] if kind == "Peer" else ""),
            ("Peer", "Export", "Import", "PrivilegedAccessPolicy", "AccessPolicy"),
        )
    peers, exports, imports, privileged, namespaced = listings
    values = {
        "peers": [peer_view(each) for each in peers],
        "exports": [export_view(each) for each in exports],
        "imports": [import_view(each) for each in imports],
        "access_policies": [policy_view(each) for each in (*privileged, *namespaced)],
    }
    served = any(listing.served for listing in listings)
    return Outcome(values={"served": served, **values, "faults": faults(*values.values())})


TASK = Task(
    argument_spec={"namespace": {"type": "str", "default": api.SYSTEM_NAMESPACE}, **CONNECTION_SPEC},
    run=run,
    requires=REQUIRES,
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
