# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates made by real runs of Ansible, and proven with openssl and the clusterlink CLI."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.disk import fabric_folder, write_pair
from tests.support.certificates import WAYS, Play, changed, contents, openssl, secrets_in
from tests.support.clusters import build_programs
from tests.support.paths import LAB_CACHE


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_each_state_is_predicted_made_kept_repaired_and_removed(play: Play) -> None:
    assert changed(
        play(
            play.ca(check_mode=True),
            play.peer("east", check_mode=True),
            play.ca(),
            play.peer("east", check_mode=True),
            play.peer("east"),
            play.ca(),
            play.peer("east"),
        )
    ) == [True, True, True, True, True, False, False]
    made = contents(play.pki)
    assert set(made) == {"demo/cert.pem", "demo/key.pem", "demo/east/cert.pem", "demo/east/key.pem"}

    for path in play.pki.rglob("key.pem"):
        path.chmod(0o644)
    assert changed(play(play.ca(check_mode=True), play.ca(), play.peer("east"), play.ca(), play.peer("east"))) == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert {path.stat().st_mode & 0o777 for path in play.pki.rglob("key.pem")} == {0o600}
    assert contents(play.pki) == made

    assert changed(
        play(
            play.peer("east", state="absent", check_mode=True),
            play.peer("east", state="absent"),
            play.peer("east", state="absent"),
            play.ca(state="absent"),
            play.ca(state="absent"),
        )
    ) == [True, True, False, True, False]
    assert contents(play.pki) == {}


@pytest.mark.parametrize("key", [{"key_type": "ecdsa"}, {"key_type": "rsa", "key_size": 2048}], ids=["ecdsa", "rsa"])
def test_openssl_accepts_the_chain_for_both_sides_of_a_link(play: Play, key: dict[str, Any]) -> None:
    subject = {"country": "NL", "organization": "Example"}
    changed(play(play.ca(**key, subject=subject), play.peer("east", **key, valid_days=30), play.peer("west", **key)))
    ca = str(play.pki / "demo/cert.pem")
    for peer in ("east", "west"):
        leaf = str(play.pki / "demo" / peer / "cert.pem")
        for purpose in ("sslserver", "sslclient"):
            verify = ("verify", "-x509_strict", "-check_ss_sig", "-purpose", purpose, "-CAfile", ca)
            assert openssl(*verify, "-verify_hostname", peer, leaf).strip().endswith("OK")
            assert "error" in openssl(*verify, "-verify_hostname", "other", leaf, check=False)
        own = openssl("pkey", "-in", leaf.replace("cert.pem", "key.pem"), "-pubout")
        assert own == openssl("x509", "-in", leaf, "-noout", "-pubkey")

    text = openssl("x509", "-in", str(play.pki / "demo/east/cert.pem"), "-noout", "-text")
    assert "TLS Web Server Authentication, TLS Web Client Authentication" in text
    assert "DNS:east\n" in text
    assert "CA:FALSE" in text
    assert openssl("x509", "-in", ca, "-noout", "-subject", "-nameopt", "RFC2253").endswith(",O=Example,C=NL\n")
    label = "RSA" if key["key_type"] == "rsa" else "EC"
    for path in play.pki.rglob("key.pem"):
        assert path.read_text().startswith(f"-----BEGIN {label} PRIVATE KEY-----\n")
        openssl("pkey", "-in", str(path), "-noout", "-check")


def test_two_gateways_shake_hands_with_the_certificates(play: Play) -> None:
    changed(play(play.ca(), play.peer("east"), play.peer("west")))
    folder = play.pki / "demo"

    def side(peer: str) -> list[str]:
        own = ["-cert", f"{folder}/{peer}/cert.pem", "-key", f"{folder}/{peer}/key.pem"]
        return ["-CAfile", f"{folder}/cert.pem", "-verify_return_error", *own]

    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", "0", "-naccept", "1", "-Verify", "1", *side("east")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = next(line for line in server.stdout if line.startswith("ACCEPT")).rpartition(":")[2].strip()
        address = ("-connect", f"127.0.0.1:{port}", "-servername", "east", "-verify_hostname", "east")
        said = subprocess.run(
            ["openssl", "s_client", *address, *side("west")],
            input="",
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        ).stdout
    finally:
        server.kill()
        server.wait()
    assert "Verify return code: 0 (ok)" in said
    assert "Verified peername: east" in said


