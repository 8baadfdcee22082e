#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_lock."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_lock
short_description: Lock a fabric so that one run at a time changes it
version_added: "0.1.0"
author:
  - The skyshift.clusterlink contributors (@skyshift)
description:
  - Acquires a Lease of C(coordination.k8s.io) in every cluster of this run, in namespace C(default), named
    C(skyshift-clusterlink-) and the fabric's name. The Lease shows who works on the fabric, and since when.
  - Waits while another run holds one of the Leases, and fails with its name when O(timeout) is over. It acquires all
    Leases or none, so runs on different clusters of one fabric never wait for each other.
  - A daemon holds the Leases, renews them as long as the run lasts, and deletes them as soon as it ends, even by
    C(SIGKILL). It first kills workers of Ansible that outlive a killed run. When the whole machine fails, the Leases
    expire O(duration) seconds after their last renewal, by the API server's clock.
  - A run that holds the Leases already continues.
  - It changes no declared object, so it never reports a change.
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status that a real run would have.
    support: full
    details:
      - Acquires nothing, and warns when another run has locked the fabric.
  diff_mode:
    description: Returns the changed content before and after, or in check mode the planned one, without secrets.
    support: N/A
    details:
      - The module has no diff.
options:
  state:
    description:
      - With V(present), this run acquires the lock. With V(absent), it releases the lock before its end.
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
      - The clusters. The default is all hosts of the play.
      - Hosts whose variable C(clusterlink_lock) is false are skipped.
    type: list
    elements: str
  timeout:
    description:
      - How many seconds to wait for another run. With V(0) the task fails at once when there is one.
    type: int
    default: 60
  duration:
    description:
      - After how many seconds without a renewal the Leases expire. They are renewed three times as often.
    type: int
    default: 30
requirements:
  - kubernetes >= 29.0.0 (Python package, on the controller)
notes:
  - The lock belongs to the run, so the module always runs on the controller, within Ansible itself.
  - The inventory's connection variables, such as C(clusterlink_context), describe the connection to each host.
  - The user needs the verbs get, create, update and delete on C(leases.coordination.k8s.io) in namespace C(default).
  - A cluster that does not respond within some seconds, or does not permit the lock, is skipped with a warning, and
    later tasks of the run refuse to write to it. One that the preflight could not read is skipped without an attempt.
    It is an error when none of the clusters permits the lock.
  - When a Lease is lost to another run, or is not renewed in time, later tasks refuse to write to its cluster.
seealso:
  - module: skyshift.clusterlink.fabric_apply
"""

EXAMPLES = r"""
- name: Lock the fabric
  skyshift.clusterlink.fabric_lock:
    fabric: demo
    timeout: 600
  run_once: true

- name: Release the lock before this run ends
  skyshift.clusterlink.fabric_lock:
    fabric: demo
    state: absent
  run_once: true
"""

RETURN = r"""
holder:
  description: The name of this run that the Leases show.
  returned: success
  type: str
  sample: ada@ops1 (playbook site, process 4711, run 5b0c2f9e)
clusters:
  description: The clusters in which this run holds the lock. Empty in check mode.
  returned: success
  type: list
  elements: str
  sample: [east, west]
unlocked:
  description: The clusters without a lock, because they are unreachable or do not permit it.
  returned: success
  type: list
  elements: str
  sample: [north]
problems:
  description: The problems that prevent the lock, each with where, what, found and fix.
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
from ..module_utils.lock import guard
from ..module_utils.lock.daemon import acquire_in_daemon
from ..module_utils.lock.fabric_lock import FabricLock
from ..module_utils.lock.lease import FabricLease
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.subject import require_fabric


@dataclass(frozen=True)
class ThisRun:
    """The run that the task belongs to.

    Attributes:
        holder: Its name; the same for all its tasks, and different for every run.
        clusters: A connection to each cluster, or why there is none.
        notify: Shows the user what the run waits for.
        unread: The clusters that this run could not read, and has said so. They are not locked.
    """

    holder: str
    clusters: Mapping[str, Cluster | ClusterlinkError]
    notify: Callable[[str], None]
    unread: frozenset[str] = frozenset()


def lock(params: dict[str, Any], mode: Mode, this_run: ThisRun) -> Outcome:
    """Acquire the lock, release it, or in check mode warn of another run that holds it.

    Raises:
        ClusterlinkError: Another run holds it, or no cluster permits one.
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
    readable = {host: lease for host, lease in leases.items() if host not in this_run.unread}
    fabric_lock = FabricLock(fabric, readable, RetryPolicy(params["timeout"]))
    warnings: list[str] = []
    if mode.check:
        warnings += [f"{sentence}." for sentence in fabric_lock.describe(fabric_lock.read_others())]
    elif params["state"] == "present":
        acquire_in_daemon(fabric_lock, this_run.notify)
    else:
        warnings += fabric_lock.release()
        guard.released(lease.server for lease in leases.values())
    errors = {host: error for host, error in this_run.clusters.items() if isinstance(error, ClusterlinkError)}
    away = ClusterlinkError(Problem("fabric_lock", "the cluster could not be read"))
    unread = dict.fromkeys((host for host in leases if host not in readable), away)
    unlocked = {**unread, **errors, **fabric_lock.skipped}
    if params["state"] == "present":
        for host, error in unlocked.items():
            if host in leases and not mode.check:
                guard.lost(leases[host].server, f"it could not be locked: {error.problems[0].what}")
            if host not in this_run.unread:
                warnings.append(f"Fabric {fabric} is not locked in {host}: {error}")
    return Outcome(
        values={"holder": holder, "clusters": fabric_lock.held, "unlocked": list(unlocked)}, warnings=warnings
    )


def run(_params: dict[str, Any], _mode: Mode) -> Outcome:
    """Refuse: a module process cannot observe the end of the run."""
    fix = "Run it as a task of a playbook, so that the collection's action does it"
    raise ClusterlinkError(Problem("fabric_lock", "runs only in Ansible's own process on the controller", fix=fix))


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
