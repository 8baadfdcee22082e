# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory's variables against the roles' specifications: names that nothing knows, values of a wrong type."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils.errors import Problem
from ..module_utils.fabric.declaration import FABRIC_VARIABLES, HOST_VARIABLES
from .host_variables import variables_of

PREFIX = "clusterlink_"
_ROLES = Path(__file__).resolve().parents[2] / "roles"
_INTERNAL = frozenset({"clusterlink_authority", "clusterlink_connection", "clusterlink_of"})
"""Variables that role _common sets itself; they have no specification."""
_CLOSE = 0.85
"""How similar a name must be to a known one to count as a misspelling of it, from 0 to 1."""
_DECLARED = frozenset(f"{PREFIX}{name}" for name in (*FABRIC_VARIABLES, *HOST_VARIABLES))
"""Variables whose values the compiler of the plan checks."""
_SHOWN = 5
"""The most hosts that one problem names."""


@cache
def specifications() -> dict[str, dict[str, Any]]:
    """Each variable of each role, as its argument_specs.yml describes it."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(_ROLES.glob("*/meta/argument_specs.yml")):
        with path.open("rb") as stream:
            # Ansible's own loader takes ten times as long, which every run would wait for.
            reader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            loaded = yaml.load(stream, Loader=reader)  # noqa: S506  # both are safe loaders
        for entry in loaded["argument_specs"].values():
            found.update(entry.get("options") or {})
    return found


def name_problems(
    hosts: Mapping[str, Collection[str]], extra: Collection[str], parameters: Collection[str]
) -> Iterator[Problem]:
    """Every variable that looks as if it were meant for this collection, and that nothing in it knows.

    Args:
        hosts: The names of each host's variables.
        extra: The names of the extra variables.
        parameters: The parameters of the playbook.
    """
    known = {*specifications(), *_INTERNAL, *parameters}
    strange: dict[str, list[str]] = {}
    for host, names in hosts.items():
        for name in names:
            if name not in known and name not in extra and _is_meant(name, known):
                strange.setdefault(name, []).append(host)
    own = {f"{parameter.partition('_')[0]}_" for parameter in parameters}
    for name in extra:
        if name not in known and (name.startswith(tuple(own)) or _is_meant(name, known) or _nearest(name, known)):
            strange[name] = []
    for name, holders in sorted(strange.items()):
        nearest = _nearest(name, known)
        fix = f"Perhaps {nearest} is meant" if nearest else "Correct the name, or remove the variable"
        where, what = _one(holders), "is not a variable of this collection"
        yield Problem(name, what if where or not holders else f"{what}: {_several(holders)}", fix=fix, host=where)


def _is_meant(name: str, known: Collection[str]) -> bool:
    """Whether a variable has our prefix, or one that is nearly ours, or is nearly the name of a role's variable."""
    if name.startswith(PREFIX):
        return True
    if name.startswith("ansible_"):
        return False
    start = _plain(name)[: len(PREFIX)]
    return difflib.SequenceMatcher(None, start, PREFIX).ratio() >= _CLOSE and bool(_nearest(name, known))


def _nearest(name: str, known: Collection[str]) -> str:
    """The known name that is most similar, or an empty string; the common prefix makes no two names similar."""
    plain = _plain(name)
    if plain.startswith(PREFIX):
        ends = {each.removeprefix(PREFIX): each for each in sorted(known) if each.startswith(PREFIX)}
        close = difflib.get_close_matches(plain.removeprefix(PREFIX), ends, n=1)
        return ends[close[0]] if close else ""
    return next(iter(difflib.get_close_matches(plain, sorted(known), n=1, cutoff=_CLOSE)), "")


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_")


def value_problems(hostvars: Mapping[str, Any], hosts: Collection[str]) -> Iterator[Problem]:
    """Every value that its variable does not take; one that several hosts share is one problem.

    Args:
        hostvars: The variables of every host, templated when they are read.
        hosts: The hosts to check.
    """
    specs = {name: spec for name, spec in specifications().items() if name not in _DECLARED}
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for host in hosts:
        own = variables_of(hostvars, host)
        for name in specs.keys() & own.keys():
            for problem in _value_problem(name, specs[name], own):
                found.setdefault((problem.where, problem.what, problem.found, problem.fix), []).append(host)
    for (where, what, value, fix), holders in sorted(found.items()):
        only = _one(holders)
        yield Problem(where, what if only else f"{what}: {_several(holders)}", value, fix, only)


def _value_problem(name: str, spec: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        value = own.get(name)
    except AnsibleError as error:
        yield Problem(name, "cannot be templated", str(error), "Correct the template, or define what it uses")
        return
    if value is None:
        return
    option = {key: each for key, each in spec.items() if key not in ("default", "required", "description")}
    faults = ArgumentSpecValidator({name: option}).validate({name: value}).error_messages
    if not faults:
        return
    choices, secret = spec.get("choices"), "no_log" in str(option)
    if choices:
        what = f"must be one of {', '.join(choices)}"
    elif spec.get("options") and isinstance(value, Mapping):
        what = "has an entry that it does not take"
    else:
        what = f"is not of type {spec.get('type', 'str')}"
    # What lies deep within a value only the validator names; its words repeat the value.
    shown = "" if secret else "; ".join(faults) if isinstance(value, Mapping | list) else repr(value)
    yield Problem(name, what, shown, "Correct the value", "")


def _one(hosts: Collection[str]) -> str:
    return next(iter(hosts)) if len(hosts) == 1 else ""


def _several(hosts: Collection[str]) -> str:
    names = list(hosts)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"hosts {', '.join(names[:_SHOWN])}{more}"
