# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module is made of: arguments, one call, one outcome. No Ansible.

A module's file holds one Task. The same Task runs in a module process (module.py) or, on the controller itself,
inside Ansible's worker (plugins/plugin_utils/task_action.py), which saves importing the libraries once a task and host.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .clusterlink.kinds import CLUSTERLINK_KINDS
from .common.kinds import register
from .errors import ClusterlinkError, Problem

# Every module and action imports this file, so the API client knows ClusterLink's kinds in all of them.
register(CLUSTERLINK_KINDS)


@dataclass(frozen=True)
class Mode:
    """How Ansible asked for the task to be run."""

    check: bool = False
    diff: bool = False


@dataclass
class Outcome:
    """What came of a task.

    Attributes:
        changed: Whether something was, or in check mode would be, changed.
        values: The module's own return values. Never a secret, except where the module exists to return one.
        diff: Ansible's diff: one C({"before": ..., "after": ...}) or a list of them. Facts, never secrets.
        warnings: Sentences shown as warnings.
        failed: Set with C(values["msg"]) when the task did what it could and something is still incomplete.
    """

    changed: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    diff: Any = None
    warnings: list[str] = field(default_factory=list)
    failed: bool = False

    def fail(self, error: ClusterlinkError) -> Outcome:
        """The same outcome, failed: what was done is still said, beside what went wrong."""
        self.values.update({key: value for key, value in failure(error).items() if key != "failed"})
        self.failed = True
        return self

    def as_result(self, mode: Mode) -> dict[str, Any]:
        """The result dictionary that Ansible expects."""
        result: dict[str, Any] = {**self.values, "changed": self.changed}
        if mode.diff and self.diff is not None:
            result["diff"] = self.diff
        if self.failed:
            result["failed"] = True
        return result


Run = Callable[[dict[str, Any], Mode], Outcome]
"""Does a task's work: takes the validated parameters and the mode; raises C(ClusterlinkError)."""


@dataclass(frozen=True)
class Task:
    """A module's whole work.

    Attributes:
        argument_spec: As AnsibleModule takes it.
        run: Takes the validated parameters and the mode; raises C(ClusterlinkError) when it cannot do the work.
        requires: The Python packages that C(run) imports, reported together with how to install them when missing.
        constraints: C(mutually_exclusive), C(required_together), C(required_one_of), C(required_if), C(required_by).
        of_host: Whether the cluster that it connects to is the one of the host that it runs for.
    """

    argument_spec: dict[str, Any]
    run: Run
    requires: tuple[str, ...] = ()
    constraints: Mapping[str, Any] = field(default_factory=dict)
    of_host: bool = True


def run_guarded(run: Run, params: dict[str, Any], mode: Mode) -> Outcome:
    """Run a task's work; whatever a library raises becomes a problem that does not repeat its message.

    Such a message may hold a value that was given, such as a token. The place in the code is shown instead.

    Raises:
        ClusterlinkError: What the work raises, or what stands for another exception.
    """
    try:
        return run(params, mode)
    except ClusterlinkError:
        raise
    except Exception as error:  # noqa: BLE001 - none of them may reach the user as it is
        raise unknown_error(error) from None


def unknown_error(error: Exception) -> ClusterlinkError:
    """Stands for an exception that the collection does not know, without its message."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    found = f"{type(error).__name__} in {os.path.basename(place.filename)}, line {place.lineno}"
    what = "an error that the collection does not know; its message may hold a secret and is not shown"
    return ClusterlinkError(
        Problem("skyshift.clusterlink", what, found, "Report it as a bug, with the task and the versions")
    )


def failure(error: ClusterlinkError) -> dict[str, Any]:
    """The failed result that says every problem, for people and as data."""
    return {"failed": True, "msg": error.message(), "problems": [problem.as_dict() for problem in error.problems]}
