#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_apply."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_apply
short_description: Apply one cluster's part of a fabric's plan
version_added: 0.1.0
description:
  - Applies a cluster's Peers, Exports, Imports and access policies of a fabric in one task, and the Services for
    Exports of single pods and of merged Services.
  - Writes only objects that differ, and removes objects of the fabric that are no longer in the plan.
  - An object belongs to the fabric when it has the labels V(app.kubernetes.io/managed-by=skyshift.clusterlink) and
    V(skyshift.clusterlink/fabric=FABRIC), which this module sets. Other objects are never removed.
  - Before the first write, a dry run checks every change. A missing namespace, a missing permission, an invalid value
    or a conflict with another field manager fails the task, and nothing is changed.
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
      - V(present) applies O(objects) and removes all other objects of the fabric.
      - V(absent) removes all objects of the fabric, and ignores O(objects) and O(pending).
    type: str
    choices: [present, absent]
    default: present
  objects:
    description:
      - The desired objects, complete, as in the plan.
      - Their kinds are Peer, Export, AccessPolicy, PrivilegedAccessPolicy and Import of C(clusterlink.net/v1alpha1),
        and Service. An existing Service that this module did not create is an error, even with O(force_conflicts).
    type: list
    elements: dict
    default: []
  pending:
    description:
      - Objects of the plan that cannot be written now, such as a Peer whose gateway address is unknown.
      - Existing ones stay as they are.
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
        description: The object's namespace. Empty for a cluster-wide kind.
        type: str
        default: ''
      reason:
        description: Why it cannot be written now, for RV(incomplete).
        type: str
        default: ''
  keep_namespaces:
    description:
      - Unknown namespaces, from the plan's V(unknown_namespaces).
      - Objects of the fabric in them that are not in O(objects) stay as they are. RV(incomplete) lists the namespaces.
    type: list
    elements: str
    default: []
  gateways:
    description:
      - The clusters of the fabric, each with the V(host) and V(port) of its gateway, a list of such addresses for a
        gateway with several, or null for an unknown address.
      - Peers of links to them that were added by name (O(skyshift.clusterlink.peer#module:link)) stay although they are
        not in the plan, and get this address. Peers of links to other clusters are removed.
    type: dict
    default: {}
  peer_labels:
    description:
      - By cluster of the fabric, the labels that its gateway has, from the plan's V(labels).
      - A gateway reads a peer's labels only when the peer becomes reachable. So the module writes them into the status
        of reachable Peers, and policies decide by them from then on.
    type: dict
    default: {}
  namespace:
    description:
      - The gateway's namespace. Check mode assumes that it exists, since an earlier task would create it.
    type: str
    default: clusterlink-system
  force_conflicts:
    description:
      - Whether to take over fields of another field manager, such as a deployment system or C(kubectl apply), and
        objects of another fabric.
      - Without it, they are an error that names the manager and the fields, or the fabric.
    type: bool
    default: false
  wait_for_peers:
    description:
      - Whether O(wait) includes Peers, which must be reachable. Exports and Imports must always be valid.
    type: bool
    default: true
  peers_away:
    description:
      - Names of Peers that are known to be unreachable, such as those of clusters that failed earlier in the same run.
      - They are written like the others, and the module does not wait for them. RV(incomplete) lists unreachable ones.
    type: list
    elements: str
    default: []
  gateways_changed:
    description:
      - Whether gateways of the fabric have just been changed, restarted or given certificates.
      - Then the module waits 6.5 seconds before it trusts the conditions of Peers, since gateways report a failed link
        up to six seconds later.
    type: bool
    default: false
notes:
  - Run it on all clusters in parallel, after all their gateways are installed. A gateway that does not reach a Peer at
    first tries again every ten seconds.
  - Manual changes to objects of the fabric, for example with C(kubectl edit) or C(kubectl patch), are reverted. They
    are not conflicts.
  - Check mode assumes that the kinds exist, since an earlier task would install them.
  - The user needs the verbs get, list, watch, create, patch and delete on the five kinds, and list on Services, in all
    namespaces; patch on C(peers/status) where clusters have labels; and create, patch and delete on Services to export
    single pods or share namespaces.
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

- name: Apply each cluster's part
  skyshift.clusterlink.fabric_apply:
    context: "{{ clusterlink_context }}"
    fabric: demo
    objects: "{{ fabric.plan.peers[clusterlink_peer_name].objects }}"
    pending: "{{ fabric.plan.peers[clusterlink_peer_name].pending }}"
    gateways: "{{ fabric.plan.gateways }}"
    peer_labels: "{{ fabric.plan.labels }}"

- name: Apply one Peer, and remove all other objects of the fabric
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

- name: Remove all objects of the fabric from the cluster
  skyshift.clusterlink.fabric_apply:
    context: kind-east
    fabric: demo
    state: absent
"""

RETURN = r"""
created:
  description: Objects that were created, or in check mode would be.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Import, name: web, namespace: default}]
