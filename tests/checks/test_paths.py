# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The path in each variable and parameter may begin with ~ or $HOME.

Modules expand both in options of type path; Jinja's tests, filters and lookups do not, nor do commands. So this
follows each path, through the variables that it becomes a part of, to all places where it is used.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.yaml_files import load, mappings

ROOT = Path(__file__).resolve().parents[2]
MODULES = "ansible_collections.skyshift.clusterlink.plugins.modules"
FILES = [*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*.yml")]
DEFINITIONS = [*ROOT.glob("roles/*/defaults/*.yml"), *ROOT.glob("roles/*/vars/*.yml")]
PLACE = re.compile(r"\b([a-z]+(?:_[a-z]+)+)=(?:FILE|DIR)\b")
"""A playbook's comment says so which of its parameters are paths."""
NAMED_SO = re.compile(r"_(json|junit|markdown|html|csv|file|path|dir|folder|request|response)$")
"""Parameters that are paths by their names; enrol_request and enrol_response are files of an enrolment."""
BUILTIN = {("ansible.builtin.file", "path"), ("ansible.builtin.stat", "path")}
"""Options of type path of Ansible's own modules; action copy takes another home folder for ~ than they."""
CONTENT = {("kubeconfig", "raw")}
"""An option that takes a path or a content, which kube/kubeconfig.py expands."""
REFUSED = {"lab_cache"}
"""Role lab takes only an absolute path, and says so."""
EXPANDED = re.compile(r"expandvars\s*\|\s*expanduser")
HARMLESS = re.compile(
    r"\w+\s+is\s+(?:not\s+)?(?:un)?defined|\|\s*default\('', true\)\s*\|\s*length|\|\s*length\s*>\s*0"
)
SHOWING = {"ansible.builtin.debug", "ansible.builtin.fail", "ansible.builtin.assert", "ansible.builtin.set_stats"}
OPENING = re.compile(
    r"([\w.]+|\([^()]*\))\s+is\s+(?:not\s+)?(?:file|exists|directory|link|abs|mount|same_file)\b"
    r"|(?:lookup|query)\(([^()]*)\)"
    r"|([\w.]+)\s*\|\s*(?:realpath|fileglob)"
)
"""What reads a path in a template, with the path."""

Data = dict[str, Any]


@cache
def path_variables() -> frozenset[str]:
    """All variables of roles that are paths, and all such parameters of playbooks."""
    found = {"clusterlink_kubeconfig", "clusterlink_store_kubeconfig"}
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for entry in load(path)["argument_specs"].values():
            options = entry.get("options") or {}
            found |= {name for name, option in options.items() if option.get("type") == "path"}
    for path in ROOT.glob("playbooks/*.yml"):
        comment = path.read_text(encoding="utf-8").partition("\n- name:")[0]
        parameters = (load(path)[0].get("vars") or {}).get("preflight_parameters", [])
        found |= {*PLACE.findall(comment), *(each for each in parameters if NAMED_SO.search(each))}
    return frozenset(found - REFUSED)


def definitions() -> Iterator[tuple[str, str]]:
    """Each variable that a role, play, block or task defines, and the text of its value."""
    for path in DEFINITIONS:
        yield from ((name, str(value)) for name, value in (load(path) or {}).items())
    for path in FILES:
        for each in mappings(load(path)):
            yield from ((name, str(value)) for name, value in (each.get("vars") or {}).items())


@cache
def carriers() -> frozenset[str]:
    """The variables whose values have such a path in them as it was given."""
    found, every = set(path_variables()), list(definitions())
    while True:
        # Preflight's and the lab's templates name hosts and contexts as well, so a name counts as a whole word.
        more = {name for name, text in every if _names(text, found) and not EXPANDED.search(text)} - found
        more -= {"clusterlink_connection", "preflight_folder"}  # each option of the first is checked; a condition
        if not more:
            return frozenset(found)
        found |= more


def _names(text: str, names: set[str] | frozenset[str]) -> set[str]:
    bare = HARMLESS.sub("", text)
    return {name for name in names if re.search(rf"(?<![\w.'-]){name}\b(?!=)", bare)}


def _opened(text: str) -> set[str]:
    """The paths that a template reads as they were given."""
    return {name for found in OPENING.findall(text) for name in _names(" ".join(found), carriers())}


def _takes_paths(module: str, option: str) -> bool:
    if module.startswith("skyshift.clusterlink."):
        spec = importlib.import_module(f"{MODULES}.{module.rpartition('.')[2]}").TASK.argument_spec
        kind = spec.get(option, {}).get("type")
        return kind == "path" or (option, kind) in CONTENT
    return (module, option) in BUILTIN


def _uses(task: Data) -> Iterator[str]:
    """Where a task uses a path as it was given, and nothing expands it."""
    for key, value in task.items():
        if key in ("vars", "block", "rescue", "always", "tasks", "ansible.builtin.import_playbook"):
            continue  # vars are definitions; the others' tasks are looked at by themselves
        if _opened(str(value)):
            yield f"{key}: {value}"
        if key in SHOWING or "." not in str(key) or not isinstance(value, Mapping):
            continue
        for option, argument in value.items():
            given = _names(str(argument), carriers()) and not EXPANDED.search(str(argument))
            if given and not _takes_paths(key, option):
                yield f"{key}.{option}: {argument}"


def test_paths_are_found() -> None:
    assert path_variables() >= {
        *("clusterlink_pki_dir", "clusterlink_ca_key", "clusterlink_client_cert", "certificates_pki_dir"),
        *("site_json", "plan_markdown", "certificates_junit", "enrol_request", "enrol_response", "lab_kubeconfig"),
    }
    assert carriers() >= {"gateway_fabric_dir", "gateway_ca_path", "enrol_dir", "report_path", "certificates_root"}


def test_each_path_reaches_only_options_that_expand_it() -> None:
    assert [f"{path.name}: {use}" for path in FILES for task in mappings(load(path)) for use in _uses(task)] == []


def test_no_variable_is_made_of_what_a_file_named_by_a_path_says_or_is() -> None:
    wrong = [name for name, text in definitions() if _opened(text)]
    assert wrong == []


def test_options_of_modules_that_are_paths_by_name_are_expanded() -> None:
    of_paths = re.compile(r"(^|_)(path|dest|dir|file|ca_cert|client_cert|client_key)$|^(request|response)$")
    wrong = []
    for path in ROOT.glob("plugins/modules/*.py"):
        if path.stem != "__init__":
            spec = importlib.import_module(f"{MODULES}.{path.stem}").TASK.argument_spec
            wrong += [f"{path.stem}.{name}" for name in spec if of_paths.search(name) and spec[name]["type"] != "path"]
    assert wrong == ["probe.path"], "that of a URL"
