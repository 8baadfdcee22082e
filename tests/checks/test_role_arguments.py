# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's argument specification, its defaults, its use of variables and the modules' documentation say the same."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.looked_up import looked_up
from tests.support.yaml_files import load, mappings, parse

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "skyshift.clusterlink."
ROLES = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
SHARED = "variables"
"""The role that describes what every role has that depends on the next one."""
VALUES = "_common"
"""The role with the defaults of these variables."""

VARIABLE = re.compile(r"(?<!\w)clusterlink_[a-z0-9_]+")
PASSED_ON = re.compile(r"^\{\{\s*(clusterlink_\w+)\s*(?:\|\s*default\(omit\)\s*)?\}\}$")
DEFAULTED = re.compile(r"(?<![.\w])(clusterlink_\w+)\s*\|\s*default\(")
PROSE_DEFAULT = re.compile(r"\bunless (?:it is )?(?:set|given)\b")
COMPARED = ("type", "elements", "choices")
# Role gateway passes only the values that the module takes: with C(external) it does not install.
WIDER = {("clusterlink_install", "choices")}


@functools.cache
def specification(role: str) -> dict[str, dict[str, Any]]:
    """The options of all the role's entry points, by name."""
    path = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    assert path.exists(), f"role {role} has no meta/argument_specs.yml"
    options: dict[str, dict[str, Any]] = {}
    for entry_point in load(path)["argument_specs"].values():
        options.update(entry_point.get("options", {}))
    return options


@functools.cache
def fragment(name: str) -> dict[str, Any]:
    """The options of one of the collection's documentation fragments, named FILE or FILE.CONSTANT as in a module."""
    file, _dot, part = name.partition(".")
    path = ROOT / "plugins" / "doc_fragments" / f"{file}.py"
    return dict(parse(constant(path, part.upper() or "DOCUMENTATION")).get("options", {}))


@functools.cache
def module_options(name: str) -> dict[str, dict[str, Any]]:
    """The documented options of one of the collection's modules, those of its fragments included."""
    documentation = parse(constant(ROOT / "plugins" / "modules" / f"{name}.py", "DOCUMENTATION"))
    options: dict[str, dict[str, Any]] = {}
    for extended in documentation.get("extends_documentation_fragment", []):
        options.update(fragment(extended.removeprefix(COLLECTION)))
    options.update(documentation.get("options", {}))
    return options


def constant(path: Path, wanted: str) -> str:
    """The string that a Python file gives to a name, at its top level or in a class."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == wanted for t in node.targets):
            return str(ast.literal_eval(node.value))
    raise AssertionError(f"{path.relative_to(ROOT)} has no {wanted}")


@functools.cache
def cluster_modules() -> list[str]:
    return list(load(ROOT / "meta" / "runtime.yml")["action_groups"]["cluster"])


@functools.cache
def known_to(role: str) -> dict[str, dict[str, Any]]:
    """The options of a role and, where it depends on the shared values, those of the shared variables."""
    meta = ROOT / "roles" / role / "meta" / "main.yml"
    dependencies = [each["role"] for each in load(meta)["dependencies"]]
    shared = specification(SHARED) if f"{COLLECTION}{VALUES}" in dependencies else {}
    return {**shared, **specification(role)}


def internal() -> set[str]:
    """The shared variables that are not for inventories, and the one that its connection reads."""
    return {*load(ROOT / "roles" / VALUES / "vars" / "main.yml"), "clusterlink_of"}


def yaml_files(folder: str) -> list[Path]:
    return sorted([*ROOT.glob(f"{folder}/**/*.yml"), *ROOT.glob(f"{folder}/**/*.j2")])


def role_variable(path: Path, value: str) -> object:
    """The value of the role's variable that a module's defaults name."""
    name, variables = value.strip("{} "), path.parent.parent / "vars" / "main.yml"
    return load(variables).get(name) if variables.exists() else None


def passed_on() -> Iterator[tuple[Path, str, str, str]]:
    """Every (file, variable, module, option) where a variable is handed to a module's option as it is."""
    for path in [*yaml_files("roles"), *yaml_files("playbooks")]:
        if path.suffix != ".yml":
            continue
        for mapping in mappings(load(path)):
            for key, arguments in mapping.items():
                if isinstance(arguments, str) and str(key).startswith(COLLECTION):
                    looked = looked_up(role_variable(path, arguments))
                    yield from ((path, looked[option], key.removeprefix(COLLECTION), option) for option in looked)
                if not isinstance(arguments, dict) or not isinstance(key, str):
                    continue
                modules = cluster_modules() if key == f"group/{COLLECTION}cluster" else [key.removeprefix(COLLECTION)]
                if not key.startswith((COLLECTION, f"group/{COLLECTION}")):
                    continue
                for option, value in arguments.items():
                    if match := PASSED_ON.match(str(value)):
                        yield from ((path, match[1], module, option) for module in modules)