def test_a_ca_that_expired_is_refused_with_what_to_do_and_nothing_is_written(play: Play) -> None:
    changed(play(play.ca(), play.peer("east")))
    long_ago = make_ca(CaRequest("demo", days=365), datetime(2020, 1, 1, tzinfo=timezone.utc))
    write_pair(fabric_folder(str(play.pki), "demo"), long_ago.certificate_pem, key_pem(long_ago.key))
    before = contents(play.pki)
    for result in play(play.ca(), play.peer("east"), play.peer("west")):
        assert result["failed"]
        assert "expired at 2020-12-31T00:00:00Z" in result["msg"]
        assert "replace=true" in result["msg"]
    assert contents(play.pki) == before

    repaired = play(play.ca(replace=True), play.peer("east"), play.ca(), play.peer("east"))
    assert changed(repaired) == [True, True, False, False]
    ca, leaf = str(play.pki / "demo/cert.pem"), str(play.pki / "demo/east/cert.pem")
    assert openssl("verify", "-x509_strict", "-CAfile", ca, leaf).strip().endswith("OK")


def test_a_key_is_in_no_output_at_the_highest_verbosity(play: Play) -> None:
    play.playbook = True
    changed(play(play.ca(), play.peer("east")))
    kept = {name: (play.pki / name).read_text() for name in ("demo/key.pem", "demo/east/key.pem")}
    output = play.output
    given: dict[str, Any] = {
        "ca_certificate_content": (play.pki / "demo/cert.pem").read_text(),
        "ca_privatekey_content": "{{ ca_key }}",
        "privatekey_content": "{{ east_key }}",
    }
    secrets = {"ca_key": kept["demo/key.pem"], "east_key": kept["demo/east/key.pem"]}
    for way in WAYS.values():
        play.environment = way
        done, refused = play(
            play.peer("east", path=None, return_content=True, **given) | {"no_log": False},
            play.peer("east", path=None, return_content=True, **given, certificate_content="garbage"),
            secrets=secrets,
        )
        assert done["changed"]
        assert "privatekey" not in done
        assert refused["failed"]
        output += play.output
    assert secrets_in(output, *(key.encode() for key in kept.values())) == []


def test_the_search_for_secrets_would_find_one(play: Play) -> None:
    changed(play(play.ca()))
    key = (play.pki / "demo/key.pem").read_bytes()
    for said in (key.decode(), json.dumps(key.decode()), repr(key), base64.b64encode(key).decode()):
        assert secrets_in(f"said: {said}", key)


ROLE = """
- hosts: clusters
  gather_facts: false
  roles:
    - role: skyshift.clusterlink.fabric
      run_once: true # as in site.yml
"""


