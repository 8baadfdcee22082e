#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_apply."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_apply
short_description: Make one cluster hold its part of a fabric's plan
version_added: 0.1.0
description:
  - Brings a cluster's Peers, Exports, Imports and access policies of a fabric to what the plan says, in one task, and
    the Services that Exports of single pods and of merged Services point to.
  - What is as it should be is not written. What belongs to the fabric and is not in the plan any more is removed.
  - An object belongs to the fabric when it carries the labels V(app.kubernetes.io/managed-by=skyshift.clusterlink) and
    V(skyshift.clusterlink/fabric=FABRIC), which this module sets. Other objects are never removed.
  - Everything is tried before anything is written, so a missing namespace, a missing permission, an invalid value or a
    field that another manager holds stops the task with nothing changed.
author:
  - The skyshift.clusterlink contributors (@skyshift)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.connection
  - skyshift.clusterlink.wait
options:
  fabric:
    description:
      - The fabric's name.
    type: str
    default: fabric
  state:
    description:
      - V(present) makes the cluster hold O(objects) and nothing else of the fabric.
      - V(absent) removes everything of the fabric; O(objects) and O(pending) are not looked at.
    type: str
    choices: [present, absent]
    default: present
  objects:
    description:
      - The objects that the cluster is to hold, whole, as the plan has them.
      - Their kinds are Peer, Export, AccessPolicy, PrivilegedAccessPolicy and Import of C(clusterlink.net/v1alpha1),
        and Service. A Service of that name which was not made by this module is an error, also with
        O(force_conflicts).
    type: list
    elements: dict
    default: []
  pending:
    description:
      - Objects that belong to the plan but cannot be written now, such as a Peer whose gateway's address is not known.
      - They are left as they are.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: The object's kind.
        type: str
        required: true
        choices: [Peer, Export, AccessPolicy, PrivilegedAccessPolicy, Import]
      name:
        description: The object's name.
        type: str
        required: true
      namespace:
        description: The object's namespace; none for a cluster-wide kind.
        type: str
        default: ''
      reason:
        description: Why it cannot be written now; comes back in RV(incomplete).
        type: str
        default: ''
  keep_namespaces:
    description:
      - Namespaces of which it is not known what the cluster is to hold there, as the plan's V(unknown_namespaces).
      - Objects of the fabric in them that are not among O(objects) are left as they are, and RV(incomplete) says so.
    type: list
    elements: str
    default: []
  gateways:
    description:
      - The clusters of the fabric, each with the V(host) and V(port) of its gateway, or null where that is not known.
      - Peers of links to them that were asked for by name (O(skyshift.clusterlink.peer#module:link)) stay although
        they are not in the plan, and get this address. Without it they are removed, too.
    type: dict
    default: {}
  namespace:
    description:
      - The gateway's namespace. In check mode it counts as there, as the task that installs the gateway would make it.
    type: str
    default: clusterlink-system
  force_conflicts:
    description:
      - Whether to take over fields that another field manager, such as a deployment system or C(kubectl apply), set
        otherwise, and objects of another fabric.
      - Otherwise these are an error that names the manager and the fields, or the fabric.
    type: bool
    default: false
  wait_for_peers:
    description:
      - With O(wait), whether Peers must be reachable, too. Exports and Imports must always be valid.
    type: bool
    default: true
  peers_away:
    description:
      - Names of Peers that are known not to work now, such as those of clusters that failed earlier in the same run.
      - They are written like the others, but not waited for; while they are not reachable, RV(incomplete) says so.
    type: list
    elements: str
    default: []
  gateways_changed:
    description:
      - Whether gateways of the fabric have just been changed, restarted or given certificates.
      - What was said of Peers before is not believed then, as of Peers that this task changes; that takes 6.5 seconds,
        since a link that has failed is reported up to six seconds later.
    type: bool
    default: false
notes:
  - Run it on all clusters in parallel, after all their gateways are there. A gateway that does not reach a Peer at
    once tries again only every ten seconds.
  - What somebody changed by hand with C(kubectl edit), C(kubectl patch) and the like in an object of the fabric is
    taken back. It is no conflict.
  - In check mode, kinds that the cluster does not know count as installed by the task that installs the gateway.
  - The user needs get, list, watch, create, patch and delete on the five kinds, and list on Services, in all
    namespaces; create, patch and delete on Services where single pods are exported or namespaces shared.
seealso:
  - module: skyshift.clusterlink.fabric_plan
  - module: skyshift.clusterlink.gateway
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: Compile the plan of the whole fabric
  skyshift.clusterlink.fabric_plan:
    addresses:
      east: {host: 203.0.113.7, port: 443}
      west: {host: west.example.com, port: 443}
  run_once: true
  register: fabric

- name: Make each cluster hold its part
  skyshift.clusterlink.fabric_apply:
    context: "{{ clusterlink_context }}"
    fabric: demo
    objects: "{{ fabric.plan.peers[inventory_hostname].objects }}"
    pending: "{{ fabric.plan.peers[inventory_hostname].pending }}"
    gateways: "{{ fabric.plan.gateways }}"

- name: Make a cluster hold one Peer and nothing else of the fabric
  skyshift.clusterlink.fabric_apply:
    context: kind-east
    fabric: demo
    objects:
      - apiVersion: clusterlink.net/v1alpha1
        kind: Peer
        metadata:
          name: west
          namespace: clusterlink-system
        spec:
          gateways:
            - host: west.example.com
              port: 443

- name: Remove everything of the fabric from the cluster
  skyshift.clusterlink.fabric_apply:
    context: kind-east
    fabric: demo
    state: absent
"""

RETURN = r"""
created:
  description: Objects that were, or in check mode would be, made.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Import, name: web, namespace: default}]