def defined_here(document: Any) -> set[str]:
    """The variables that tasks and plays of a document set themselves."""
    names: set[str] = set()
    for mapping in mappings(document):
        for key in ("vars", "ansible.builtin.set_fact"):
            if isinstance(mapping.get(key), dict):
                names |= set(mapping[key])
        if isinstance(mapping.get("register"), str):
            names.add(mapping["register"])
    return names


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_description_and_a_type(role: str) -> None:
    poor = [name for name, option in specification(role).items() if not ({"description", "type"} <= set(option))]
    assert not poor, f"roles/{role}/meta/argument_specs.yml: no description or type: {', '.join(poor)}"


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_specification_agree(role: str) -> None:
    path = ROOT / "roles" / (VALUES if role == SHARED else role) / "defaults" / "main.yml"
    defaults = (load(path) or {}) if path.exists() else {}
    specified = {name: option["default"] for name, option in specification(role).items() if "default" in option}
    literal = {name: value for name, value in defaults.items() if "{{" not in str(value)}
    wrong = [
        f"{name}: {value!r} in defaults, {specified.get(name, 'nothing')!r} in argument_specs"
        for name, value in literal.items()
        if name not in specified or specified[name] != value
    ]
    wrong += [f"{name}: in defaults, not in argument_specs" for name in defaults if name not in specification(role)]
    wrong += [f"{name}: default in argument_specs, not in defaults" for name in specified if name not in defaults]
    assert not wrong, f"role {role}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_that_a_role_uses_is_in_its_specification(role: str) -> None:
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in yaml_files(f"roles/{role}")
        if path.name != "argument_specs.yml"
        for name in VARIABLE.findall(path.read_text(encoding="utf-8"))
        if name not in known_to(role).keys() | internal()
    }
    assert not unknown, "not in the role's argument_specs.yml:\n" + "\n".join(sorted(unknown))


def test_every_variable_that_a_playbook_uses_is_in_a_roles_specification() -> None:
    known = {name for role in ROLES for name in specification(role)} | internal()
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in yaml_files("playbooks")
        for name in VARIABLE.findall(path.read_text(encoding="utf-8"))
        if name not in known | defined_here(load(path) if path.suffix == ".yml" else None)
    }
    assert not unknown, "in no role's argument_specs.yml:\n" + "\n".join(sorted(unknown))


def test_roles_do_not_repeat_what_the_shared_role_specifies() -> None:
    repeated = {f"{role}: {name}" for role in ROLES if role != SHARED for name in specification(role)}
    assert not repeated & {f"{role}: {name}" for role in ROLES for name in specification(SHARED)}


def test_no_role_that_others_depend_on_has_a_specification_to_read_in_every_run() -> None:
    metadata = [load(path) for path in ROOT.glob("roles/*/meta/main.yml")]
    needed = {each["role"].removeprefix(COLLECTION) for meta in metadata for each in meta["dependencies"]}
    assert needed == {VALUES}
    assert not needed & set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_no_default_is_written_as_prose(role: str) -> None:
    text = (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    assert not PROSE_DEFAULT.findall(text), "write it as default:, or say what it depends on"


def second_defaults(text: str, defaults: Container[str]) -> list[str]:
    """Variables that a file gives a default although a role does, other than where a play names its hosts."""
    lines = [line for line in text.splitlines() if not re.match(r"\s*(- \"|hosts:)", line)]
    return [name for line in lines for name in DEFAULTED.findall(line) if name in defaults]


@pytest.mark.parametrize("folder", ["playbooks", *(f"roles/{role}" for role in ROLES)])
def test_no_file_repeats_the_default_of_a_role(folder: str) -> None:
    options = known_to(folder.partition("/")[2]) if folder != "playbooks" else specification(SHARED)
    defaults = {name for name, option in options.items() if "default" in option}
    repeated = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in yaml_files(folder)
        for name in second_defaults(path.read_text(encoding="utf-8"), defaults)
    }
    assert not repeated, "these have a role's default already:\n" + "\n".join(sorted(repeated))


def test_a_repeated_default_is_found_and_that_of_another_host_is_none() -> None:
    task = 'fabric: "{{ clusterlink_fabric | default(omit) }}"'
    other = 'fabric: "{{ hostvars[item].clusterlink_fabric | default(omit) }}"'
    play = "  hosts: \"{{ clusterlink_fabric | default('x') }}\""
    found = [second_defaults(text, {"clusterlink_fabric"}) for text in (task, other, play)]
    assert found == [["clusterlink_fabric"], [], []]


def test_a_variable_is_specified_alike_in_every_role() -> None:
    seen: dict[str, tuple[str, dict[str, Any]]] = {}
    different = []
    for role in ROLES:
        for name, option in specification(role).items():
            facts = {key: option.get(key) for key in (*COMPARED, "default", "no_log")}
            first, expected = seen.setdefault(name, (role, facts))
            if facts != expected:
                different.append(f"{name}: {expected} in {first}, {facts} in {role}")
    assert not different, "\n".join(different)


def test_a_variable_is_specified_as_the_module_option_that_it_is_passed_to() -> None:
    specified = {name: option for role in ROLES for name, option in specification(role).items()}
    different = []
    for path, variable, module, option in passed_on():
        documented = module_options(module).get(option)
        where = f"{path.relative_to(ROOT)}: {variable} -> {module}.{option}"
        if documented is None:
            different.append(f"{where}: the module has no such option")
            continue
        mine = specified.get(variable, {})
        different += [
            f"{where}: {key} is {mine.get(key)!r} in the role, {documented.get(key)!r} in the module"
            for key in COMPARED
            if (variable, key) not in WIDER
            and mine.get(key, "str" if key == "type" else None) != documented.get(key, "str" if key == "type" else None)
        ]
        if mine.get("default") != documented.get("default"):
            default, own = mine.get("default"), documented.get("default")
            different.append(f"{where}: default is {default!r} in the role, {own!r} in the module")
    assert not different, "\n".join(sorted(set(different)))
