# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options are the same in Python, in the documentation, and as variables of the roles' shared part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.skyshift.clusterlink.plugins.doc_fragments.connection import ModuleDocFragment
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import CONNECTION_SPEC
from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.inventory import CONNECTION_VARIABLES
from tests.support.looked_up import looked_up

ROLES = Path(__file__).resolve().parents[2] / "roles"
Data = dict[str, Any]


def load(*path: str) -> Data:
    return dict(yaml.safe_load(ROLES.joinpath(*path).read_text(encoding="utf-8")))


DOCUMENTED: Data = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
VARIABLES: Data = load("variables", "meta", "argument_specs.yml")["argument_specs"]["variables"]["options"]
CONNECTION = looked_up(load("_common", "vars", "main.yml")["clusterlink_connection"])


def shape(option: Data) -> Data:
    """What an option takes, without its words."""
    below = option.get("options") or option.get("suboptions") or {}
    return {
        **{key: option.get(key) for key in ("type", "elements", "default")},
        "options": {name: shape(each) for name, each in below.items()},
    }


def secrets(option: Data) -> set[str]:
    """The names of the options below it, or of itself, that are never shown."""
    below = option.get("options") or {}
    return {name for name, each in {"": option, **below}.items() if each.get("no_log")}


def test_the_same_options_are_everywhere() -> None:
    assert set(DOCUMENTED) == set(CONNECTION_SPEC) == set(CONNECTION_VARIABLES)
    assert CONNECTION == CONNECTION_VARIABLES
    assert {f"clusterlink_{option}" for option in CONNECTION_SPEC} == set(CONNECTION_VARIABLES.values())
    assert set(CONNECTION_VARIABLES.values()) <= set(VARIABLES)


@pytest.mark.parametrize("option", sorted(CONNECTION_SPEC))
def test_an_option_is_documented_and_set_as_the_modules_take_it(option: str) -> None:
    spec, variable = CONNECTION_SPEC[option], CONNECTION_VARIABLES[option]
    assert shape(DOCUMENTED[option]) == shape(spec)
    assert DOCUMENTED[option].get("aliases", []) == spec.get("aliases", [])
    assert shape(VARIABLES[variable]) == shape(spec)
    assert secrets(VARIABLES[variable]) == secrets(spec)
