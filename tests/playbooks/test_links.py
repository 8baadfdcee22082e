# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks for links as they are started, on an inventory whose clusters cannot be reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.environment import ansible_environment
from tests.support.forked_ansible import ansible_playbook
from tests.support.paths import ROOT


def play(tmp_path: Path, playbook: str, *options: str) -> tuple[int, str]:
    """Run a playbook of the collection; its exit code and all its words."""
    hosts = {host: {"clusterlink_kubeconfig": f"nowhere/{host}"} for host in ("east", "west")}
    group = {"hosts": hosts, "vars": {"clusterlink_links": [{"source": "east", "target": "west", "name": "main"}]}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"clusters": group}), encoding="utf-8")
    arguments = ["-i", "hosts.yml", str(ROOT / "playbooks" / playbook), *options]
    done = ansible_playbook(arguments, cwd=tmp_path, env=ansible_environment())
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_a_link_whose_clusters_cannot_be_read_is_shown_and_fails_the_run(tmp_path: Path) -> None:
    path = tmp_path / "links.json"
    status, said = play(tmp_path, "links.yml", "-e", "links_name=main", "-e", f"links_json={path}", "--limit", "west")
    assert status == 2
    assert "Not ready: link main from east to west. The table says why" in said
    assert said.count("nowhere/east") == 1, "the error leaves the causes to the table"
    written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    (link,) = written["links"]
    assert (link["forward"]["state"], link["back"]["state"], link["ready"]) == ("unknown", "unknown", False)
    assert "nowhere/east" in link["forward"]["reason"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "missing required arguments: link_name"),
        (("-e", "link_name=x", "-e", "link_source=east", "-e", "link_target=wets"), "Perhaps west is meant"),
        (("-e", "link_name=x", "-e", "link_source=east", "-e", "link_target=west"), "which is named main"),
        (("-e", "link_name=main", "-e", "link_state=absent"), "is a declared link (link main)"),
        (("-e", "link_name=main", "-e", "link_state=gone"), "value of link_state must be one of: present, absent"),
    ],
)
def test_a_link_that_cannot_be_is_refused_with_the_words_that_operators_type(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    status, said = play(tmp_path, "link.yml", *options)
    assert (status, words in said) == (2, True)


def test_a_watch_ends_when_its_time_is_over(tmp_path: Path) -> None:
    status, said = play(tmp_path, "links.yml", "-e", "links_watch=true", "-e", "links_watch_timeout=1")
    assert status == 2
    assert said.count("main east west: not ready, forward unknown, back unknown") == 1
