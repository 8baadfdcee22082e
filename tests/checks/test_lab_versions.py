# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions that the lab names are those that its Go modules pin, and those that pages call tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "roles/lab"
DEFAULTS = yaml.safe_load((LAB / "defaults/main.yml").read_text(encoding="utf-8"))
VARS = yaml.safe_load((LAB / "vars/main.yml").read_text(encoding="utf-8").replace("!unsafe ", ""))
OTHERS: dict[str, str] = VARS["lab_api_server_versions"]
KUBERNETES = {
    "kubernetes": DEFAULTS["lab_kubernetes_version"],
    **{f"kubernetes-{name}": version for name, version in OTHERS.items()},
}
MODULES = {
    "etcd": ("go.etcd.io/etcd/server/v3", "etcd:{}-0"),
    "coredns": ("github.com/coredns/coredns", "coredns/coredns:v{}"),
}


def pinned(module: str) -> str:
    return (LAB / "files/modules" / module / "go.mod").read_text(encoding="utf-8")


def minor(version: str) -> str:
    return version.removeprefix("v").rpartition(".")[0]


@pytest.mark.parametrize(("module", "version"), KUBERNETES.items())
def test_kubernetes_and_all_of_its_own_modules_are_of_one_version(module: str, version: str) -> None:
    text = pinned(module)
    assert f"k8s.io/kubernetes {version}" in text
    replaced = re.findall(r"^replace (\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replaced) > 20
    assert [line for line in replaced if line[0] != line[1] or line[2] != version.replace("v1.", "v0.", 1)] == []


def test_kind_is_of_the_version_that_the_lab_names() -> None:
    assert f"sigs.k8s.io/kind {DEFAULTS['lab_kind_version']} " in pinned("kind")


@pytest.mark.parametrize("module", MODULES)
def test_an_image_has_the_version_that_its_tag_says(module: str) -> None:
    name, tag = MODULES[module]
    found = re.search(rf"\b{re.escape(name)} v(\S+)", pinned(module))
    assert found is not None
    images = [image["name"] for image in VARS["lab_kubernetes_images"]]
    assert f"registry.k8s.io/{tag.format(found[1])}" in images


def test_containerd_makes_pods_of_the_pause_image_that_nodes_have() -> None:
    [pause] = [image["name"] for image in VARS["lab_kubernetes_images"] if "/pause:" in image["name"]]
    assert f'"{pause}"' in (LAB / "files/node/etc/containerd/config.toml").read_text(encoding="utf-8")


def test_pages_name_what_is_tested() -> None:
    lab, oldest, newest = (minor(version) for version in (KUBERNETES["kubernetes"], OTHERS["oldest"], OTHERS["newest"]))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Kubernetes {lab}; what needs no pods, also on {oldest} and {newest}" in readme
    gateways = (ROOT / "docs/gateways.md").read_text(encoding="utf-8")
    assert f"tested is {lab}, and without pods what API servers of {oldest} and {newest} make of them" in gateways
    specs = (LAB / "meta/argument_specs.yml").read_text(encoding="utf-8")
    assert all(version.removeprefix("v") in specs for version in OTHERS.values())