updated:
  description: Objects that were, or in check mode would be, changed.
  returned: always
  type: list
  elements: dict
  sample: []
deleted:
  description: Objects that were, or in check mode would be, removed, in the order of removal.
  returned: always
  type: list
  elements: dict
  sample: []
unchanged:
  description: Objects that are as the plan says.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Peer, name: west, namespace: clusterlink-system}]
conditions:
  description: What the objects' own conditions said last. Only of objects that have any.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: Peer
      name: west
      namespace: clusterlink-system
      conditions: [{type: PeerReachable, status: 'True', reason: Heartbeat, message: ''}]
incomplete:
  description: >-
    What is still to be done, each with a reason; it is O(pending), in O(keep_namespaces), O(peers_away) or not ready in
    time.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Peer, name: north, namespace: clusterlink-system, reason: its gateway has no address yet}]
lost:
  description: The imports that lost, or in check mode would lose, peers that they drew on. A warning says each.
  returned: always
  type: list
  elements: dict
  sample: [{cluster: '', namespace: default, name: web, lost: [west], left: [east]}]
drift:
  description:
    - What was found otherwise than declared. A run repairs it, check mode only says it.
    - An object that was never made counts as missing, and one whose declaration has changed since as changed.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: The object's kind.
      type: str
    name:
      description: Its name.
      type: str
    namespace:
      description: Its namespace; empty for a cluster-wide one.
      type: str
    drift:
      description: V(changed), V(missing), or V(extra) for one of this collection's that is no longer declared.
      type: str
    before:
      description: The fields that differ, as they were; a Secret's as fingerprints.
      type: dict
    after:
      description: The same as declared.
      type: dict
    by:
      description:
        - Who set them, from the object's C(managedFields), the latest first, with C(manager), C(operation) and C(time).
        - The API server does not record who deleted an object or took a field out.
      type: list
      elements: dict
    conflict:
      description: Whether another system holds them, so that a run fails and names it unless told to take them over.
      type: bool
  sample:
    - kind: Deployment
      name: cl-dataplane
      namespace: clusterlink-system
      drift: changed
      before: {spec: {replicas: 0}}
      after: {spec: {replicas: 1}}
      by: [{manager: kubectl, operation: Update, time: '2026-01-31T12:00:00Z'}]
      conflict: false
problems:
  description: What went wrong, as data; C(msg) says the same as text.
  returned: on failure
  type: list
  elements: dict
  sample: [{host: '', where: Peer clusterlink-system/west, what: not ready within 120 s, found: '', fix: ''}]
