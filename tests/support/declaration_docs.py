# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of option C(declaration), from the roles' argument_specs: written by C(tests.support.schema)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

FABRIC = ("fabric", "group", "link_mode", "links", "services", "shared_namespaces", "policies")
HOST = (
    "peer_name",
    "namespace",
    "cluster_domain",
    "labels",
    "install",
    "ingress_type",
    "gateway_host",
    "gateway_port",
    "peers",
    "exports",
    "imports",
    "access_policies",
)
_OPTION = re.compile(r"O\(clusterlink_(\w+)([^)]*)\)")
_HEAD = '''\
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration as an option. C(python -m tests.support.schema) writes this file from the roles' argument_specs."""

from __future__ import annotations


class ModuleDocFragment:
    """The declaration as plain data."""

    # The argument_spec has no suboptions: the module checks the entries and reports all their problems at once.
    DOCUMENTATION = r"""
'''


def text(variables: Mapping[str, Any], prefix: str) -> str:
    """The documentation fragment's file.

    Args:
        variables: The options of the roles by variable.
        prefix: With which each variable begins.
    """

    known: dict[int, Any] = {}

    def options(names: tuple[str, ...]) -> dict[str, Any]:
        return {name: _documented(variables[prefix + name], known) for name in names}

    host = {
        "description": "The variables of the host of that name.",
        "type": "dict",
        "suboptions": options(HOST),
    }
    declaration = {
        "description": [
            f"The declaration as data, instead of the inventory's variables. Keys are their names without C({prefix}).",
            "All problems of the entries are reported together. A number may be digits in a string.",
        ],
        "type": "dict",
        "suboptions": {
            **options(FABRIC),
            "groups": {"description": "The hosts of each group, by the group's name.", "type": "dict"},
            "peers": {
                "description": "The clusters of the fabric.",
                "type": "dict",
                "required": True,
                "suboptions": {"HOST": host},
            },
        },
    }
    document = yaml.dump(
        {"options": {"declaration": declaration}}, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True
    )
    return f'{_HEAD}{document}"""\n'


class _Row(list[Any]):
    """A list that is written in one line."""


class _Dumper(yaml.SafeDumper):
    """Writes once what several options share, as the argument_specs do."""

    def generate_anchor(self, node: yaml.Node) -> str:
        return super().generate_anchor(node).replace("id", "shared")


_Dumper.add_representer(_Row, lambda dumper, row: dumper.represent_sequence("tag:yaml.org,2002:seq", row, True))


def _documented(option: Mapping[str, Any], known: dict[int, Any]) -> dict[str, Any]:
    """An option of an argument_spec as a module's documentation has it; one and the same where the option is."""
    if id(option) not in known:
        about = option["description"]
        described: dict[str, Any] = {"description": _own(about) if isinstance(about, str) else [*map(_own, about)]}
        for key, value in option.items():
            if key == "choices":
                described[key] = _Row(value)
            elif key == "options":
                described["suboptions"] = _all(value, known)
            elif key != "description":
                described[key] = value
        known[id(option)] = described
    return known[id(option)]  # type: ignore[no-any-return]


def _all(options: Mapping[str, Any], known: dict[int, Any]) -> dict[str, Any]:
    if id(options) not in known:
        known[id(options)] = {name: _documented(each, known) for name, each in options.items()}
    return known[id(options)]  # type: ignore[no-any-return]


def _own(described: str) -> str:
    """A description with the module's options in place of the roles' variables."""

    def name(match: re.Match[str]) -> str:
        variable, rest = match.groups()
        if variable in FABRIC:
            return f"O(declaration.{variable}{rest})"
        if variable in HOST:
            return f"O(declaration.peers.HOST.{variable}{rest})"
        return f"C(clusterlink_{variable}{rest})"

    return _OPTION.sub(name, described)
