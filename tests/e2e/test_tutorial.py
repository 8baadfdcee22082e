# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tutorial's commands on three clusters, in their order, as a reader types them.

Clusters of tests pull no images. So each Deployment of the tutorial gets an image of the lab instead of its own, and
the port of that: its web server for every server, and its client for the client. All else is as the page says.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.environment import ansible_environment
from tests.support.holdings import holdings
from tests.support.pages import Command, commands, prints
from tests.support.paths import LAB_CACHE, PROGRAMS, ROOT

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

PEERS = ("east", "west", "north")
WEB, CLIENT = "clusterlink-lab/web:v1", "clusterlink-lab/client:v1"
PORT = 8080
TIMEOUT = 900


def of_the_lab(manifest: dict[str, Any]) -> dict[str, Any]:
    """An object of the tutorial, with an image that is on the clusters' nodes."""
    if manifest["kind"] == "Deployment":
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        container["image"] = WEB if container.get("ports") else CLIENT
        container["imagePullPolicy"] = "Never"
        container.pop("command", None)
        for port in container.get("ports", ()):
            port["containerPort"] = PORT
    return manifest


def manifests(folder: Path) -> list[Path]:
    """The files of objects of Kubernetes; the others are Ansible's."""
    return sorted(path for path in (*folder.glob("*.yml"), *folder.glob("bookinfo/*.yml")) if path.stem != "services")


def kubeconfig_of(clusters: Clusters) -> dict[str, Any]:
    """The tests' kubeconfig, with the contexts of the tutorial."""
    config: dict[str, Any] = yaml.safe_load(clusters.kubeconfig.read_text(encoding="utf-8"))
    names = dict(zip(clusters.contexts, PEERS, strict=False))
    config["contexts"] = [{**each, "name": names[each["name"]]} for each in config["contexts"] if each["name"] in names]
    config.pop("current-context", None)
    return config


@pytest.fixture
def folder(clusters: Clusters, tmp_path: Path) -> Path:
    """A copy of the tutorial's folder, as its reader makes one, and a kubeconfig."""
    copy = shutil.copytree(ROOT / "docs" / "tutorial", tmp_path / "tutorial")
    for path in manifests(copy):
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
        objects = [of_the_lab(each) for each in manifest.get("items", [manifest])]
        path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch(0o600)
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_of(clusters)), encoding="utf-8")
    return copy


@pytest.fixture
def _left_as_found(clusters: Clusters, kubectl: Kubectl, folder: Path) -> Iterator[None]:
    """What the tutorial leaves behind where one of its commands fails goes, too."""

    def held() -> set[str]:
        contexts = clusters.contexts[: len(PEERS)]
        return {f"{each} in {context}" for context in contexts for each in holdings(partial(kubectl, context=context))}

    before = held()
    yield
    run(Command("ansible-playbook -i hosts skyshift.clusterlink.teardown", ()), folder)
    for context in clusters.contexts[: len(PEERS)]:
        for path in manifests(folder):
            kubectl("delete", "--ignore-not-found", "-f", str(path), context=context)
    assert sorted(held() - before) == []


def run(command: Command, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = ansible_environment(
        KUBECONFIG=str(folder.parent / "kubeconfig"),
        PATH=f"{PROGRAMS}{os.pathsep}{LAB_CACHE / 'bin'}{os.pathsep}{os.environ['PATH']}",
    )
    return subprocess.run(
        ["bash", "-c", command.text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.mark.usefixtures("_left_as_found")
def test_every_command_does_what_the_page_says(clusters: Clusters, folder: Path) -> None:
    if len(clusters.contexts) < len(PEERS):
        pytest.skip("the tutorial has three clusters")
    for command in commands(ROOT / "docs" / "tutorial.md"):
        done = run(command, folder)
        assert done.returncode == 0, f"{command.text}\n{done.stdout}"
        assert prints(command.shown, done.stdout), f"{command.text}\n{done.stdout}"
