# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contexts of kubeconfig files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kubeconfigs.contexts import (
    default_sources,
    read_contexts,
)

HIDDEN = "do-not-show-this"


def write(path: Path, *contexts: str, current: str = "") -> Path:
    content: dict[str, Any] = {
        "current-context": current,
        "clusters": [{"name": "c", "cluster": {"server": "https://c"}}],
        "users": [{"name": "u", "user": {"token": HIDDEN}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u", "namespace": "n"}} for name in contexts],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_each_context_is_reached_by_its_file_and_name(tmp_path: Path) -> None:
    path = str(write(tmp_path / "config", "a", "b", current="b"))
    first, second = read_contexts(["config"], str(tmp_path))
    assert first.variables == {"clusterlink_kubeconfig": path, "clusterlink_context": "a"}
    assert first.facts == {"kubeconfig": path, "cluster": "c", "user": "u", "namespace": "n"}
    assert (first.context, first.current, second.context, second.current) == ("a", False, "b", True)
    assert first.access == second.access
    assert HIDDEN not in repr((first, second))


def test_patterns_and_several_kubeconfigs_are_read_in_their_order(tmp_path: Path) -> None:
    for name in ("sub/2.yaml", "sub/1.yaml", "home"):
        write(tmp_path / name, name)
    (tmp_path / "sub/folder.yaml").mkdir()
    found = read_contexts(["home", "sub/*.yaml"], str(tmp_path))
    assert [each.context for each in found] == ["home", "sub/1.yaml", "sub/2.yaml"]


def test_paths_that_are_joined_are_one_kubeconfig(tmp_path: Path) -> None:
    write(tmp_path / "1", "a", current="a")
    write(tmp_path / "2", "a", "b", current="b")
    found = read_contexts([os.pathsep.join(("1", "2", "missing"))], str(tmp_path))
    assert [(each.context, each.current) for each in found] == [("a", True), ("b", False)]
    joined = os.pathsep.join(str(tmp_path / name) for name in ("1", "2", "missing"))
    assert {each.variables["clusterlink_kubeconfig"] for each in found} == {joined}


def test_every_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("[]", encoding="utf-8")
    (tmp_path / "damaged").write_text(f"{HIDDEN}: [", encoding="utf-8")
    (tmp_path / "nameless").write_text("contexts: [{context: {}}]", encoding="utf-8")
    with pytest.raises(ClusterlinkError) as caught:
        read_contexts(["missing", "*.none", "list", "damaged", "nameless"], str(tmp_path))
    whats = [problem.what for problem in caught.value.problems]
    assert whats == ["there is no such file", "no file matches the pattern", *["it cannot be used"] * 3]
    assert HIDDEN not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "source"),
    [
        ({}, "~/.kube/config"),
        ({"KUBECONFIG": "/a:/b"}, "/a:/b"),
        ({"KUBECONFIG": "/a:/b", "K8S_AUTH_KUBECONFIG": "/c"}, "/c"),
    ],
)
def test_the_default_is_what_the_modules_use(environment: dict[str, str], source: str) -> None:
    assert default_sources(environment) == [source]
