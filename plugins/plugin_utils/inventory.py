# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says: the fabric's declaration, hosts outside --limit included, and each host's options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.template import Templar

from ..module_utils.common.content import is_content
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.declaration import API_SERVER_VARIABLES, DEFAULT_GROUP, FABRIC_VARIABLES, HOST_VARIABLES
from ..module_utils.kube.connection import CONNECTION_SPEC
from .host_variables import variables_of
from .own_cluster import NAMING, require_own_cluster

CONNECTION_VARIABLES = {option: f"clusterlink_{option}" for option in CONNECTION_SPEC}
"""The host variable of each connection option. Role variables documents them; _common sets the modules' options."""


def gather(task_vars: Mapping[str, Any], templar: Templar) -> dict[str, Any]:
    """The declaration as plain data, from the variables of the task and of every host of the group.

    Args:
        task_vars: The task's variables, with C(groups) and C(hostvars).
        templar: Templates the task's variables.

    Raises:
        ClusterlinkError: A variable cannot be templated, or hosts disagree on a variable of the whole fabric.
    """
    problems: list[Problem] = []
    hostvars = task_vars["hostvars"]
    groups = {str(name): [str(host) for host in hosts] for name, hosts in task_vars["groups"].items()}
    task = _read(FABRIC_VARIABLES, lambda variable: templar.template(task_vars[variable]), task_vars, "", problems)
    group = task.get("group", DEFAULT_GROUP)
    hosts = groups.get(group, []) if isinstance(group, str) else []
    rendered = {host: variables_of(hostvars, host) for host in hosts}
    raw = {host: hostvars.raw_get(host) for host in hosts}
    peers = {
        host: {
            # A template that fails here is reported by the task that connects to the cluster, if there is one.
            **_hidden(_read(API_SERVER_VARIABLES, own.get, own, host, [])),
            **_read(HOST_VARIABLES, own.get, own, host, problems),
        }
        for host, own in rendered.items()
    }
    fabric = {name: _of_all(name, raw, rendered, templar, problems) for name in FABRIC_VARIABLES}
    if problems:
        raise ClusterlinkError(problems)
    # The task's own value precedes the hosts': it may come from a play or a role, which no other host's variables show.
    return {**fabric, **task, "group": group, "groups": groups, "peers": peers}


def host_options(
    spec: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    host: str,
    given: Mapping[str, Any] | None = None,
    constraints: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A module's parameters for a host: each option from the host's variable C(clusterlink_OPTION).

    Args:
        spec: The module's argument specification.
        hostvars: The variables of every host.
        host: The host.
        given: Options that the caller sets, in place of the host's variables.
        constraints: The constraints of the module's C(Task).

    Raises:
        ClusterlinkError: There is no such host, or a variable cannot be templated, or has a value that its option does
            not take, or the host is one of several and names no cluster of its own.
    """
    if host not in hostvars:
        raise ClusterlinkError(Problem("inventory", "has no such host, so there are no connection options", host=host))
    try:
        own = variables_of(hostvars, host)
        known = {option: f"clusterlink_{option}" for option in spec if f"clusterlink_{option}" in own}
        variables = {option: own.get(variable) for option, variable in known.items()}
        options = {**variables, **(given or {})}
        validation = ArgumentSpecValidator(spec, **(constraints or {})).validate(options)
        fault = "; ".join(validation.error_messages)
    except AnsibleError as error:
        fault = str(error)
    if fault:
        raise ClusterlinkError(Problem("the connection's variables", fault, host=host))
    if {*NAMING} <= spec.keys():
        require_own_cluster(host, options, own)
    params: dict[str, Any] = validation.validated_parameters
    return params


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


def _hidden(found: dict[str, Any]) -> dict[str, Any]:
    """The variables with a digest in place of a kubeconfig's content, since the declaration is no secret."""
    if found.get("kubeconfig") and is_content(found["kubeconfig"]):
        digest = hashlib.sha256(json.dumps(found["kubeconfig"], sort_keys=True, default=str).encode()).hexdigest()
        return {**found, "kubeconfig": f"sha256:{digest}"}
    return found


def _of_all(
    name: str,
    raw: Mapping[str, Mapping[str, Any]],
    rendered: Mapping[str, Mapping[str, Any]],
    templar: Templar,
    problems: list[Problem],
) -> Any:
    """The value that all hosts have for a variable of the fabric, or None; a host that differs is a problem.

    Args:
        name: The variable, without its prefix.
        raw: Each host's variables with their templates.
        rendered: Each host's variables, templated when they are read.
        templar: Detects templates.
        problems: Collects the problems.
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
