#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module peer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: peer
short_description: Keep a Peer, the way from one cluster to another cluster's ClusterLink gateway
version_added: "0.1.0"
description:
  - Tells a cluster's gateway where another peer's gateway is reached, so that services can be imported from there.
  - A link has two directions. Each cluster that is to import from the other needs a Peer of it.
  - Waits until the other gateway answers.
author:
  - The skyshift.clusterlink contributors (@skyshift)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.connection
  - skyshift.clusterlink.single_object
  - skyshift.clusterlink.wait
options:
  name:
    description:
      - The peer's name, a DNS label. It is the DNS name in the other gateway's certificate.
    type: str
    required: true
  namespace:
    description:
      - The namespace of this cluster's own gateway, which knows the Peers there and no others.
    type: str
    default: clusterlink-system
  gateway_host:
    description:
      - The host name or IP address of the other gateway. Together with O(gateway_port) it is short for O(gateways).
    type: str
  gateway_port:
    description:
      - The port of the other gateway.
    type: int
  gateways:
    description:
      - Where the other gateway is reached, when it has several addresses.
    type: list
    elements: dict
    suboptions:
      host:
        description: A host name or IP address.
        type: str
        required: true
      port:
        description: A port.
        type: int
        required: true
  force:
    description:
      - With O(state=absent), remove the Peer even when Imports have it as a source.
      - A gateway that chooses a source whose Peer is missing fails the connection and tries no other source, so
        without this such Imports are an error that names them.
    type: bool
    default: false
notes:
  - When the address of a Peer is changed, its state is believed only after 6.5 seconds, since gateways report a Peer as
    they knew it before until a heartbeat to the new address has failed.
seealso:
  - module: skyshift.clusterlink.service_import
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: Let north reach east
  skyshift.clusterlink.peer:
    context: north
    name: east
    gateway_host: gateway.east.example.com
    gateway_port: 443

- name: A gateway with two addresses
  skyshift.clusterlink.peer:
    context: north
    name: west
    gateways:
      - {host: 192.0.2.10, port: 30443}
      - {host: 192.0.2.11, port: 30443}
    wait_timeout: 60

- name: Cut the link
  skyshift.clusterlink.peer:
    context: north
    name: east
    state: absent
"""

RETURN = r"""
kind:
  description: V(Peer).
  returned: success
  type: str
  sample: Peer
name:
  description: The object's name.
  returned: success
  type: str
  sample: east
namespace:
  description: The object's namespace.
  returned: success
  type: str
  sample: clusterlink-system
reason:
  description: Why it was, or in check mode would be, written or removed. Empty when it was not.
  returned: success
  type: str
  sample: spec.gateways differs
labels:
  description: The object's labels as they are now. Empty when it is not there.
  returned: success
  type: dict
  sample: {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}
spec:
  description: The object's spec as it is now, or in check mode would be. Empty when it is not there.
  returned: success
  type: dict
  sample: {"gateways": [{"host": "192.0.2.10", "port": 30443}]}
conditions:
  description: The object's conditions, each with type, status, reason and message.
  returned: success
  type: list
  elements: dict
  sample: [{"type": "PeerReachable", "status": "True", "reason": "Heartbeat", "message": ""}]
problems:
  description: What is wrong, each with where, what, found and fix.
  returned: failure
  type: list
  elements: dict
  sample: [{"host": "", "where": "port", "what": "must be a port number from 1 to 65535", "found": "70000", "fix": ""}]
"""

from collections.abc import Mapping

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink import api
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.objects import peer_object
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.reader import Item
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.resources import Address, read_address
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.client import Cluster, Object
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import REQUIRES
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.single import (
    SINGLE_SPEC,
    Request,
    Single,
    refer_to,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.task import Task, run_module


def build(item: Item, labels: Mapping[str, str]) -> Object:
    """The Peer asked for."""
    if "gateways" in item:
        gateways = [read_address(each) for each in item.items("gateways")]
        if not gateways:
            item.problem("gateways", "names no address", item.get("gateways"), "Name a host and a port")
    else:
        gateways = [Address(item.text("gateway_host", required=True), item.port("gateway_port", required=True))]
    return peer_object(item.name(required=True), item.name("namespace", required=True), gateways, labels)


def keep_used_peer(cluster: Cluster, peer: Object, request: Request) -> list[str]:
    """Refuse to remove a Peer that Imports draw on, unless that is forced."""
    name = peer["metadata"]["name"]
    users = [
        str(Ref.of(each))
        for each in cluster.list("Import")
        if any(source["peer"] == name for source in each["spec"].get("sources") or [])
    ]
    if not users:
        return []
    what = f"{', '.join(users)} {'has' if len(users) == 1 else 'have'} it as a source"
    # In check mode the step that removes the source may not have been done.
    if request.params["force"] or request.mode.check:
        return [f"{Ref.of(peer)}: {what}; connections for which it is chosen fail without it"]
    raise ClusterlinkError(
        Problem(str(Ref.of(peer)), what, fix="Remove the source first, or set force to remove it now")
    )


SINGLE = Single(
    keys=("name", "namespace", "gateway_host", "gateway_port", "gateways"),
    refer=refer_to("Peer"),
    build=build,
    before_delete=keep_used_peer,
)

TASK = Task(
    argument_spec={
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": api.SYSTEM_NAMESPACE},
        "gateway_host": {"type": "str"},
        "gateway_port": {"type": "int"},
        "gateways": {
            "type": "list",
            "elements": "dict",
            "options": {"host": {"type": "str", "required": True}, "port": {"type": "int", "required": True}},
        },
        "force": {"type": "bool", "default": False},
        **SINGLE_SPEC,
    },
    run=SINGLE.run,
    requires=REQUIRES,
    constraints={"mutually_exclusive": [("gateways", "gateway_host"), ("gateways", "gateway_port")]},
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
