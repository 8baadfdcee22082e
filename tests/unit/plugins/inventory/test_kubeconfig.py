# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin in this process: options, variables, groups and errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.doc_fragments.constructed import ModuleDocFragment

from ansible_collections.skyshift.clusterlink.plugins.inventory.kubeconfig import (
    DOCUMENTATION,
    EXAMPLES,
    InventoryModule,
)

if TYPE_CHECKING:
    from tests.unit.fakes import Api

OPTIONS = {
    **yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"],
    **yaml.safe_load(DOCUMENTATION)["options"],
}
HIDDEN = "do-not-show-this"
EKS = "arn:aws:eks:eu-west-1:123456789012:cluster/shop"

Parse = Callable[..., InventoryData]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No kubeconfig and no connection variable of the machine that the tests run on."""
    for name in [*os.environ]:
        if name.startswith(("K8S_AUTH_", "KUBE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    """The inventory of a file with the given options, beside a kubeconfig that is called config."""
    content = {
        "users": [{"name": "u", "user": {"token": HIDDEN}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "u"}} for name in (EKS, "Test.1")],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(content), encoding="utf-8")

    def build(**options: Any) -> InventoryData:
        path = tmp_path / "my.kubeconfig.yml"
        path.write_text(yaml.safe_dump({"plugin": InventoryModule.NAME, **options}), encoding="utf-8")
        constants.config.initialize_plugin_configuration_definitions("inventory", InventoryModule.NAME, OPTIONS)
        plugin, inventory = InventoryModule(), InventoryData()
        plugin._load_name = InventoryModule.NAME
        plugin._redirected_names = [InventoryModule.NAME]
        assert plugin.verify_file(str(path))
        plugin.parse(inventory, DataLoader(), str(path))
        return inventory

    return build


def test_hosts_have_variables_and_groups(parse: Parse, tmp_path: Path) -> None:
    inventory = parse(
        kubeconfigs=["config"],
        compose={"cloud": "'aws' if cluster_source.account is defined else 'other'"},
        keyed_groups=[{"key": "cluster_source.region", "prefix": "region"}],
        groups={"test": "clusterlink_peer_name == 'test-1'"},
        group="fleet",
    )
    groups = {name: [host.name for host in group.hosts] for name, group in inventory.groups.items()}
    assert groups["fleet"] == ["shop", "Test.1"]
    assert (groups["test"], groups["region_eu_west_1"]) == (["Test.1"], ["shop"])
    variables = inventory.get_host("shop").vars
    assert variables["clusterlink_kubeconfig"] == str(tmp_path / "config")
    assert variables["clusterlink_context"] == EKS
    assert variables["cloud"] == "aws"
    assert "clusterlink_peer_name" not in variables
    assert inventory.get_host("Test.1").vars["clusterlink_peer_name"] == "test-1"


def test_without_options_the_environments_kubeconfig_is_read(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "~/config")
    assert set(parse().hosts) == {"shop", "Test.1"}


@pytest.mark.parametrize("place", ["~", "$HOME"])
def test_a_kubeconfigs_path_may_begin_with_the_home_folder(parse: Parse, place: str) -> None:
    assert set(parse(kubeconfigs=[f"{place}/config"]).hosts) == {"shop", "Test.1"}


def test_expressions_and_patterns_choose_and_name_hosts(parse: Parse) -> None:
    named = parse(kubeconfigs=["{{ 'con' ~ 'fig' }}"], exclude=["Test*"], host_name="name ~ '-' ~ region")
    assert set(named.hosts) == {"shop-eu-west-1"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exlude": ["Test*"]}, "exlude: is not an option of this plugin. Perhaps exclude is meant."),
        ({"kubeconfigs": ["missing"]}, "there is no such file"),
        ({"kubeconfigs": ["config"], "include": ["~("]}, "include[0]: is not a regular expression"),
        ({"kubeconfigs": ["config"], "host_name": "nothing"}, "cannot be evaluated for context"),
        ({"secrets": [{"type": "argo", "api_key": HIDDEN}]}, "secrets[0]: value of type must be one of"),
        ({"secrets": [HIDDEN]}, "secrets[0]: missing required arguments: type"),
        ({"secrets": [{"type": "argocd", "apikey": HIDDEN}]}, "secrets[0]: apikey. Supported parameters include"),
        ({"kubeconfigs": ["{{ nothing }}"]}, "kubeconfigs: cannot be templated"),
    ],
)
def test_what_is_wrong_is_said_without_secrets(parse: Parse, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleParserError) as caught:
        parse(**options)
    assert message in str(caught.value)
    assert HIDDEN not in str(caught.value)


def test_secrets_of_a_management_cluster_are_found_by_label_and_type(parse: Parse, api: Api) -> None:
    for _each in range(2):
        api.will(200, {"metadata": {}, "items": []})
    connection = {"host": api.url, "api_key": HIDDEN}
    inventory = parse(
        secrets=[
            {"type": "argocd", "namespace": "argocd", "label_selector": "env=prod", **connection},
            {"type": "cluster_api", **connection},
        ]
    )
    assert not inventory.hosts, "secrets alone: no context of a kubeconfig is a host"
    argo, capi = (asked.path for asked in api.asked)
    assert argo.startswith("/api/v1/namespaces/argocd/secrets?labelSelector=argocd.argoproj.io%2Fsecret-type%3Dcluster")
    assert "%2Cenv%3Dprod" in argo
    assert capi.startswith("/api/v1/secrets?fieldSelector=type%3Dcluster.x-k8s.io%2Fsecret")


def test_examples_have_options_that_exist() -> None:
    for example in yaml.safe_load_all(EXAMPLES):
        assert example.keys() <= OPTIONS.keys()
        assert all(each.keys() <= OPTIONS["secrets"]["suboptions"].keys() for each in example.get("secrets", ()))
