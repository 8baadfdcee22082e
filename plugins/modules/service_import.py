#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module service_import."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_import
short_description: Manage an Import, a local Service for services of other ClusterLink peers
version_added: "0.1.0"
description:
  - Imports services that other peers export, as a Service with the import's name. Connections to it go to one of its
    sources, if the access policies of both clusters allow them.
  - Waits until the gateway has created the Service. For about a second after that, connections may be refused.
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
      - The name of the Import and of its Service.
    type: str
    required: true
  namespace:
    description:
      - The namespace of the Import and of its Service.
    type: str
    default: default
  port:
    description:
      - The port of the Service. Required with O(state=present).
    type: int
  sources:
    description:
      - The exports that connections go to. Required with O(state=present).
      - With O(lb_scheme=static), the gateway uses the first reachable one, so their order matters.
      - A gateway that chooses a source without a Peer fails the connection and tries no other source. So a source
        without a Peer is an error. In check mode or without O(wait) it is a warning, since a later task may create the
        Peer.
    type: list
    elements: dict
    suboptions:
      peer:
        description: The name of the Peer that exports the service.
        type: str
        required: true
      export_name:
        description: The name of the Export. The default is the name of the Import.
        type: str
      export_namespace:
        description: The namespace of the Export. The default is the namespace of the Import.
        type: str
  lb_scheme:
    description:
      - How the gateway chooses a source for each connection.
    type: str
    choices: [round-robin, random, static]
    default: round-robin
  merge:
    description:
      - Whether to merge the sources into an existing Service of this name, instead of creating one.
    type: bool
    default: false
  target_port:
    description:
      - The port at which the gateway's data plane listens for this import. By default, the gateway chooses one.
    type: int
seealso:
  - module: skyshift.clusterlink.peer
  - module: skyshift.clusterlink.service_export
  - module: skyshift.clusterlink.probe
"""

EXAMPLES = r"""
- name: Import the service web from two clusters
  skyshift.clusterlink.service_import:
    context: north
    name: web
    namespace: shop
    port: 80
    sources:
      - peer: east
      - peer: west

- name: Import a service under another name, from a second cluster only when the first is unreachable
  skyshift.clusterlink.service_import:
    context: north
    name: orders
    namespace: shop
    port: 5432
    lb_scheme: static
    sources:
      - {peer: east, export_name: orders-db, export_namespace: shop}
      - {peer: west, export_name: orders-db, export_namespace: standby}

- name: Remove the Import
  skyshift.clusterlink.service_import:
    context: north
    name: web
    namespace: shop
    state: absent
"""

RETURN = r"""
kind:
  description: V(Import).
  returned: success
  type: str
  sample: Import
name:
  description: The object's name.
  returned: success
  type: str
  sample: web
namespace:
  description: The object's namespace.
  returned: success
  type: str
  sample: shop
reason:
  description: Why the object is written or removed, or in check mode would be. Empty when it is not.
  returned: success
  type: str
  sample: spec.sources differs
labels:
  description: The object's present labels. Empty when it does not exist.
  returned: success
  type: dict
  sample: {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}
spec:
  description: The object's present spec, or in check mode the planned one. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    port: 80
    lbScheme: round-robin
    sources: [{"peer": "east", "exportName": "web", "exportNamespace": "shop"}]
conditions:
  description: The object's conditions, each with type, status, reason and message.
  returned: success
  type: list
  elements: dict
  sample: [{"type": "ImportServiceValid", "status": "True", "reason": "Valid", "message": ""}]
problems:
  description: The problems, each with where, what, found and fix.
  returned: failure
  type: list
  elements: dict
  sample: [{"host": "", "where": "port", "what": "must be a port number from 1 to 65535", "found": "70000", "fix": ""}]
"""

from collections.abc import Mapping

from ..module_utils.clusterlink import api
from ..module_utils.common.fields import Item
from ..module_utils.common.kinds import Ref
from ..module_utils.common.naming import service_name_fault
from ..module_utils.common.types import Object
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.groups import Clusters
from ..module_utils.fabric.objects import import_object
from ..module_utils.fabric.resources import DEFAULT_NAMESPACE, read_import
from ..module_utils.kube.client import Cluster
from ..module_utils.kube.connection import REQUIRES
from ..module_utils.kube.errors import HTTP_FORBIDDEN, ApiError
from ..module_utils.mesh.single_object import SINGLE_SPEC, Request, SingleObject, refer_to
from ..module_utils.module import run_module
from ..module_utils.outcome import Task


def build(item: Item, labels: Mapping[str, str]) -> Object:
    """The desired Import."""
    peers = frozenset(source.name("peer") for source in item.items("sources"))
    target_port = item.port("target_port")
    imported = import_object(read_import(item, Clusters("", {}, {}, externals=peers)), labels)
    if target_port:
        imported["spec"]["targetPort"] = target_port
    return imported


def need_peers(cluster: Cluster, imported: Object, request: Request) -> list[str]:
    """Refuse sources without a Peer, or warn when it may be created later or cannot be read."""
    ref = str(Ref.of(imported))
    try:
        known = {peer["metadata"]["name"] for peer in cluster.list("Peer")}
    except ApiError as error:
        if error.status != HTTP_FORBIDDEN:
            raise
        return [f"{ref}: whether its sources have Peers here could not be looked up: {error.message()}"]
    missing = sorted({source["peer"] for source in imported["spec"]["sources"]} - known)
    what = "the Peer does not exist, so connections to this source would fail"
    problems = [
        Problem(f"{ref} source {peer}", what, fix="Create the Peer first, or correct the name") for peer in missing
    ]
    if problems and not request.lenient:
        raise ClusterlinkError(problems)
    return [str(problem) for problem in problems]


SINGLE = SingleObject(
    keys=("name", "namespace", "port", "sources", "lb_scheme", "merge", "target_port"),
    refer=refer_to("Import", service_name_fault),
    build=build,
    before_apply=need_peers,
)

TASK = Task(
    argument_spec={
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": DEFAULT_NAMESPACE},
        "port": {"type": "int"},
        "sources": {
            "type": "list",
            "elements": "dict",
            "options": {
                "peer": {"type": "str", "required": True},
                "export_name": {"type": "str"},
                "export_namespace": {"type": "str"},
            },
        },
        "lb_scheme": {"type": "str", "choices": list(api.LB_SCHEMES), "default": api.LB_SCHEMES[0]},
        "merge": {"type": "bool", "default": False},
        "target_port": {"type": "int"},
        **SINGLE_SPEC,
    },
    run=SINGLE.run,
    requires=REQUIRES,
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