updated:
  description: Objects that were updated, or in check mode would be.
  returned: always
  type: list
  elements: dict
  sample: []
deleted:
  description: Objects that were deleted, or in check mode would be, in the order of deletion.
  returned: always
  type: list
  elements: dict
  sample: []
unchanged:
  description: Objects that do not differ from the plan.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Peer, name: west, namespace: clusterlink-system}]
conditions:
  description: The last conditions of the objects that have any.
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
    The incomplete objects and namespaces, each with a reason; they are in O(pending), O(keep_namespaces) or
    O(peers_away), or not ready in time.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Peer, name: north, namespace: clusterlink-system, reason: its gateway has no address yet}]
lost:
  description: The imports that lost source peers, or in check mode would. There is a warning for each.
  returned: always
  type: list
  elements: dict
  sample: [{cluster: '', namespace: default, name: web, lost: [west], left: [east]}]
drift:
  description:
    - The differences from the declaration. A run repairs them; check mode only reports them.
    - An object that was never created counts as missing, and one whose declaration has changed counts as changed.
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
      description: Its namespace. Empty for a cluster-wide kind.
      type: str
    drift:
      description: V(changed), V(missing), or V(extra) for an object of this collection that is no longer declared.
      type: str
    before:
      description: The fields that differ, with their previous values; a Secret's data as fingerprints.
      type: dict
    after:
      description: The same fields with their declared values.
      type: dict
    by:
      description:
        - Who set them, from the object's C(managedFields), the latest first, with C(manager), C(operation) and C(time).
        - The API server does not record who deleted an object or removed a field.
      type: list
      elements: dict
    conflict:
      description: Whether another system manages the fields, so that a run fails without O(force_conflicts).
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
  description: The problems as data; C(msg) has the same as text.
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
from ..module_utils.kube.client import Cluster
from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.kube.readiness import conditions
from ..module_utils.kube.wait import NotReadyError
from ..module_utils.mesh.apply import apply_mesh, not_waited_for, wait_for_mesh
from ..module_utils.mesh.deferral import defer_unreachable_sources
from ..module_utils.mesh.peer_labels import refresh_peer_labels
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task

UNKNOWN_NAMESPACE = "its content is unknown, so nothing of the fabric in it is removed"


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Apply the cluster's part of the plan and wait for it."""
    present = params["state"] == "present"
    gateways = parse_addresses(params["gateways"], "gateways") if present else {}
    pending = {Ref(entry["kind"], entry["name"], entry["namespace"]): entry["reason"] for entry in params["pending"]}
    with connect(params) as cluster:
        objects, pending = defer_unreachable_sources(cluster, params["objects"], pending) if present else ([], {})
        if present:
            pending |= {Ref("Namespace", name): UNKNOWN_NAMESPACE for name in params["keep_namespaces"]}
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
        if mode.check:
            _refresh(cluster, result, {}, params, mode)
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
            _refresh(cluster, result, seen, params, mode)
        except NotReadyError as error:
            return _outcome(result, {**result.objects, **error.states}, {**incomplete, **error.waiting}).fail(error)
        except ClusterlinkError as error:
            return _outcome(result, result.objects, incomplete).fail(error)
    return _outcome(result, {**result.objects, **seen}, incomplete)


def _refresh(
    cluster: Cluster, result: ApplyResult, seen: Mapping[Ref, Object | None], params: dict[str, Any], mode: Mode
) -> None:
    away = params["peers_away"]
    refresh_peer_labels(cluster, result, seen, params["peer_labels"], away=away, check=mode.check)


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
    warnings = [*(f"{loss}." for loss in lost), *result.warnings]
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
        "peer_labels": {"type": "dict", "default": {}},
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
