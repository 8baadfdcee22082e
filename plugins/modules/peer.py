#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module peer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: peer
short_description: Manage a Peer, which lets a cluster reach another cluster's ClusterLink gateway
version_added: "0.1.0"
description:
  - Gives a cluster's gateway the address of another peer's gateway, so that the cluster can import services from it.
  - A link has two directions. Each cluster that imports from the other needs a Peer.
  - Waits until the other gateway is reachable.
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
      - The namespace of this cluster's own gateway, which ignores Peers in other namespaces.
    type: str
    default: clusterlink-system
  gateway_host:
    description:
      - The host name or IP address of the other gateway. With O(gateway_port), a short form of O(gateways).
    type: str
  gateway_port:
    description:
      - The port of the other gateway.
    type: int
  gateways:
    description:
      - The addresses of the other gateway, if it has several.
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
  link:
    description:
      - Makes the Peer one side of a link that is added by name, in addition to a fabric's declaration. Its labels
        V(skyshift.clusterlink/link) and V(skyshift.clusterlink/link-source) store the link, and
        M(skyshift.clusterlink.fabric_apply) keeps the Peer when its option
        O(skyshift.clusterlink.fabric_apply#module:gateways) is set.
      - A Peer of the declaration gets these labels, too, and stays when the declaration no longer needs it.
      - A Peer of another link or another fabric, or one that this collection did not create, is an error.
    type: dict
    suboptions:
      name:
        description: The link's name, a DNS label.
        type: str
        required: true
      source:
        description: The peer that is the link's source.
        type: str
        required: true
      fabric:
        description: The fabric of both peers.
        type: str
        default: fabric
  remove_sources:
    description:
      - With O(state=absent), whether to remove the peer from the sources of all Imports first. An Import without
        another source is deleted.
    type: bool
    default: false
  force:
    description:
      - With O(state=absent), whether to remove the Peer even when Imports have it as a source. Without it, such Imports
        are an error.
      - A gateway that chooses a source without a Peer fails the connection and tries no other source.
    type: bool
    default: false
notes:
  - After a change of a Peer's address, the module waits 6.5 seconds before it trusts the Peer's condition, since
    gateways report the earlier state until a heartbeat to the new address fails.
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

- name: Add one side of a link by name
  skyshift.clusterlink.peer:
    context: north
    name: east
    gateway_host: gateway.east.example.com
    gateway_port: 443
    link: {name: backup, source: north, fabric: demo}

- name: Remove the Peer, and its imports
  skyshift.clusterlink.peer:
    context: north
    name: west
    remove_sources: true
    state: absent

- name: Remove the Peer
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
  description: Why the object is written or removed, or in check mode would be. Empty when it is not.
  returned: success
  type: str
  sample: spec.gateways differs
labels:
  description: The object's present labels. Empty when it does not exist.
  returned: success
  type: dict
  sample: {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}
spec:
  description: The object's present spec, or in check mode the planned one. Empty when it does not exist.
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
  description: The problems, each with where, what, found and fix.
  returned: failure
  type: list
  elements: dict
  sample: [{"host": "", "where": "port", "what": "must be a port number from 1 to 65535", "found": "70000", "fix": ""}]
"""

from collections.abc import Mapping
from dataclasses import replace

from ..module_utils.clusterlink import api
from ..module_utils.clusterlink.ownership import not_ours
from ..module_utils.common.fields import Item
from ..module_utils.common.kinds import Ref
from ..module_utils.common.types import Address, Object
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.objects import peer_object
from ..module_utils.fabric.resources import read_address
from ..module_utils.kube.apply import ApplyResult
from ..module_utils.kube.client import Cluster
from ..module_utils.kube.connection import REQUIRES
from ..module_utils.mesh.import_sources import imports_from, remove_source
from ..module_utils.mesh.single_object import SINGLE_SPEC, Request, SingleObject, refer_to
from ..module_utils.module import run_module
from ..module_utils.outcome import Task


def build(item: Item, labels: Mapping[str, str]) -> Object:
    """The desired Peer."""
    if "gateways" in item:
        gateways = [read_address(each) for each in item.items("gateways")]
        if not gateways:
            item.problem("gateways", "names no address", item.get("gateways"), "Name a host and a port")
    else:
        gateways = [Address(item.text("gateway_host", required=True), item.port("gateway_port", required=True))]
    name, namespace = item.name(required=True), item.name("namespace", required=True)
    if "link" not in item:
        return peer_object(name, namespace, gateways, labels)
    link = item.item("link")
    fabric = api.ownership_labels(link.name("fabric", required=True))
    asked = api.link_labels(link.name(required=True), link.name("source", required=True))
    return peer_object(name, namespace, gateways, {**labels, **fabric, **asked})


def keep_other_peers(cluster: Cluster, wanted: Object, request: Request) -> list[str]:
    """Refuse to use a Peer of another link, another fabric or another system for a link."""
    ref = Ref.of(wanted)
    there = cluster.get(ref.kind, ref.name, ref.namespace)
    if request.params["link"] is None or request.params["force_conflicts"] or there is None:
        return []
    found, asked = there["metadata"].get("labels") or {}, wanted["metadata"]["labels"]
    problems = [
        Problem(
            str(ref), f"it belongs to another {what}", found[label], "Remove it there first, or set force_conflicts"
        )
        for what, label in (("fabric", api.FABRIC_LABEL), ("link", api.LINK_LABEL))
        if found.get(label, asked[label]) != asked[label]
    ]
    if foreign := not_ours(there):
        problems = [replace(foreign, fix="Remove it with that system, or set force_conflicts to take it over")]
    if problems:
        raise ClusterlinkError(problems)
    return []


def keep_used_peer(cluster: Cluster, peer: Object, request: Request) -> list[str]:
    """Refuse to remove a Peer that is a source of Imports, unless it is forced."""
    users = [str(Ref.of(each)) for each in imports_from(cluster, peer["metadata"]["name"])]
    if not users or request.params["remove_sources"]:
        return []
    what = f"{', '.join(users)} {'has' if len(users) == 1 else 'have'} it as a source"
    # In check mode, an earlier task that would remove the source has not done so.
    if request.params["force"] or request.mode.check:
        return [f"{Ref.of(peer)}: {what}, and connections to it will fail"]
    raise ClusterlinkError(Problem(str(Ref.of(peer)), what, fix="Remove the source first, or set remove_sources"))


def remove_sources(cluster: Cluster, peer: Object, request: Request) -> ApplyResult:
    """Remove the Peer from the sources of all Imports, with remove_sources."""
    if not request.params["remove_sources"]:
        return ApplyResult()
    name = peer["metadata"]["name"]
    return remove_source(cluster, imports_from(cluster, name), name, check=request.mode.check)


SINGLE = SingleObject(
    keys=("name", "namespace", "gateway_host", "gateway_port", "gateways", "link"),
    refer=refer_to("Peer"),
    build=build,
    before_apply=keep_other_peers,
    before_delete=keep_used_peer,
    clear=remove_sources,
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
        "link": {
            "type": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "source": {"type": "str", "required": True},
                "fabric": {"type": "str", "default": "fabric"},
            },
        },
        "remove_sources": {"type": "bool", "default": False},
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
