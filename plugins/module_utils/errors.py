# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own errors: what is wrong, where, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what was asked or found.

    Attributes:
        where: The variable, file or object, as its owner would look for it:
            ``clusterlink_services[0].port``, ``/pki/demo/key.pem``, ``Import default/web``.
        what: What is wrong, as a sentence without a full stop.
        found: The value found, already safe to print; empty when there is none.
        fix: What to do about it, as a sentence without a full stop.
        host: The inventory host that it concerns; empty for the whole fabric.
        entry: The name of the list's entry in which it is, said beside its index; empty when it has none.
    """

    where: str
    what: str
    found: str = ""
    fix: str = ""
    host: str = ""
    entry: str = ""

    def __str__(self) -> str:
        host = f"{self.host}: " if self.host else ""
        found = f" (found: {self.found})" if self.found else ""
        fix = f". {self.fix}" if self.fix else ""
        entry = f" ({self.entry})" if self.entry else ""
        return f"{host}{self.where}{entry}: {self.what}{found}{fix}."

    def as_dict(self) -> dict[str, str]:
        """The problem as plain data, for a module's return value."""
        return {"host": self.host, "where": self.where, "what": self.what, "found": self.found, "fix": self.fix}


class ClusterlinkError(Exception):
    """One or more problems that stop a task; nothing was written because of them."""

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(self.message())

    def message(self) -> str:
        """All problems, one a line, the first line saying how many there are when they are several.

        What several hosts have in common is one problem.
        """
        hosts: dict[Problem, list[str]] = {}
        for problem in self.problems:
            hosts.setdefault(replace(problem, host=""), []).append(problem.host)
        lines = [str(replace(each, host=", ".join(filter(None, names)))) for each, names in hosts.items()]
        return lines[0] if len(lines) == 1 else "\n".join([f"{len(lines)} problems:", *(f"- {line}" for line in lines)])


def raise_all(problems: Iterable[Problem]) -> None:
    """Raise a ClusterlinkError with the problems, each once, if there are any."""
    unique = list(dict.fromkeys(problems))
    if unique:
        raise ClusterlinkError(unique)
