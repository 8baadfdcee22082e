# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fabric's folder may begin with C(~) or C($HOME): modules expand paths, and Ansible's tests of files do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager

from tests.support.paths import ROOT
from tests.support.yaml_files import tasks_of

Data = dict[str, Any]

Rendered = Callable[[Data, str], str]


@pytest.fixture(params=["~", "$HOME", "${HOME}"])
def rendered(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rendered:
    """Render one of some variables, in a fabric whose folder is in the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pki/demo").mkdir(parents=True)
    fabric = {"clusterlink_pki_dir": f"{request.param}/pki", "clusterlink_fabric": "demo", "evict_peer": "lyon"}

    def render(variables: Data, name: str) -> str:
        path, loader = tmp_path / "hosts.yml", DataLoader()
        path.write_text(yaml.safe_dump({"all": {"hosts": {"east": {**variables, **fabric}}}}), encoding="utf-8")
        hosts = InventoryManager(loader=loader, sources=[str(path)])
        found = VariableManager(loader=loader, inventory=hosts).get_vars(host=hosts.get_host("east"))
        return str(Templar(loader=loader, variables=found).template(found[name]))

    return render


def test_a_gateway_gets_both_cas_while_the_fabrics_ca_is_replaced(rendered: Rendered, tmp_path: Path) -> None:
    role = yaml.safe_load((ROOT / "roles/gateway/vars/main.yml").read_text(encoding="utf-8"))
    assert rendered(role, "gateway_ca_path").endswith("/pki/demo/cert.pem")
    trusted = tmp_path / "pki/demo/trusted.pem"
    trusted.touch()
    assert rendered(role, "gateway_ca_path") == str(trusted)


def test_an_evicted_key_is_found_and_tried_before_it_is_removed(rendered: Rendered, tmp_path: Path) -> None:
    every = tasks_of(ROOT / "playbooks/evict_peer.yml")
    (play,) = (each for each in every if "evict_peer_key" in each.get("vars", {}))
    (tried,) = (each for each in every if "skyshift.clusterlink.gateway_handshake" in each)
    assert "evict_peer_key is file" in tried["when"]
    assert rendered(play["vars"], "evict_peer_key") == str(tmp_path / "pki/demo/lyon/key.pem")
