#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module access_policy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: access_policy
short_description: Manage an access policy, which allows or denies connections through ClusterLink
version_added: "0.1.0"
description:
  - Allows or denies connections from workloads to services. The privileged tier is for a cluster's administrators and
    decides before the tier of a namespace.
  - Both the importing and the exporting gateway decide on a connection, each with the policies of its own cluster. The
    first match counts, in the order privileged deny, privileged allow, deny of the namespace, allow of the namespace.
    Without a match, the connection is denied. The namespace is that of the Import in the importing cluster, and that of
    the Export in the exporting one.
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
      - The policy's name, a DNS label.
    type: str
    required: true
  tier:
    description:
      - V(namespaced) is an AccessPolicy and needs O(namespace). V(privileged) is a PrivilegedAccessPolicy and is
        cluster-wide.
    type: str
    choices: [privileged, namespaced]
    default: namespaced
  namespace:
    description:
      - The namespace of an AccessPolicy, which decides on connections to the Imports and Exports in it.
    type: str
  action:
    description:
      - What the policy does with matching connections.
    type: str
    choices: [allow, deny]
    default: allow
  from:
    description:
      - The clients, as a list of selectors. One of them must match. Required with O(state=present).
      - "The keys of a selector are C(labels) of the pod, its C(namespace) and C(service_account), its C(peers), and
        their C(peer_labels). All given keys must match; a list matches any of its values."
      - "The key C(workloadSelector), instead of all others, is a Kubernetes label selector with C(matchLabels) and
        C(matchExpressions) over ClusterLink's attributes: C(client.clusterlink.net/namespace),
        C(client.clusterlink.net/service-account), C(client.clusterlink.net/labels.KEY), C(peer.clusterlink.net/name),
        C(peer.clusterlink.net/labels.KEY)."
      - The empty selector C({}) matches everything.
    type: list
    elements: dict
  to:
    description:
      - The services, as a list of selectors. One of them must match. Required with O(state=present).
      - "The keys of a selector are C(service), which is the Export's name, the Export's C(namespace) and C(labels), the
        exporting C(peers), and their C(peer_labels). The importing gateway uses the Import's labels instead of the
        Export's."
      - "The attributes of C(workloadSelector) are C(export.clusterlink.net/name), C(export.clusterlink.net/namespace),
        C(export.clusterlink.net/labels.KEY) and those of the peer as in O(from)."
    type: list
    elements: dict
notes:
  - A policy has no status, so the module waits only for its removal. Gateways apply it within a second; open
    connections stay.
seealso:
  - module: skyshift.clusterlink.service_import
  - module: skyshift.clusterlink.service_export
"""

EXAMPLES = r"""
- name: Allow pods of the frontend to use the service web
  skyshift.clusterlink.access_policy:
    context: north
    name: frontend-to-web
    namespace: shop
    from:
      - labels: {app: frontend}
    to:
      - {service: web, namespace: shop}

- name: Deny all connections from test clusters to production
  skyshift.clusterlink.access_policy:
    context: east
    name: no-test
    tier: privileged
    action: deny
    from:
      - peer_labels: {stage: test}
    to:
      - labels: {stage: production}

- name: Deny them with a label selector
  skyshift.clusterlink.access_policy:
    context: east
    name: no-test
    tier: privileged
    action: deny
    from:
      - workloadSelector:
          matchLabels: {peer.clusterlink.net/labels.stage: test}
    to:
      - workloadSelector:
          matchExpressions:
            - {key: export.clusterlink.net/labels.stage, operator: In, values: [production]}

- name: Remove a policy
  skyshift.clusterlink.access_policy:
    context: north
    name: frontend-to-web
    namespace: shop
    state: absent
"""

RETURN = r"""
kind:
  description: V(AccessPolicy) or V(PrivilegedAccessPolicy).
  returned: success
  type: str
  sample: AccessPolicy
name:
  description: The object's name.
  returned: success
  type: str
  sample: frontend-to-web
namespace:
  description: The object's namespace. Empty for a PrivilegedAccessPolicy.
  returned: success
  type: str
  sample: shop
reason:
  description: Why the object is written or removed, or in check mode would be. Empty when it is not.
  returned: success
  type: str
  sample: spec.from differs
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
    action: allow
    from: [{"workloadSelector": {"matchLabels": {"client.clusterlink.net/labels.app": "frontend"}}}]
    to: [{"workloadSelector": {"matchLabels": {"export.clusterlink.net/name": "web"}}}]
conditions:
  description: Always empty; a policy has none.
  returned: success
  type: list
  elements: dict
  sample: []
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
from ..module_utils.common.types import Object
from ..module_utils.fabric.objects import policy_object
from ..module_utils.fabric.resources import NAMESPACED, PRIVILEGED, TIERS, AccessPolicy, Origin
from ..module_utils.fabric.selector_grammar import read_client, read_list, read_service
from ..module_utils.kube.connection import REQUIRES
from ..module_utils.mesh.single_object import SINGLE_SPEC, SingleObject, refer_to
from ..module_utils.module import run_module
from ..module_utils.outcome import Task


def refer(item: Item) -> Ref:
    """The named policy."""
    if item.get("tier") == PRIVILEGED:
        return Ref("PrivilegedAccessPolicy", item.name(required=True))
    return refer_to("AccessPolicy")(item)


def build(item: Item, labels: Mapping[str, str]) -> Object:
    """The desired policy."""
    privileged = item.get("tier") == PRIVILEGED
    if privileged and "namespace" in item:
        item.problem(
            "namespace", "cannot stand beside tier: privileged", item.get("namespace"), "Leave one of them out"
        )
    policy = AccessPolicy(
        name=item.name(required=True),
        namespace="" if privileged else item.name("namespace", required=True),
        action=item.choice("action", api.POLICY_ACTIONS),
        clients=read_list(item, "from", read_client),
        services=read_list(item, "to", read_service),
        origin=Origin("", "", ""),
    )
    return policy_object(policy, labels)


SINGLE = SingleObject(
    keys=("name", "tier", "namespace", "action", "from", "to"),
    refer=refer,
    build=build,
)

TASK = Task(
    argument_spec={
        "name": {"type": "str", "required": True},
        "tier": {"type": "str", "choices": list(TIERS), "default": NAMESPACED},
        "namespace": {"type": "str"},
        "action": {"type": "str", "choices": list(api.POLICY_ACTIONS), "default": api.POLICY_ACTIONS[0]},
        "from": {"type": "list", "elements": "dict"},
        "to": {"type": "list", "elements": "dict"},
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
