# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which room may import from which: one way through, no cycle, Ansible and the API client each in one place.

A room is a folder of plugins/ or of plugins/module_utils/, or a file right below module_utils.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"

PURE = ("errors", "common", "pki", "clusterlink", "fabric", "enrolment")
"""Rooms without Ansible, API client or threads, in order: each may import from those to its left."""

ACTING = ("mesh", "gateway", "probe", "lock", "store", "certificates")
"""Rooms that act on a cluster, by kube alone."""

ALLOWED: dict[str, set[str]] = {
    **{room: set(PURE[:place]) for place, room in enumerate(PURE)},
    "outcome": {"errors", "common", "clusterlink"},  # every module imports it, and so registers ClusterLink's kinds
    "module": {"errors", "common", "outcome"},
    "kube": {"errors", "common"},
    "pki_files": {"errors", "common", "outcome", "pki"},
    **{room: {*PURE, "kube", "pki_files", "outcome"} for room in ACTING},
}
ALLOWED["enrolment"] |= {"pki_files"}  # requests, responses and keys are files
ALLOWED["probe"] |= {"mesh"}  # a diagnosis reads what the cluster holds of the fabric
ALLOWED["certificates"] |= {"gateway"}  # they are read from a gateway's Secrets and its address
# It reads gateways, what clusters hold, and the fabric's folder with the names that are enrolled there.
ALLOWED["preflight"] = {*PURE, "kube", "outcome", "gateway", "mesh", "pki_files", "enrolment"}
ALLOWED["kubeconfigs"] = {"errors", "common", "kube"}  # clusters that kubeconfigs and Secrets name
ALLOWED["modules"] = {*ALLOWED, *ACTING} - {"modules"}
ALLOWED["plugin_utils"] = {*PURE, *ACTING, "preflight", "kube", "outcome", "module", "modules"}
ALLOWED["action"] = {*ALLOWED["plugin_utils"], "plugin_utils"}
ALLOWED["inventory"] = {"errors", "common", "kube", "kubeconfigs"}
ALLOWED["filter"] = {*PURE, *ACTING}
ALLOWED["lookup"] = {"errors"}

LIBRARIES = {
    "ansible": {
        "module",
        "kube",
        "plugin_utils",
        "action",
        "filter",
        "lookup",
        "inventory",
    },  # kube: for options from the environment
    "kubernetes": {"kube", "plugin_utils"},
    "urllib3": {"kube", "probe"},
    "cryptography": {"pki", "pki_files", "enrolment", "certificates", "preflight", "modules", "plugin_utils"},
}
"""The rooms that may import a library."""


def room(path: Path) -> str:
    """The room of a file below plugins/."""
    parts = path.relative_to(PLUGINS).parts
    return Path(parts[1]).stem if parts[0] == "module_utils" else parts[0]


def imports(path: Path, source: str) -> Iterator[tuple[int, str, bool]]:
    """What a file imports: line, room or library, and whether it is ours."""
    package = path.relative_to(PLUGINS).parts[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0], False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            top = (node.module or "").partition(".")[0]
            yield node.lineno, "an absolute import" if top == "ansible_collections" else top, False
        elif isinstance(node, ast.ImportFrom):
            base = (*package[: len(package) - node.level + 1], *(node.module or "").split("."))
            for alias in node.names:
                target = [part for part in (*base, alias.name) if part]
                yield node.lineno, target[1] if target[0] == "module_utils" else target[0], True


def breaches(path: Path, source: str) -> list[str]:
    """Every import of the file that its room is not allowed, as C(file:line: room imports what)."""
    own = room(path)
    return [
        f"{path.relative_to(ROOT)}:{line}: {own} imports {what}"
        for line, what, ours in imports(path, source)
        if what == "an absolute import"
        or (ours and what != own and what not in ALLOWED[own])
        or (not ours and own not in LIBRARIES.get(what, {own}))
    ]


def cycles(edges: Mapping[str, set[str]]) -> set[str]:
    """The rooms from which a way of allowed imports leads back to them."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for after in edges.get(waiting.pop(), set()) - seen:
                seen.add(after)
                waiting.append(after)
        return seen

    return {start for start in edges if start in reached(start)}


def test_every_import_is_allowed() -> None:
    found = [
        breach for path in sorted(PLUGINS.rglob("*.py")) for breach in breaches(path, path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_allowed_imports_make_no_cycle() -> None:
    assert not cycles(ALLOWED)
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {"a", "b", "c"}


def test_every_room_has_its_rule() -> None:
    assert {room(path) for path in PLUGINS.rglob("*.py")} - {"doc_fragments"} == set(ALLOWED)


@pytest.mark.parametrize(
    ("file", "line", "breach"),
    [
        ("module_utils/kube/client.py", "from ..clusterlink.api import GROUP", "kube imports clusterlink"),
        ("module_utils/pki/keys.py", "from ..fabric import plan", "pki imports fabric"),
        (
            "module_utils/gateway/operator/instance.py",
            "from ...certificates.wire import x",
            "gateway imports certificates",
        ),
        ("module_utils/fabric/plan.py", "from ..kube.client import Cluster", "fabric imports kube"),
        ("module_utils/outcome.py", "from .module import run_module", "outcome imports module"),
        ("module_utils/mesh/apply.py", "from ...modules.peer import TASK", "mesh imports modules"),
        ("modules/peer.py", "from ..plugin_utils.inventory import hosts", "modules imports plugin_utils"),
        ("module_utils/fabric/plan.py", "from ansible.errors import AnsibleError", "fabric imports ansible"),
        ("module_utils/gateway/spec.py", "import kubernetes.client", "gateway imports kubernetes"),
        (
            "module_utils/fabric/plan.py",
            "from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import Problem",
            "fabric imports an absolute import",
        ),
    ],
)
def test_each_kind_of_breach_is_found(file: str, line: str, breach: str) -> None:
    path = PLUGINS / file
    assert breaches(path, f"from __future__ import annotations\n{line}\n") == [f"{path.relative_to(ROOT)}:2: {breach}"]
