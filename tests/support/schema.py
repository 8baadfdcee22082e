# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON schema of the inventory's variables, from the roles' argument_specs: C(python -m tests.support.schema).

It also writes the documentation of the modules' option C(declaration) (declaration_docs.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import declaration_docs
from tests.support.yaml_files import load

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docs" / "declaration.schema.json"
FRAGMENT = ROOT / "plugins" / "doc_fragments" / "declaration.py"

ROLES = ("variables", "fabric", "gateway", "mesh", "verify")
PREFIX = "clusterlink_"
TEMPLATE = {"type": "string", "pattern": r"\{[{%]"}
"""Any value of an inventory may be a template."""

_TYPES = {"str": "string", "path": "string", "dict": "object", "list": "array"}
_WORDS = r"^(true|false|yes|no)$"
_MARKUP = re.compile(r"[A-Z]+\(([^)]*)\)")


def schema() -> dict[str, Any]:
    """The schema of a file with variables, such as one of C(group_vars)."""
    properties = {name: _value(option) for name, option in sorted(options().items())}
    ours = {"enum": sorted(properties)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Variables of skyshift.clusterlink",
        "type": ["object", "null"],
        "properties": properties,
        "propertyNames": {"anyOf": [ours, {"not": {"pattern": f"^{PREFIX}"}}]},
    }


def text() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def fragment() -> str:
    """The documentation fragment as the file has it."""
    return declaration_docs.text(options(), PREFIX)


def options() -> dict[str, Any]:
    """The inventory's variables; entry point C(declaration) of role mesh describes lists more closely than C(main)."""
    found: dict[str, Any] = {}
    for role in ROLES:
        specs = load(ROOT / "roles" / role / "meta" / "argument_specs.yml")
        for entry in specs["argument_specs"].values():
            found.update({name: each for name, each in (entry.get("options") or {}).items() if PREFIX in name})
    return found


def _value(option: Mapping[str, Any]) -> dict[str, Any]:
    """A value with its description: of its type, or a template."""
    about = option["description"]
    described: dict[str, Any] = {"description": _plain(" ".join([about] if isinstance(about, str) else about))}
    if "default" in option:
        described["default"] = option["default"]
    own = _typed(option)
    if not own or own == {"type": "string"}:
        return {**described, **own}
    return {**described, "anyOf": [own, TEMPLATE]}


def _typed(option: Mapping[str, Any]) -> dict[str, Any]:
    kind = option.get("type", "str")
    if "choices" in option:
        return {"enum": list(option["choices"])}
    if kind in ("int", "float"):
        number = {"type": "integer" if kind == "int" else "number"}
        return {"anyOf": [number, {"type": "string", "pattern": r"^[0-9.]+$"}]}
    if kind == "bool":
        return {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": _WORDS}]}
    if kind == "raw":  # of several types, such as a host, or a list of hosts
        return {}
    typed: dict[str, Any] = {"type": _TYPES[kind]}
    if kind == "list":
        typed["items"] = _items(option)
    elif "options" in option:
        typed |= _mapping(option["options"])
    return typed


def _items(option: Mapping[str, Any]) -> dict[str, Any]:
    one = {key: each for key, each in option.items() if key == "options"}
    return _typed({**one, "type": option.get("elements", "raw")})


def _mapping(options: Mapping[str, Any]) -> dict[str, Any]:
    required = [name for name, option in options.items() if option.get("required")]
    return {
        "properties": {name: _value(option) for name, option in options.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _plain(described: str) -> str:
    """A description without Ansible's markup."""
    return _MARKUP.sub(r"`\1`", described)


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
    FRAGMENT.write_text(fragment(), encoding="utf-8")
