# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which contexts count, and what their clusters are called as hosts and as peers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from ..common.naming import MAX_NAME
from ..errors import Problem, raise_all

_NAME = "name"


def matches(context: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns matches: of a shell, or a regular expression after C(~), as for Ansible's hosts."""
    return any(
        re.search(pattern[1:], context) if pattern.startswith("~") else fnmatchcase(context, pattern)
        for pattern in patterns
    )


def check_patterns(include: Sequence[str], exclude: Sequence[str], names: Sequence[str]) -> None:
    """Refuse what is no regular expression, and one of C(names) without the group C(name).

    Raises:
        ClusterlinkError: With every one of them.
    """
    problems = []
    for option, patterns in (("include", include), ("exclude", exclude), ("names", names)):
        for index, pattern in enumerate(patterns):
            where, what = f"{option}[{index}]", ""
            if option != "names" and not pattern.startswith("~"):
                continue
            try:
                groups = re.compile(pattern.removeprefix("~") if option != "names" else pattern).groupindex
            except re.error as error:
                what = f"is not a regular expression: {error}"
            else:
                if option == "names" and _NAME not in groups:
                    what = "has no group (?P<name>...), which is the cluster's name"
            if what:
                problems.append(Problem(where, what, pattern))
    raise_all(problems)


def parts(context: str, names: Iterable[str]) -> dict[str, str]:
    """What the groups of the first regular expression match that fits the whole context; else the context as C(name).

    Args:
        context: The context, such as C(arn:aws:eks:eu-west-1:123456789012:cluster/prod).
        names: The regular expressions.
    """
    for each in names:
        if match := re.fullmatch(each, context):
            return {key: value for key, value in match.groupdict().items() if value is not None}
    return {_NAME: context}


def host_name(text: str) -> str:
    """The text with C(-) for what has a meaning in patterns of hosts, such as C(--limit); empty if nothing is left."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")


def peer_name(host: str) -> str:
    """A name that a peer can have: a DNS label, of at most 63 characters; empty if there is none."""
    name = re.sub(r"[^a-z0-9-]+", "-", host.lower()).strip("-")
    return name if len(name) <= MAX_NAME else ""
