#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module access_policy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: access_policy
short_description: Keep an access policy, which allows or denies connections through ClusterLink
version_added: "0.1.0"
description:
  - Allows or denies connections from workloads to services, in the privileged tier, which is for a cluster's
    administrators and decides first, or in the tier of a namespace.
  - A connection is decided twice, by the importing and by the exporting gateway, each with the policies of its own
    cluster. Any privileged deny wins, then any privileged allow, any deny of the namespace, any allow of the namespace;
    what nothing allows is denied. The namespace is the Import's in the importing cluster and the Export's in the
    exporting one.
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
      - The namespace of an AccessPolicy. It decides on connections to the Imports and Exports there.
    type: str
  action:
    description:
      - What happens to the connections that it is about.
    type: str
    choices: [allow, deny]
    default: allow
  from:
    description:
      - The clients, as a list of selectors of which one has to match. Required with O(state=present).
      - "A selector is a dictionary of words, of which all have to match: C(labels) of the pod, its C(namespace) and
        C(service_account), the C(peers) that it runs in, and the C(peer_labels) of these. A value may be a list, of
        which one has to match."
      - "Or it is C(workloadSelector), a Kubernetes label selector with C(matchLabels) and C(matchExpressions) over
        ClusterLink's attributes: C(client.clusterlink.net/namespace), C(client.clusterlink.net/service-account),
        C(client.clusterlink.net/labels.KEY), C(peer.clusterlink.net/name), C(peer.clusterlink.net/labels.KEY)."
      - The empty selector C({}) matches everything.
    type: list
    elements: dict
  to:
    description:
      - The services, as a list of selectors of which one has to match. Required with O(state=present).
      - "Its words are C(service), the Export's name, and C(namespace) and C(labels) of the Export, C(peers) that export
        it, and the C(peer_labels) of these. In the importing cluster the Import's labels stand for the Export's."
      - "The attributes of C(workloadSelector) are C(export.clusterlink.net/name), C(export.clusterlink.net/namespace),
        C(export.clusterlink.net/labels.KEY) and the peer's as in O(from)."
    type: list
    elements: dict
notes:
  - A policy has no status, so there is nothing to wait for but its removal. Gateways take it up within a second;
    connections that are open already stay.
seealso:
  - module: skyshift.clusterlink.service_import
  - module: skyshift.clusterlink.service_export
"""

EXAMPLES = r"""
- name: Pods of the frontend may use the service web
  skyshift.clusterlink.access_policy:
    context: north
    name: frontend-to-web
    namespace: shop
    from:
      - labels: {app: frontend}
    to:
      - {service: web, namespace: shop}

- name: Nothing from the test cluster gets at production, whatever namespaces say
  skyshift.clusterlink.access_policy:
    context: east
    name: no-test
    tier: privileged
    action: deny
    from:
      - peer_labels: {stage: test}
    to:
      - labels: {stage: production}

- name: The same with a label selector
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
  description: Why it was, or in check mode would be, written or removed. Empty when it was not.
  returned: success
  type: str
  sample: spec.from differs
labels:
  description: The object's labels as they are now. Empty when it is not there.
  returned: success
  type: dict
  sample: {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}
spec:
  description: The object's spec as it is now, or in check mode would be. Empty when it is not there.
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
  description: What is wrong, each with where, what, found and fix.
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
    """The policy that is named."""
    if item.get("tier") == PRIVILEGED:
        return Ref("PrivilegedAccessPolicy", item.name(required=True))
    return refer_to("AccessPolicy")(item)


def build(item: Item, labels: Mapping[str, str]) -> Object:
    """The policy asked for."""
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
