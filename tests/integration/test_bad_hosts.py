# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook with the first host's cluster unreachable, another's, and all of them: none hides the others.

Playbook site: test_report.py. Playbook evict_peer: test_evict_peer.py. No gateway runs here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.test_report import UNREACHABLE, reported
from tests.support.certificates import contents
from tests.support.fabrics import EAST, WEST, DeclaredFabric

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

HOSTS = (EAST, WEST)


class Issued(DeclaredFabric):
    """Two clusters without gateways that have certificates, and the request of another organisation's lyon."""

    def __init__(self, clusters: Clusters, namespace: str, folder: Path, module: Ansible) -> None:
        super().__init__(clusters, HOSTS, folder, namespace)
        self.variables |= {"clusterlink_namespace": namespace, "clusterlink_link_mode": "mesh"}
        own = {"path": str(self.pki.parent), "fabric": namespace}
        asked = module.each(
            module.task("fabric_ca", own, connection=False),
            module.task("peer_certificate", {**own, "peers": [{"name": host} for host in HOSTS]}, connection=False),
            module.task("enrolment_request", {**own, "path": str(folder / "lyon"), "name": "lyon"}, connection=False),
        )[-1]
        self.request = {
            "enrol_name": "lyon",
            "enrol_request": asked["request_path"],
            "enrol_fingerprint": asked["fingerprint"],
        }
        self.result = folder / "result.json"
        self._module, self._signing = module, folder / "signing"

    def respond(self) -> dict[str, str]:
        """Let fabric C(theirs) sign a request of each host, beside which the response is; what installs them."""
        asking, signing = ({"path": str(path), "fabric": "theirs"} for path in (self.pki.parent, self._signing))
        run = self._module.task
        signed = self._module.each(run("fabric_ca", signing, connection=False))[-1]
        for host in HOSTS:
            asked = self._module(
                "enrolment_request",
                {**asking, "name": host, "gateways": [{"host": "192.0.2.1", "port": 443}]},
                connection=False,
            )
            own = {"name": host, "request": asked["request_path"], "fingerprint": asked["fingerprint"]}
            dest = str(Path(asked["request_path"]).with_name("response.json"))
            signed = self._module("enrolment_response", {**signing, **own, "dest": dest}, connection=False)
        return {"clusterlink_fabric": "theirs", "enrol_ca_fingerprint": signed["ca_fingerprint"]}


@pytest.fixture
def fabric(clusters: Clusters, kubectl: Kubectl, namespace: str, tmp_path: Path, run_module: Ansible) -> Issued:
    for context in clusters.contexts:  # other tests leave them
        kubectl.remove_definitions(context=context)
    return Issued(clusters, namespace, tmp_path, run_module)


EXPECTED = {
    "certificates": (2, "{host}: peer (secret) cannot be read; the table says why"),
    "drift": (2, "{host} Deployment {namespace}/cl-dataplane missing"),
    "enrol_install": (0, "changed: [{host} -> localhost]"),
    "enrol_request": (0, "ok: [{host}]"),
    "enrol_sign": (0, "ok: [{host}]"),
    "link": (2, 'cannot be linked: ClusterLink is not installed there (found: "{host}")'),
    "links": (2, "the Peer does not exist"),
    "preflight": (0, ""),
    "rotate_ca": (2, "{host}: fabric_ca_rotation: it has no gateway with a certificate"),
    "show": (2, "ok: [{host}]"),
    "teardown": (2, "ok: [{host}]"),
    "upgrade": (2, "ok: [{host}]"),
}
"""The exit code of each playbook, and what it says of a host whose cluster responds."""
WRITING = {
    "enrol_install": "theirs/{host}/cert.pem",
    "enrol_request": "theirs/{host}/request.json",
    "enrol_sign": "enrolled.json",
}
"""What of the fabrics' folders is written all the same: these playbooks need no cluster."""
REPORTING = {"link", "teardown"}
"""They end with the clusters that are not up to date: of a link, both ends, since neither has its Peer."""


def require_link_refused(result: dict[str, Any], failing: list[str]) -> None:
    """Each cluster's row names both ends, and says that neither was written to: both Peers are still to be created."""
    assert result["failed"] == [*HOSTS]
    for row in result["clusters"].values():
        count, target, source, end = row["error"].split("; ")
        assert (count, end, row["changed"]) == ("2 problems:", "Nothing was written to either cluster", False)
        for said, option, host in ((target, "target", WEST), (source, "source", EAST)):
            cause, fix = "ClusterLink is not installed there", "Run site.yml for it first"
            if host in failing:
                url = UNREACHABLE[host]["clusterlink_host"]
                cause, fix = f"{url}: the API server is unreachable", "Run this again when it is reachable"
            assert said.startswith(f"- link_{option}: cannot be linked: {cause}")
            assert said.endswith(f'(found: "{host}"). {fix}.')


@pytest.mark.parametrize("failing", [[EAST], [WEST], [EAST, WEST]], ids=" ".join)
@pytest.mark.parametrize("playbook", EXPECTED)
def test_clusters_that_are_unreachable_are_named_and_hide_no_other(
    fabric: Issued, playbook: str, failing: list[str]
) -> None:
    fabric.hosts |= {host: UNREACHABLE[host] for host in failing}
    more = {
        "enrol_sign": fabric.request,
        "enrol_request": {"clusterlink_fabric": "theirs"},
        "enrol_install": fabric.respond() if playbook == "enrol_install" else {},
        "link": {"link_name": "backup", "link_source": EAST, "link_target": WEST, "link_json": str(fabric.result)},
    }
    before = contents(fabric.pki.parent)
    (code, good), run = EXPECTED[playbook], fabric.play(playbook, **more.get(playbook, {}))
    said = " ".join(run.output.split())
    assert run.code == code, run.output
    for host in failing:
        assert f"{UNREACHABLE[host]['clusterlink_host']}: the API server is unreachable" in said
    for host in set(HOSTS) - {*failing}:
        assert good.format(host=host, namespace=fabric.variables["clusterlink_namespace"]) in said
    if playbook in REPORTING:
        assert reported(run) == ([*HOSTS] if playbook == "link" else failing)
    if playbook == "link":
        require_link_refused(json.loads(fabric.result.read_text(encoding="utf-8")), failing)
    written = set(contents(fabric.pki.parent)) - set(before)
    if playbook in WRITING:
        assert [
            host for host in HOSTS if not any(path.endswith(WRITING[playbook].format(host=host)) for path in written)
        ] == []
    else:
        assert contents(fabric.pki.parent) == before
