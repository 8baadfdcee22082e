# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather a fabric's declaration from the inventory, the hosts outside --limit too, and compile it to a plan."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.declaration import CONNECTION_VARIABLES, DEFAULT_GROUP, FABRIC_VARIABLES, HOST_VARIABLES
from ..module_utils.outcome import Mode, failure
from ..modules.fabric_plan import TASK


class ActionModule(ActionBase):
    """Runs fabric_plan on the controller, where the whole inventory can be read."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Gather the declaration unless it is given, and run the module's task on it."""
        super().run(tmp, task_vars)
        validation = ArgumentSpecValidator(TASK.argument_spec).validate(self._task.args)
        if validation.error_messages:
            return {"failed": True, "msg": f"fabric_plan: {'; '.join(validation.error_messages)}"}
        params = validation.validated_parameters
        try:
            if params["declaration"] is None:
                params["declaration"] = gather(task_vars or {}, self._templar)
            outcome = TASK.run(params, Mode())
        except ClusterlinkError as error:
            return failure(error)
        return {**outcome.as_result(Mode()), "warnings": outcome.warnings}


def gather(task_vars: Mapping[str, Any], templar: Templar) -> dict[str, Any]:
    """The declaration as plain data, from the variables of the task and of every host of the group.

    Args:
        task_vars: The task's variables, with C(groups) and C(hostvars).
        templar: Templates the task's variables.

    Raises:
        ClusterlinkError: When a variable cannot be templated, or hosts disagree on what is said once for the fabric.
    """
    problems: list[Problem] = []
    hostvars = task_vars["hostvars"]
    groups = {str(name): [str(host) for host in hosts] for name, hosts in task_vars["groups"].items()}
    task = _read(FABRIC_VARIABLES, lambda variable: templar.template(task_vars[variable]), task_vars, "", problems)
    group = task.get("group", DEFAULT_GROUP)
    hosts = groups.get(group, []) if isinstance(group, str) else []
    rendered = {host: hostvars[host] for host in hosts}
    raw = {host: hostvars.raw_get(host) for host in hosts}
    peers = {
        host: {
            # What cannot be templated here is for the task that connects to say, when there is one.
            **_read(CONNECTION_VARIABLES, own.get, own, host, []),
            **_read(HOST_VARIABLES, own.get, own, host, problems),
        }
        for host, own in rendered.items()
    }
    fabric = {name: _of_all(name, raw, rendered, templar, problems) for name in FABRIC_VARIABLES}
    if problems:
        raise ClusterlinkError(problems)
    # The task's own value goes before the hosts': it may be that of a play or a role, which no other host's shows.
    return {**fabric, **task, "group": group, "groups": groups, "peers": peers}


def _read(
    names: Sequence[str], value_of: Callable[[str], Any], known: Container[str], host: str, problems: list[Problem]
) -> dict[str, Any]:
    """The variables that are set, by their names without the prefix."""
    found: dict[str, Any] = {}
    for name in names:
        variable = f"clusterlink_{name}"
        if variable in known:
            try:
                found[name] = value_of(variable)
            except AnsibleError as error:
                fix = "Correct the template, or define for this host what it uses"
                problems.append(Problem(variable, "cannot be templated", str(error), fix, host))
    return found


def _of_all(
    name: str,
    raw: Mapping[str, Mapping[str, Any]],
    rendered: Mapping[str, Mapping[str, Any]],
    templar: Templar,
    problems: list[Problem],
) -> Any:
    """What all hosts say of the fabric, or nothing; that one says something else is a problem.

    Args:
        name: The variable, without its prefix.
        raw: Each host's variables with their templates.
        rendered: Each host's variables, templated when they are read.
        templar: Tells whether there is a template.
        problems: Takes the problems.
    """
    variable = f"clusterlink_{name}"
    texts = [own.get(variable) for own in raw.values()]
    if all(text == texts[0] for text in texts) and not templar.is_template(texts[:1]):
        # One host speaks for all: templating it once for every host takes much longer than all the rest.
        rendered = dict(list(rendered.items())[:1])
    values = {host: _read([name], own.get, own, host, problems).get(name) for host, own in rendered.items()}
    first = next(iter(values), "")
    for host, value in values.items():
        if value != values[first]:
            what = f"is not what {first} has, and it is said once for the whole fabric"
            problems.append(Problem(variable, what, "", "Set it in the variables of the group, or of all", host))
            break
    return values.get(first)
