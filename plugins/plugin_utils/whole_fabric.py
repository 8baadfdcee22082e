# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that look at the whole fabric: its declaration and what every cluster holds, hosts outside --limit too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..action.fabric_plan import gather
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.module import missing_library
from ..module_utils.outcome import Mode, Outcome, Task, failure
from ..modules import fabric_info, gateway_info

CONNECTION_VARIABLES = ("kubeconfig", "context", "host", "api_key", "ca_cert", "validate_certs", "namespace")
GATEWAY_VARIABLES = (*CONNECTION_VARIABLES, "gateway_host", "gateway_port")

_PARALLEL = 16
"""Clusters that are asked at a time."""

Look = Callable[[], dict[str, Any]]


class WholeFabricAction(ActionBase):
    """A module's action: runs its task in Ansible's worker, with what the inventory and the clusters say.

    Attributes:
        task: What the module does; its options C(declaration) and C(infos) are filled in, where it has them.
    """

    task: Task

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fill in what was not given, and run the task."""
        super().run(tmp, task_vars)
        name, variables = self._task.action.rpartition(".")[2], task_vars or {}
        validation = ArgumentSpecValidator(self.task.argument_spec, **self.task.constraints).validate(self._task.args)
        if validation.error_messages:
            return {"failed": True, "msg": f"{name}: {'; '.join(validation.error_messages)}"}
        missing = missing_library(self.task)
        if missing:
            return {"failed": True, "msg": missing[0]}
        params = validation.validated_parameters
        mode = Mode(check=bool(self._task.check_mode), diff=bool(self._task.diff))
        try:
            if "declaration" in params and params["declaration"] is None:
                params["declaration"] = gather(variables, self._templar)
            outcome = self.act(params, mode, variables)
        except ClusterlinkError as error:
            return failure(error)
        return {**outcome.as_result(mode), "warnings": outcome.warnings}

    def act(self, params: dict[str, Any], mode: Mode, variables: Mapping[str, Any]) -> Outcome:  # noqa: ARG002 - for others
        """Run the task; a module that needs to know more first asks for it here."""
        return self.task.run(params, mode)


def look_at_clusters(variables: Mapping[str, Any], hosts: list[str]) -> Callable[[], dict[str, dict[str, Any]]]:
    """What asks every cluster, side by side, what it holds of the fabric.

    Args:
        variables: The task's, with C(hostvars).
        hosts: Which clusters.

    Returns:
        Gives what module fabric_info returns for each host, or C(msg) for one that could not be read.
    """
    looks = {host: _look(fabric_info.TASK, variables["hostvars"], host, CONNECTION_VARIABLES) for host in hosts}
    return lambda: _all(looks)


def gateway_addresses(variables: Mapping[str, Any], hosts: list[str]) -> dict[str, Any]:
    """Where each host's gateway is reached; None where that is not known."""
    looks = {host: _look(gateway_info.TASK, variables["hostvars"], host, GATEWAY_VARIABLES) for host in hosts}
    return {host: found.get("address") for host, found in _all(looks).items()}


def _all(looks: Mapping[str, Look]) -> dict[str, dict[str, Any]]:
    """What every look gives, taken side by side."""
    with ThreadPoolExecutor(max(1, min(_PARALLEL, len(looks)))) as pool:
        return dict(zip(looks, pool.map(lambda each: each(), looks.values()), strict=True))


def _look(task: Task, hostvars: Mapping[str, Any], host: str, names: tuple[str, ...]) -> Look:
    """A module's task for a cluster, with the connection that the host's variables say."""
    try:
        params = host_options(task.argument_spec, hostvars, host, names, **task.constraints)
    except ClusterlinkError as error:
        problem = failure(error)
        return lambda: problem

    def look() -> dict[str, Any]:
        try:
            return task.run(params, Mode()).values
        except ClusterlinkError as error:
            return failure(error)

    return look


def host_options(
    spec: dict[str, Any], hostvars: Mapping[str, Any], host: str, names: Sequence[str], **constraints: Any
) -> dict[str, Any]:
    """A module's parameters, as the variables of a host say them.

    Args:
        spec: The module's argument specification.
        hostvars: The variables of every host.
        host: The host.
        names: The options, whose variables have the same names after C(clusterlink_).
        constraints: As those of a C(Task).

    Raises:
        ClusterlinkError: A variable cannot be templated, or is none for its option.
    """
    try:
        own = hostvars[host]
        given = {name: own.get(f"clusterlink_{name}") for name in names if f"clusterlink_{name}" in own}
        validation = ArgumentSpecValidator(spec, **constraints).validate(given)
        fault = "; ".join(validation.error_messages)
    except AnsibleError as error:
        fault = str(error)
    if fault:
        raise ClusterlinkError(Problem("the connection's variables", fault, host=host))
    params: dict[str, Any] = validation.validated_parameters
    return params
