# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric whose CA, or whose leaf, has expired: found, explained, and repaired by one run, in real clusters."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, load_authority, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import iso
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.disk import (
    fabric_folder,
    make_folder,
    peer_folder,
    read_pair,
    write_pair,
)
from tests.support.certificates import Play, contents, openssl
from tests.support.gateways import QUICK_VARIABLES, serial_of
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster

SPACE = "clusterlink-system"
NAMES = ("east", "west")


class Site:
    """A fabric of two clusters, whose certificates a test may make expire, in the folder and in the clusters."""

    def __init__(self, clusters: Clusters, kubectl: Kubectl, folder: Path) -> None:
        self._play = Play(folder)
        self.pki = self._play.pki
        self.contexts = dict(zip(NAMES, clusters.contexts, strict=False))
        self.kubectl = kubectl
        self.output = ""
        hosts = {name: {"clusterlink_context": context} for name, context in self.contexts.items()}
        variables = {
            "clusterlink_fabric": "demo",
            "clusterlink_kubeconfig": str(clusters.kubeconfig),
            "clusterlink_ingress_type": "NodePort",
            "clusterlink_link_mode": "mesh",
            **QUICK_VARIABLES,
        }
        (folder / "inventory.json").write_text(json.dumps({"clusters": {"hosts": hosts, "vars": variables}}))

    def run(self, *arguments: str, playbook: str = "site.yml") -> dict[str, tuple[int, int]]:
        """What each host's tasks came to: how many changed something, how many failed."""
        command = (str(ROOT / "playbooks" / playbook), *arguments)
        self.output = self._play.run(*command, inventory="inventory.json", check=False)
        recap = re.findall(r"^(\w+) +: ok=\d+ +changed=(\d+) .* failed=(\d+)", self.output, re.MULTILINE)
        return {host: (int(changes), int(failures)) for host, changes, failures in recap}

    def said(self) -> str:
        """The last run's output without the breaks that wrap its lines."""
        return " ".join(self.output.split())

    def expire(self, name: str, issuer: Issuer, made: datetime) -> datetime:
        """Give a peer a certificate that is a day long, in the folder and in its cluster; returns its end."""
        leaf = make_leaf(LeafRequest(name, days=1), issuer, made)
        write_pair(peer_folder(str(self.pki), "demo", name), leaf.certificate_pem, leaf.key_pem)
        ca = (self.pki / "demo" / "cert.pem").read_bytes()
        values = {"cert.pem": leaf.certificate_pem, "key.pem": leaf.key_pem, "ca.pem": ca}
        data = {key: base64.b64encode(value).decode() for key, value in values.items()}
        patch = f"--patch={json.dumps({'data': data})}"
        self.kubectl("patch", "secret", "cl-peer", "-n", SPACE, "--type=merge", patch, context=self.contexts[name])
        return leaf.certificate.not_valid_after_utc

    def stored(self, name: str) -> dict[str, str]:
        """What the peer's cluster holds."""
        secret = self.kubectl.json("get", "secret", "cl-peer", "-n", SPACE, context=self.contexts[name])
        return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}

    def links(self) -> list[str]:
        """Whether each Peer object of either side is reachable."""
        found: list[str] = []
        for context in self.contexts.values():
            for peer in self.kubectl.json("get", "peers.clusterlink.net", "-n", SPACE, context=context)["items"]:
                conditions = {each["type"]: each["status"] for each in peer["status"]["conditions"]}
                found.append(conditions["PeerReachable"])
        return found

    def require_whole(self) -> None:
        """Every link is up, with certificates that openssl verifies."""
        ca = str(self.pki / "demo" / "cert.pem")
        for name in NAMES:
            leaf = self.pki / "demo" / name / "cert.pem"
            assert openssl("verify", "-verify_hostname", name, "-CAfile", ca, str(leaf)).strip().endswith("OK")
            assert serial_of(self.stored(name)["cert.pem"]) == serial_of(leaf.read_text())
            assert self.stored(name)["ca.pem"] == Path(ca).read_text()
        assert self.links() == ["True", "True"]


