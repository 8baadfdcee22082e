# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No key and no passphrase is in any output of the playbooks at the highest verbosity, nor open to others on disk."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.certificates import secrets_in
from tests.support.nodeless import ADDRESS, reported_ready
from tests.support.playbooks import run_playbook
from tests.support.watched import Watched, go_the_whole_way, watched_fabric

FAILS = {"ignore_errors": True}

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl


def test_enrolment_tells_no_secret_on_either_side(tmp_path: Path) -> None:
    ours = Watched(tmp_path / "ours", {"east": {}})
    theirs = Watched(tmp_path / "theirs", {"lyon": {}}, clusterlink_gateway_host="203.0.113.7")
    (tmp_path / "role.yml").write_text("- {hosts: clusters, gather_facts: false, roles: [skyshift.clusterlink.fabric]}")
    ours.run(str(tmp_path / "role.yml"))
    created = theirs.run("enrol_request.yml", "-e", "clusterlink_gateway_port=30443", "--diff")
    request = re.search(r"Send this file: (\S+\.json)", created)
    assert request is not None, created
    response = tmp_path / "response.json"
    names: dict[str, Any] = {"enrol_name": "lyon", "enrol_request": request[1], "enrol_response": str(response)}
    names["enrol_peers"] = []
    names["enrol_fingerprint"] = re.findall(r"over another channel: ([0-9a-f:]+)", created)[-1]
    signed = ours.run("enrol_sign.yml", "-e", json.dumps(names), "--diff")
    fingerprint = re.search(r"ca_fingerprint: ([0-9a-f:]+)", signed)
    assert fingerprint is not None, signed
    theirs.run("enrol_install.yml", "-e", f"enrol_response={response} enrol_ca_fingerprint={fingerprint[1]}", "--diff")

    for side, count in ((ours, 2), (theirs, 1)):
        assert len(side.keys) == count
        side.require_secrecy()
        other = theirs if side is ours else ours
        assert secrets_in(side.output, *other.keys) == []
    travelled = Path(request[1]).read_text() + response.read_text()
    assert secrets_in(travelled, *ours.keys, *theirs.keys) == []
    assert "PRIVATE KEY" not in travelled


@pytest.mark.cluster
def test_an_inline_kubeconfig_is_used_and_in_no_output(clusters: Clusters, kubectl: Kubectl, tmp_path: Path) -> None:
    """As text in one host's variables, and as a dictionary in the other's."""
    one, two = clusters.contexts[:2]
    content = kubectl.json("config", "view", "--raw", "--flatten")
    tokens = [user["user"]["token"] for user in content["users"]]
    hosts = {
        "text": {"clusterlink_kubeconfig": yaml.safe_dump(content), "clusterlink_context": one},
        "dictionary": {"clusterlink_kubeconfig": content, "clusterlink_context": two},
    }
    (tmp_path / "hosts.json").write_text(json.dumps({"clusters": {"hosts": hosts}}), encoding="utf-8")
    connection = {"kubeconfig": "{{ clusterlink_kubeconfig }}", "context": "{{ clusterlink_context }}"}
    look = {"skyshift.clusterlink.gateway_info": connection}
    own_process = {"environment": {"CLUSTERLINK_TEST_OWN_PROCESS": "1"}}
    # The first is refused by the module, the second by Ansible, before the module can do anything.
    wrong = [{**connection, "context": "none"}, {**connection, "gateway_port": "soon"}]
    jobs = tmp_path / "jobs"
    finished = {"jid": "{{ job.ansible_job_id }}"}
    looks = [
        look,
        {**look, **own_process},
        {**look, "become": True, "become_method": "ansible.builtin.su"},
        {**look, "async": 60, "poll": 1},
        {**look, "async": 60, "poll": 0, "register": "job"},
        {
            "ansible.builtin.async_status": finished,
            "register": "now",
            "until": "now is finished",
            "retries": 60,
            "delay": 1,
        },
        {"skyshift.clusterlink.fabric_plan": {"look_up": ["gateways"]}},
        *({"skyshift.clusterlink.gateway_info": each, **how, **FAILS} for each in wrong for how in ({}, own_process)),
    ]
    play = {"hosts": "clusters", "gather_facts": False, "connection": "local", "tasks": looks}
    play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}", "ansible_async_dir": str(jobs)}
    (tmp_path / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    for playbook in ("skyshift.clusterlink.preflight", "play.json"):
        done = run_playbook("-vvvv", "--diff", "-i", "hosts.json", playbook, cwd=tmp_path)
        assert done.code == 0, done.output
        assert "is not checked" not in done.output
        assert [token for token in tokens if token in done.output] == []
    written = [path.read_text() for path in jobs.rglob("*") if path.is_file()]
    assert any("module_args" in text for text in written)
    assert not [text for text in written for token in tokens if token in text]
    refusals = done.output.count("'soon'") + done.output.count("cannot be converted to an int")
    assert refusals >= len(wrong) * len(hosts), done.output


def test_the_search_finds_a_key_that_is_shown_or_open(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "ours", {"east": {}})
    (tmp_path / "role.yml").write_text("- {hosts: clusters, gather_facts: false, roles: [skyshift.clusterlink.fabric]}")
    watched.run(str(tmp_path / "role.yml"))
    watched.require_secrecy()
    key = watched.pki / "demo" / "east" / "key.pem"
    key.chmod(0o640)
    with pytest.raises(AssertionError):
        watched.require_secrecy()
    key.chmod(0o600)
    watched.output += json.dumps({"msg": key.read_text().splitlines()[1]})
    with pytest.raises(AssertionError):
        watched.require_secrecy()


@pytest.mark.cluster
def test_a_fabrics_whole_way_tells_no_secret(clusters: Clusters, kubectl: Kubectl, tmp_path: Path) -> None:
    space = f"test-{uuid.uuid4().hex[:8]}"
    with (
        reported_ready(clusters, space),
        watched_fabric(clusters, tmp_path / "fabric", clusterlink_namespace=space, **ADDRESS) as fabric,
    ):
        go_the_whole_way(fabric, kubectl, clusters)
        assert "peer (wire) cannot be read" in fabric.run("certificates.yml", check=False)
        fabric.require_secrecy()
