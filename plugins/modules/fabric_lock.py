#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_lock."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_lock
short_description: Let one run at a time work on a fabric
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Takes a Lease of C(coordination.k8s.io) in every cluster of this run, in namespace C(default), named
    C(skyshift-clusterlink-) and the fabric's name. It says who works on the fabric, and since when.
  - Where another run has one, waits for it, and fails with its name when the time is over. Either all are taken, or
    none is, so that runs on different clusters of one fabric do not wait for each other in vain.
  - A process of its own has them, renews them as long as the run goes on, and removes them as soon as it has ended, be
    it by C(SIGKILL); workers of Ansible that outlive a killed run are ended first. When the whole machine is gone,
    another run takes the Leases after O(duration) seconds without a renewal, by the API server's clock.
  - A run that has them already goes on.
  - Nothing that is declared is changed, so this is never reported as a change.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status that a real run would have.
    support: full
    details:
      - Takes nothing, and warns when another run has the fabric.
  diff_mode:
    description: Returns what was, or in check mode would be, changed, before and after, without any secret.
    support: N/A
    details:
      - There is nothing to show.
options:
  state:
    description:
      - Whether this run shall have the lock, or give it back before its end.
    type: str
    choices: [present, absent]
    default: present
  fabric:
    description:
      - The fabric's name.
    type: str
    default: fabric
  hosts:
    description:
      - The clusters, those of the play unless given. Hosts whose variable C(clusterlink_lock) is false are left out.
    type: list
    elements: str
  timeout:
    description:
      - For how many seconds another run is waited for. With V(0) the task fails at once when there is one.
    type: int
    default: 60
  duration:
    description:
      - After how many seconds without a renewal others may take this run for dead. It renews three times as often.
    type: int
    default: 30
requirements:
  - kubernetes >= 37.0.0 (Python package, on the controller)
notes:
  - It belongs to the run whose task it is, so it always runs on the controller, within Ansible itself.
  - The connections are those that the inventory's variables C(clusterlink_context) and the like say of each host.
  - The user needs the verbs get, create, update and delete on C(leases.coordination.k8s.io) in namespace C(default).
  - A cluster that does not answer within some seconds, or does not permit it, is left out with a warning, as other
    tasks say what it owes. That none of the clusters permits it is an error.
seealso:
  - module: skyshift.clusterlink.fabric_apply
"""

EXAMPLES = r"""
- name: Let no other run work on the fabric meanwhile
  skyshift.clusterlink.fabric_lock:
    fabric: demo
    timeout: 600
  run_once: true

- name: Let others have it before this run ends
  skyshift.clusterlink.fabric_lock:
    fabric: demo
    state: absent
  run_once: true
"""

RETURN = r"""
holder:
  description: This run, as others read it.
  returned: success
  type: str
  sample: ada@ops1 (playbook site, process 4711, run 5b0c2f9e)
clusters:
  description: Where this run has the lock now. None in check mode.
  returned: success
  type: list
  elements: str
  sample: [east, west]
unlocked:
  description: Clusters that are away or do not permit it, so that there is no lock in them.
  returned: success
  type: list
  elements: str
  sample: [north]
problems:
  description: What is in the way, each with where, what, found and fix.
  returned: failure
  type: list
  elements: dict
  sample: [{"host": "", "where": "fabric demo", "what": "another run works on it in east", "found": "", "fix": ""}]
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.kube.client import Cluster
from ..module_utils.kube.connection import REQUIRES
from ..module_utils.kube.retry import RetryPolicy
from ..module_utils.lock.daemon import hold
from ..module_utils.lock.fabric_lock import Lock
from ..module_utils.lock.lease import FabricLease
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.subject import require_fabric


@dataclass(frozen=True)
class ThisRun:
    """What only the run itself knows.

    Attributes:
        holder: Who it is; the same for all its tasks, and for no other run.
        clusters: A connection to each cluster, or why there is none.
        say: Tells the user what is waited for.
    """

    holder: str
    clusters: Mapping[str, Cluster | ClusterlinkError]
    say: Callable[[str], None]


def lock(params: dict[str, Any], mode: Mode, this_run: ThisRun) -> Outcome:
    """Take the lock, give it back, or in check mode say who has it.

    Raises:
        ClusterlinkError: Another run has it, or no cluster permits one.
    """
    short = [
        Problem(name, f"is less than {least} seconds", str(params[name]), f"Give {least} or more")
        for name, least in (("timeout", 0), ("duration", 3))
        if params[name] < least
    ]
    if short:
        raise ClusterlinkError(short)
    fabric, holder = require_fabric(params["fabric"], "fabric"), this_run.holder
    leases = {
        host: FabricLease(cluster, fabric, holder, params["duration"])
        for host, cluster in this_run.clusters.items()
        if not isinstance(cluster, ClusterlinkError)
    }
    whole = Lock(fabric, leases, RetryPolicy(params["timeout"]))
    warnings: list[str] = []
    if mode.check:
        warnings += [f"{told}." for told in whole.told(whole.look())]
    elif params["state"] == "present":
        hold(whole, this_run.say)
    else:
        warnings += whole.release()
    faults = {host: error for host, error in this_run.clusters.items() if isinstance(error, ClusterlinkError)}
    away = {**faults, **whole.away}
    if params["state"] == "present":
        warnings += [f"Fabric {fabric} is not locked in {host}: {error}" for host, error in away.items()]
    values = {"holder": holder, "clusters": whole.mine, "unlocked": list(away)}
    return Outcome(values=values, warnings=warnings)


def run(_params: dict[str, Any], _mode: Mode) -> Outcome:
    """Refuse: a process of a module's own has no run that it could tell the end of."""
    fix = "Run it as a task of a playbook, so that the collection's action does it"
    raise ClusterlinkError(Problem("fabric_lock", "is for Ansible's own process on the controller", fix=fix))


TASK = Task(
    argument_spec={
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "fabric": {"type": "str", "default": "fabric"},
        "hosts": {"type": "list", "elements": "str"},
        "timeout": {"type": "int", "default": 60},
        "duration": {"type": "int", "default": 30},
    },
    run=run,
    requires=REQUIRES,
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
