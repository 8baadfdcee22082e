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
  link:
    description:
      - Makes the Peer one side of a link that is asked for by name, beside a fabric's declaration. Its labels
        V(skyshift.clusterlink/link) and V(skyshift.clusterlink/link-source) say so, and
        M(skyshift.clusterlink.fabric_apply) leaves it there when it is given the fabric's gateways.
      - A Peer of the declaration gets these labels, too, and stays when nothing declared needs it any more.
      - A Peer of another link, another fabric, or one that this collection did not make, is an error.
    type: dict
    suboptions:
      name:
        description: The link's name, a DNS label.
        type: str
        required: true
      source:
        description: The peer from whose side the link was asked for.
        type: str
        required: true
      fabric:
        description: The fabric that both belong to.
        type: str
        default: fabric
  remove_sources:
    description:
      - With O(state=absent), first take the peer out of the sources of all Imports. An Import that has no other source
        is removed.
    type: bool
    default: false
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

- name: One side of a link that stays beside the declaration
  skyshift.clusterlink.peer:
    context: north
    name: east
    gateway_host: gateway.east.example.com
    gateway_port: 443
    link: {name: backup, source: north, fabric: demo}

- name: Cut the link, and what draws on it
  skyshift.clusterlink.peer:
    context: north
    name: west
    remove_sources: true
    state: absent

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
    """The Peer asked for."""
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
    """Refuse to make a Peer a link's that is another link's, another fabric's, or somebody else's."""
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
        problems = [replace(foreign, fix="Remove it by what made it, or set force_conflicts to take it over")]
    if problems:
        raise ClusterlinkError(problems)
    return []


def keep_used_peer(cluster: Cluster, peer: Object, request: Request) -> list[str]:
    """Refuse to remove a Peer that Imports draw on, unless that is forced."""
    users = [str(Ref.of(each)) for each in imports_from(cluster, peer["metadata"]["name"])]
    if not users or request.params["remove_sources"]:
        return []
    what = f"{', '.join(users)} {'has' if len(users) == 1 else 'have'} it as a source"
    # In check mode the step that removes the source may not have been done.
    if request.params["force"] or request.mode.check:
        return [f"{Ref.of(peer)}: {what}; connections for which it is chosen fail without it"]
    raise ClusterlinkError(
        Problem(str(Ref.of(peer)), what, fix="Remove the source first, or set remove_sources to have it done")
    )


def remove_sources(cluster: Cluster, peer: Object, request: Request) -> ApplyResult:
    """Take the Peer out of all Imports, when that is asked for."""
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
