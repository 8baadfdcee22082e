# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema for editors and the modules' documentation say what argument_specs say; it takes what inventories have."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ansible_collections.skyshift.clusterlink.plugins.doc_fragments.declaration import (
    ModuleDocFragment as DeclarationFragment,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.api import LB_SCHEMES
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.declaration import (
    FABRIC_VARIABLES,
    HOST_VARIABLES,
)
from ansible_collections.skyshift.clusterlink.plugins.modules.fabric_plan import TASK
from tests.support import declaration_docs, schema

VALIDATOR = Draft202012Validator(schema.schema())
SERVICE: dict[str, Any] = {"name": "web", "port": 80, "exported_by": ["east"]}
EXAMPLES = sorted((schema.ROOT / "inventories" / "example").glob("*_vars/**/*.yml"))


def faults(variables: Any) -> list[str]:
    """Where the variables are refused."""
    return [".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(variables)]


def test_the_file_is_the_one_that_the_roles_give() -> None:
    assert schema.PATH.read_text(encoding="utf-8") == schema.text(), "run python -m tests.support.schema"


def test_the_documentation_of_option_declaration_is_the_one_that_the_roles_give() -> None:
    assert schema.FRAGMENT.read_text(encoding="utf-8") == schema.fragment(), "run python -m tests.support.schema"


def test_it_documents_what_the_parser_takes() -> None:
    assert (declaration_docs.FABRIC, declaration_docs.HOST) == (FABRIC_VARIABLES, HOST_VARIABLES)
    declaration = yaml.safe_load(DeclarationFragment.DOCUMENTATION)["options"]["declaration"]
    assert set(declaration["suboptions"]) == {*FABRIC_VARIABLES, "groups", "peers"}
    assert TASK.argument_spec["declaration"] == {"type": declaration["type"]}  # which reports all problems at once


@pytest.mark.parametrize(
    ("entry", "key", "said"),
    [
        ("services", "lb_scheme", {"choices": list(LB_SCHEMES), "default": LB_SCHEMES[0]}),
        ("services", "name", {"type": "str", "required": True}),
        ("policies", "tier", {"choices": ["privileged", "namespaced"], "default": "namespaced"}),
        ("shared_namespaces", "clusters", {"type": "raw", "required": True}),
    ],
)
def test_it_documents_entries_with_types_choices_and_defaults(entry: str, key: str, said: dict[str, Any]) -> None:
    declaration = yaml.safe_load(DeclarationFragment.DOCUMENTATION)["options"]["declaration"]
    assert said.items() <= declaration["suboptions"][entry]["suboptions"][key].items()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema.schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_takes_the_example(path: Any) -> None:
    assert faults(yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def test_it_takes_the_documentations_declarations() -> None:
    text = (schema.ROOT / "docs" / "declaration.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    ours = [block for block in blocks if any(name.startswith(schema.PREFIX) for name in block)]
    assert ours
    assert [faults(block) for block in ours] == [[]] * len(ours)


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({"clusterlink_servces": []}, ""),
        ({"clusterlink_link_mode": "meshed"}, "clusterlink_link_mode"),
        ({"clusterlink_services": [{**SERVICE, "alow": []}]}, "clusterlink_services"),
        ({"clusterlink_services": [{"name": "web", "port": 80}]}, "clusterlink_services"),
        ({"clusterlink_services": [{**SERVICE, "port": "http"}]}, "clusterlink_services"),
        ({"clusterlink_services": [{**SERVICE, "lb_scheme": "robin"}]}, "clusterlink_services"),
        ({"clusterlink_policies": [{"name": "p", "from": [{"app": "x"}], "to": [{}]}]}, "clusterlink_policies"),
    ],
)
def test_it_refuses_a_mistake(variables: dict[str, Any], where: str) -> None:
    assert faults(variables) == [where]


def test_it_takes_templates_and_what_is_not_ours() -> None:
    template = {"clusterlink_services": "{{ services }}", "clusterlink_wait_timeout": "{{ patience }}", "other": 1}
    assert faults({**template, "clusterlink_lock": "yes", "clusterlink_gateway_port": "443"}) == []
    assert (
        faults({"clusterlink_services": [{**SERVICE, "allow": [{"from": {"app": "x"}}], "per_pod": "by_peer"}]}) == []
    )