@pytest.fixture(scope="module")
def site(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The fabric, up and whole."""
    made = Site(clusters, kubectl, tmp_path_factory.mktemp("site"))
    try:
        failures = {host: failed for host, (_changed, failed) in made.run().items()}
        assert failures == dict.fromkeys(NAMES, 0), made.output
        yield made
    finally:
        made.run(playbook="teardown.yml")
        for context in made.contexts.values():
            kubectl.remove_namespace(SPACE, context=context)


def test_an_expired_ca_is_explained_and_one_run_repairs_the_fabric(site: Site) -> None:
    long_ago = datetime.now(timezone.utc) - timedelta(days=12)
    ca = make_ca(CaRequest("demo", days=10), long_ago)
    write_pair(fabric_folder(str(site.pki), "demo"), ca.certificate_pem, ca.key_pem)
    for name in NAMES:
        site.expire(name, Issuer(ca.certificate, ca.key), long_ago)
    end = iso(ca.certificate.not_valid_after_utc)
    files = contents(site.pki)
    stored = {name: site.stored(name) for name in NAMES}

    refused = site.run()
    assert any(failed for _changed, failed in refused.values())
    assert f"it expired at {end}" in site.said()
    assert "fabric_replace_ca=true" in site.said()
    assert contents(site.pki) == files, "an expired CA is never replaced unasked"
    assert {name: site.stored(name) for name in NAMES} == stored

    repaired = site.run("-e", "fabric_replace_ca=true")
    assert {failed for _changed, failed in repaired.values()} == {0}, site.output
    assert (
        f"The fabric's CA expired at {end}. No new connection over any link has worked since, for 2 days" in site.said()
    )
    keys = {name: (site.pki / "demo" / name / "key.pem").read_bytes() for name in NAMES}
    assert keys == {name: files[f"demo/{name}/key.pem"] for name in NAMES}, "peers keep their keys"
    site.require_whole()


def test_an_expired_certificate_is_repaired_by_any_run_which_says_what_was_lost(site: Site) -> None:
    found = load_authority(
        read_pair(fabric_folder(str(site.pki), "demo")), datetime.now(timezone.utc), may_be_missing=False
    ).issuer()
    end = iso(site.expire("east", found, datetime.now(timezone.utc) - timedelta(days=3)))
    repaired = site.run()
    assert {failed for _changed, failed in repaired.values()} == {0}, site.output
    assert f"The certificate of east expired at {end}. No new connection over its links has worked since" in site.said()
    site.require_whole()
    assert site.run() == dict.fromkeys(NAMES, (0, 0)), site.output


@pytest.mark.long
def test_a_ca_that_expires_while_it_is_replaced_does_not_end_the_rotation(site: Site) -> None:
    long_ago = datetime.now(timezone.utc) - timedelta(days=12)
    old = make_ca(CaRequest("demo", days=10), long_ago)
    new = make_ca(CaRequest("demo"), datetime.now(timezone.utc))
    folder = site.pki / "demo"
    write_pair(fabric_folder(str(site.pki), "demo"), old.certificate_pem, old.key_pem)
    for name in NAMES:
        site.expire(name, Issuer(old.certificate, old.key), long_ago)
    make_folder(peer_folder(str(site.pki), "demo", "ca.next"))
    write_pair(peer_folder(str(site.pki), "demo", "ca.next"), new.certificate_pem, new.key_pem)
    (folder / "trusted.pem").write_bytes(old.certificate_pem + new.certificate_pem)

    assert any(failed for _changed, failed in site.run().values())
    assert "rotate_ca.yml" in site.said()
    ended = site.run(playbook="rotate_ca.yml")
    assert {failed for _changed, failed in ended.values()} == {0}, site.output
    assert not [path.name for path in folder.iterdir() if path.name.startswith(("ca.", "trusted."))]
    assert (folder / "cert.pem").read_bytes() == new.certificate_pem
    site.require_whole()