@pytest.fixture
def role(play: Play) -> Callable[..., dict[str, Any]]:
    """Run role fabric for hosts east, west and north; gives the recap, a dictionary for each host."""
    hosts: dict[str, Any] = {name: {} for name in ("east", "west", "north")}
    inventory = {"clusters": {"hosts": hosts, "vars": {"clusterlink_fabric": "demo", "ansible_connection": "ssh"}}}
    (play.folder / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    (play.folder / "role.yml").write_text(ROLE, encoding="utf-8")

    def run(*arguments: str) -> dict[str, Any]:
        output = play.run("role.yml", *arguments, inventory="inventory.json", check=False)
        lines = re.findall(r"^(\w+) +: ok=\d+ +changed=(\d+) .* failed=(\d+)", output, re.MULTILINE)
        return {host: {"changed": int(changes), "failed": int(failures)} for host, changes, failures in lines}

    return run


def test_the_role_makes_the_ca_and_a_certificate_for_every_host_on_the_controller(
    play: Play, role: Callable[..., dict[str, Any]]
) -> None:
    planned = role("--check")
    assert not play.pki.exists()
    assert role() == planned
    assert sum(host["changed"] for host in planned.values()) == 2, "the CA, and all peers in one task"
    made = contents(play.pki)
    assert len(made) == 8, "beside the inventory, without any option"
    assert {host["changed"] for host in role().values()} == {0}
    assert contents(play.pki) == made
    ca = str(play.pki / "demo/cert.pem")
    for name in ("east", "west", "north"):
        leaf = str(play.pki / "demo" / name / "cert.pem")
        assert openssl("verify", "-verify_hostname", name, "-CAfile", ca, leaf).strip().endswith("OK")


@pytest.mark.parametrize("damaged", [["east"], ["north"], ["east", "west", "north"]], ids=" ".join)
def test_a_host_whose_certificate_cannot_be_made_fails_alone(
    play: Play, role: Callable[..., dict[str, Any]], damaged: list[str]
) -> None:
    role()
    for name in damaged:
        (play.pki / f"demo/{name}/key.pem").write_text("garbage")
    others = sorted({"east", "west", "north"} - set(damaged))
    for name in others:
        (play.pki / f"demo/{name}/cert.pem").unlink()
    recap = role()
    assert sorted(name for name, host in recap.items() if host["failed"]) == sorted(damaged)
    assert all((play.pki / f"demo/{name}/cert.pem").exists() for name in others)
    for name in damaged:
        assert (play.pki / f"demo/{name}/key.pem").read_text() == "garbage"
        assert f"demo/{name}/key.pem" in play.output


def test_hosts_may_differ_in_what_they_ask_for(play: Play, role: Callable[..., dict[str, Any]]) -> None:
    inventory = json.loads((play.folder / "inventory.json").read_text())
    inventory["clusters"]["hosts"]["west"] = {"days": 90, "clusterlink_certificate_days": "{{ days }}"}
    inventory["clusters"]["hosts"]["north"] = {"clusterlink_key_type": "rsa", "clusterlink_key_size": 2048}
    (play.folder / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    role()
    certificate = {name: str(play.pki / "demo" / name / "cert.pem") for name in ("east", "west", "north")}
    a_hundred_days = ("-noout", "-checkend", str(100 * 86400))
    assert "will not expire" in openssl("x509", "-in", certificate["east"], *a_hundred_days)
    assert "will expire" in openssl("x509", "-in", certificate["west"], *a_hundred_days, check=False)
    assert "Public-Key: (2048 bit)" in openssl("x509", "-in", certificate["north"], "-noout", "-text")


def test_the_role_removes_what_it_made_and_the_ca_only_with_the_last_peer(
    play: Play, role: Callable[..., dict[str, Any]]
) -> None:
    role()
    absent = ("-e", "fabric_state=absent")
    role(*absent, "--limit", "east")
    assert not (play.pki / "demo/east").exists()
    assert (play.pki / "demo/key.pem").exists()
    planned = role(*absent, "--check")
    assert role(*absent) == planned
    assert sum(host["changed"] for host in planned.values()) == 2
    assert contents(play.pki) == {}
    assert sum(host["changed"] for host in role(*absent).values()) == 0


def test_hosts_of_two_inventories_share_the_folder_beside_the_first(play: Play) -> None:
    for name in ("east", "west"):
        (play.folder / name).mkdir()
        (play.folder / name / "hosts.json").write_text(
            json.dumps({"clusters": {"hosts": {name: {}}}}), encoding="utf-8"
        )
    shown = {"ansible.builtin.debug": {"msg": "folder: {{ clusterlink_pki_dir }}"}}
    steps = {"hosts": "clusters", "gather_facts": False, "roles": ["skyshift.clusterlink._common"], "tasks": [shown]}
    (play.folder / "show.json").write_text(json.dumps([steps]), encoding="utf-8")
    output = play.run("-i", "west/hosts.json", "show.json", inventory="east/hosts.json")
    assert re.findall(r"folder: (\S+?)[\"'\s]", output) == [str(play.folder / "east/pki")] * 2


@pytest.fixture
def cli(play: Play) -> Callable[..., None]:
    """Run the real clusterlink CLI in the folder of certificates."""
    program = os.environ.get("CLUSTERLINK_TEST_CLI")
    if not program:
        build_programs()
        program = str(LAB_CACHE / "bin" / "clusterlink")
    play.pki.mkdir()

    def run(*arguments: str) -> None:
        subprocess.run([program, "create", *arguments], cwd=play.pki, check=True, capture_output=True)

    return run


@pytest.mark.cluster
def test_the_cli_issues_certificates_with_our_rsa_ca(play: Play, cli: Callable[..., None]) -> None:
    changed(play(play.ca(key_type="rsa", key_size=2048)))
    cli("peer-cert", "--name", "east", "--fabric", "demo")
    ca, leaf = str(play.pki / "demo/cert.pem"), str(play.pki / "demo/east/cert.pem")
    assert openssl("verify", "-purpose", "sslserver", "-verify_hostname", "east", "-CAfile", ca, leaf).endswith("OK\n")
    assert changed(play(play.peer("east"), play.peer("west"), play.ca())) == [False, True, False]


@pytest.mark.cluster
def test_a_fabric_made_by_the_cli_is_taken_as_it_is(play: Play, cli: Callable[..., None]) -> None:
    cli("fabric", "--name", "demo")
    cli("peer-cert", "--name", "east", "--fabric", "demo")
    before = contents(play.pki)
    options: dict[str, Any] = {"key_type": "rsa", "key_size": 4096, "subject": {}}
    results = play(play.ca(), play.peer("east"), play.ca(**options), play.peer("east", **options))
    assert changed(results) == [False] * 4
    assert contents(play.pki) == before

    west = play(play.peer("west"))
    assert (west[0]["key_type"], west[0]["key_size"]) == ("rsa", 4096)
    ca, leaf = str(play.pki / "demo/cert.pem"), str(play.pki / "demo/west/cert.pem")
    assert openssl("verify", "-purpose", "sslclient", "-CAfile", ca, leaf).endswith("OK\n")
    assert {name: content for name, content in contents(play.pki).items() if name in before} == before
