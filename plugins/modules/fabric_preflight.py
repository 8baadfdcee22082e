#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_preflight."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_preflight
short_description: Check the inventory and the clusters before a run writes anything
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Refuses whatever is wrong around the declaration, with all problems at once. Each names the host, the variable, what
    was found, and what to do.
  - In the inventory, these are variables that nothing knows, values of a wrong type, a group without hosts, and hosts
    that name no cluster of their own.
  - With O(path), these are also hosts with the name of another organisation's peer that is enrolled in the fabric.
  - With O(clusters=true) it also reads every cluster of the fabric, those outside C(--limit) too. Refused are two hosts
    that are one cluster, gateways of another peer or fabric, gateways that trust none of the CAs in the fabric's
    folder, and what the run would take from clusters that use it.
  - A cluster that does not respond within 5 seconds is a warning; several are one, with a table. The run reports them
    again where it needs the clusters, and does not ask them again.
  - It writes nothing.
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
  - skyshift.clusterlink.own_ca
options:
  parameters:
    description: The names of the playbook's own parameters.
    type: list
    elements: str
    default: []
  inventory:
    description: Whether to check the inventory. A second task of the same run need not repeat that.
    type: bool
    default: true
  clusters:
    description: Whether to read the clusters.
    type: bool
    default: false
  authority:
    description: Whether the gateways must trust a CA of the fabric's folder.
    type: bool
    default: true
  compare:
    description:
      - Whether to compare what the clusters hold with the declaration. Then clusters whose CoreDNS does not serve the
        domain that is declared (by default C(cluster.local), the only one that ClusterLink knows) are refused, too.
    type: bool
    default: false
  linked_peers:
    description:
      - Whether all peers that clusters have links to must be in the inventory. O(compare=true) requires that, too.
      - Peers that were evicted from the fabric need not be.
    type: bool
    default: false
  evicts:
    description: The peer that the run evicts from the fabric.
    type: str
  path:
    description:
      - The directory that contains the fabric's folder. It is needed with O(clusters=true) and O(rotation=true).
    type: path
  rotation:
    description:
      - Whether the run replaces the fabric's CA. Then the CA's key must be in the fabric's folder, and
        O(privatekey_passphrase) must open it.
    type: bool
    default: false
  privatekey_passphrase:
    description: The passphrase of the CA's private key.
    type: str
  store:
    description: The Secret that contains the fabric's folder, for messages.
    type: str
    default: ''
  replace_ca:
    description: Whether gateways that trust another CA are allowed.
    type: bool
    default: false
  replace_gateway:
    description: Whether gateways of another peer or fabric are allowed.
    type: bool
    default: false
  allow_removals:
    description:
      - Whether imports may lose their last source, and peers may leave the fabric. In check mode these are warnings.
    type: bool
    default: false
  declaration:
    description:
      - The declaration as plain data, instead of the inventory's. Its keys are those of
        O(skyshift.clusterlink.fabric_plan#module:declaration).
    type: dict
seealso:
  - module: skyshift.clusterlink.fabric_plan
  - module: skyshift.clusterlink.fabric_impact
"""

EXAMPLES = r"""
- name: Check the inventory alone
  skyshift.clusterlink.fabric_preflight:
  run_once: true

- name: Check the clusters, too
  skyshift.clusterlink.fabric_preflight:
    clusters: true
    compare: true
    path: pki
  run_once: true
"""

RETURN = r"""
group:
  description: The inventory group whose hosts are the fabric's peers.
  returned: success
  type: str
  sample: clusters
hosts:
  description: The hosts of the group.
  returned: success
  type: list
  elements: str
  sample: [east, west]
removals:
  description: What the run takes from clusters that use it.
  returned: O(compare=true) or O(linked_peers=true)
  type: list
  elements: str
  sample: []
unread:
  description: By host, why its cluster cannot be read.
  returned: success
  type: dict
  sample: {}
problems:
  description: What is refused, each with host, where, what, found and fix.
  returned: failure
  type: list
  elements: dict
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils.errors import ClusterlinkError, Problem, raise_all
from ..module_utils.fabric.declaration import DEFAULT_GROUP, parse
from ..module_utils.fabric.model import Declaration
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki_files.own_ca_files import OWN_CA_SPEC
from ..module_utils.preflight.authorities import evicted_peers, expected, folder_problems
from ..module_utils.preflight.cluster_domain import domain_problems
from ..module_utils.preflight.folder import folder_warning
from ..module_utils.preflight.identity import Clusters, identity_problems
from ..module_utils.preflight.removal import lost_peers, removals
from ..module_utils.preflight.unread import unread_warnings

Read = Callable[[Declaration], tuple[Clusters, Mapping[str, str]]]
"""Reads the clusters of a declaration: what was found by host, and why others cannot be read."""


def check(params: Mapping[str, Any], mode: Mode, read: Read) -> Outcome:
    """Check the declaration and, where wanted, the fabric's folder and the clusters.

    Raises:
        ClusterlinkError: With everything that is refused.
    """
    data = params["declaration"]
    if data is None:
        raise ClusterlinkError(Problem("declaration", "is required where no inventory can be read"))
    declaration = parse(data)
    hosts = list(data.get("peers") or {})  # in the inventory's order
    outcome = Outcome(values={"group": data.get("group", DEFAULT_GROUP), "hosts": hosts, "unread": {}})
    problems = [] if params["path"] is None else list(folder_problems(params, declaration))
    if not params["clusters"]:
        raise_all(problems)
        return outcome
    clusters, unread = read(declaration)
    outcome.values["unread"] = dict(unread)
    outcome.warnings += unread_warnings(declaration, unread)
    outcome.warnings += filter(None, [folder_warning(params["path"], params["store"], os.environ)])
    any_ca = params["replace_ca"] or not params["authority"]
    problems += identity_problems(
        expected(params, declaration), clusters, replace_gateway=params["replace_gateway"], any_ca=any_ca
    )
    if params["compare"]:  # what only removes things works under any domain
        domains = {peer.host: peer.cluster_domain for peer in declaration.peers.values()}
        problems += domain_problems(clusters, domains)
    raise_all(problems)
    if params["compare"] or params["linked_peers"]:
        find = removals if params["compare"] else lost_peers
        lost = find(declaration, clusters, evicted_peers(params, declaration))
        outcome.values["removals"] = [str(problem) for problem in lost]
        if lost and not params["allow_removals"] and not mode.check:
            raise ClusterlinkError(lost)
        outcome.warnings += [str(problem) for problem in lost]
    return outcome


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Check a declaration that is given as data; the action reads the inventory and the clusters."""
    if params["clusters"]:
        raise ClusterlinkError(Problem("clusters", "can be read only from the inventory's connection variables"))
    return check(params, mode, lambda _declaration: ({}, {}))


TASK = Task(
    argument_spec={
        "parameters": {"type": "list", "elements": "str", "default": []},
        "inventory": {"type": "bool", "default": True},
        "clusters": {"type": "bool", "default": False},
        "authority": {"type": "bool", "default": True},
        "compare": {"type": "bool", "default": False},
        "linked_peers": {"type": "bool", "default": False},
        "evicts": {"type": "str"},
        "path": {"type": "path"},
        "rotation": {"type": "bool", "default": False},
        "privatekey_passphrase": {"type": "str", "no_log": True},
        **OWN_CA_SPEC,
        "store": {"type": "str", "default": ""},
        "replace_ca": {"type": "bool", "default": False},
        "replace_gateway": {"type": "bool", "default": False},
        "allow_removals": {"type": "bool", "default": False},
        "declaration": {"type": "dict"},
    },
    run=run,
    requires=("cryptography",),
    constraints={"required_if": [("clusters", True, ("path",)), ("rotation", True, ("path",))]},
)


def main() -> None:
    """Run as a module of its own."""
    run_module(TASK)


if __name__ == "__main__":
    main()