"""

from collections.abc import Mapping
from typing import Any

from ..module_utils.clusterlink.api import MESH_KINDS, SYSTEM_NAMESPACE
from ..module_utils.common.kinds import Ref
from ..module_utils.common.types import Object
from ..module_utils.errors import ClusterlinkError
from ..module_utils.fabric.declaration import parse_addresses
from ..module_utils.fabric.impact import lost_by_changes
from ..module_utils.kube.apply import ApplyResult, PartlyDoneError
from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.kube.readiness import conditions
from ..module_utils.kube.wait import NotReadyError
from ..module_utils.mesh.apply import apply_mesh, not_waited_for, wait_for_mesh
from ..module_utils.mesh.deferral import defer_unreachable_sources
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task

NOT_LOOKED_AT = "what is in it is not known, so nothing of the fabric in it is removed"


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Apply the cluster's part of the plan and wait for it."""
    present = params["state"] == "present"
    gateways = parse_addresses(params["gateways"], "gateways") if present else {}
    pending = {Ref(entry["kind"], entry["name"], entry["namespace"]): entry["reason"] for entry in params["pending"]}
    with connect(params) as cluster:
        objects, pending = defer_unreachable_sources(cluster, params["objects"], pending) if present else ([], {})
        if present:
            pending |= {Ref("Namespace", name): NOT_LOOKED_AT for name in params["keep_namespaces"]}
        try:
            result = apply_mesh(
                cluster,
                params["fabric"],
                objects,
                check=mode.check,
                force=params["force_conflicts"],
                keep=pending,
                keep_namespaces=params["keep_namespaces"] if present else (),
                gateways=gateways,
                gateway_namespace=params["namespace"],
            )
        except PartlyDoneError as error:
            return _outcome(error.done, error.done.objects, pending).fail(error)
        if mode.check or not params["wait"]:
            return _outcome(result, result.objects, pending)
        incomplete = {**pending, **not_waited_for(result, params["peers_away"])}
        try:
            seen = wait_for_mesh(
                cluster,
                result,
                params["wait_timeout"],
                with_peers=params["wait_for_peers"],
                unreachable=params["peers_away"],
                gateways_changed=params["gateways_changed"],
            )
        except NotReadyError as error:
            return _outcome(result, {**result.objects, **error.states}, {**incomplete, **error.waiting}).fail(error)
        except ClusterlinkError as error:
            return _outcome(result, result.objects, incomplete).fail(error)
    return _outcome(result, {**result.objects, **seen}, incomplete)


def _outcome(result: ApplyResult, states: Mapping[Ref, Object | None], incomplete: Mapping[Ref, str]) -> Outcome:
    lost = lost_by_changes(result.diff)
    values = {
        **result.as_values(),
        "lost": [loss.as_dict() for loss in lost],
        "conditions": [
            {**ref.as_dict(), "conditions": conditions(obj)} for ref, obj in states.items() if obj and conditions(obj)
        ],
        "incomplete": [{**ref.as_dict(), "reason": reason} for ref, reason in incomplete.items()],
    }
    warnings = [f"{loss}." for loss in lost]
    return Outcome(changed=result.changed, values=values, diff=result.diff, warnings=warnings)


TASK = Task(
    argument_spec={
        **CONNECTION_SPEC,
        "fabric": {"type": "str", "default": "fabric"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "objects": {"type": "list", "elements": "dict", "default": []},
        "pending": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "kind": {"type": "str", "required": True, "choices": list(MESH_KINDS)},
                "name": {"type": "str", "required": True},
                "namespace": {"type": "str", "default": ""},
                "reason": {"type": "str", "default": ""},
            },
        },
        "keep_namespaces": {"type": "list", "elements": "str", "default": []},
        "gateways": {"type": "dict", "default": {}},
        "namespace": {"type": "str", "default": SYSTEM_NAMESPACE},
        "force_conflicts": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 120},
        "wait_for_peers": {"type": "bool", "default": True},
        "peers_away": {"type": "list", "elements": "str", "default": []},
        "gateways_changed": {"type": "bool", "default": False},
    },
    run=run,
    requires=REQUIRES,
)


def main() -> None:
    """Run as a module of its own."""
    run_module(TASK)


if __name__ == "__main__":
    main()
