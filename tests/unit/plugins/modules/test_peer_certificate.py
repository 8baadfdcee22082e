# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module peer_certificate, run with arguments as Ansible validates them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.times import parse_time
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome
from ansible_collections.skyshift.clusterlink.plugins.modules import fabric_ca, peer_certificate

Run = Callable[..., Outcome]


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    return tmp_path / "pki"


def call(module: Any, arguments: dict[str, Any], *, check: bool = False) -> Outcome:
    given = {name: value for name, value in arguments.items() if value is not None}
    validation = ArgumentSpecValidator(module.TASK.argument_spec).validate(given)
    assert not validation.error_messages
    outcome: Outcome = module.run(validation.validated_parameters, Mode(check=check, diff=True))
    return outcome


@pytest.fixture
def make_ca(pki: Path) -> Run:
    def go(**arguments: Any) -> Outcome:
        return call(fabric_ca, {"path": str(pki), "fabric": "demo", **arguments})

    return go


@pytest.fixture
def run(pki: Path) -> Run:
    """Run the module for peer east; path=None is content mode."""

    def go(*, check: bool = False, **arguments: Any) -> Outcome:
        return call(peer_certificate, {"path": str(pki), "fabric": "demo", "name": "east", **arguments}, check=check)

    return go


def error(run: Run, **arguments: Any) -> str:
    with pytest.raises(ClusterlinkError) as refused:
        run(**arguments)
    return str(refused.value)


def test_a_certificate_is_made_once(make_ca: Run, run: Run, pki: Path) -> None:
    make_ca()
    first, second = run(), run()
    assert (first.changed, second.changed) == (True, False)
    assert first.values["reasons"] == ["there is no certificate yet"]
    assert first.values["dns_names"] == ["east"]
    assert first.values["certificate_path"] == str(pki / "demo/east/cert.pem")
    assert first.values["fingerprint"] == second.values["fingerprint"]


def test_check_mode_predicts_it(make_ca: Run, run: Run, pki: Path) -> None:
    make_ca()
    planned = run(check=True)
    assert planned.changed
    assert not (pki / "demo/east").exists()
    done = run()
    known = planned.diff["after"]
    assert known == {name: done.diff["after"][name] for name in known}


def test_check_mode_predicts_it_before_the_ca_is_there(run: Run, pki: Path) -> None:
    planned = run(check=True)
    assert planned.changed
    assert planned.values["reasons"] == ["there is no certificate yet"]
    assert not pki.exists()
    assert "fabric_ca" in error(run)
    assert not pki.exists()


@pytest.mark.parametrize("name", ["East", "a.b", "../x", "x" * 64, ""])
def test_what_is_no_dns_label_is_no_peer(make_ca: Run, run: Run, pki: Path, name: str) -> None:
    make_ca()
    before = sorted(pki.rglob("*"))
    assert "name: is" in error(run, name=name)
    assert sorted(pki.rglob("*")) == before


def test_a_new_ca_has_every_certificate_recreated_with_its_key(make_ca: Run, run: Run) -> None:
    make_ca()
    key = Path(run().values["privatekey_path"])
    before = key.read_bytes()
    make_ca(subject={"country": "NL"}, replace=True)
    assert run(check=True).changed
    again = run()
    assert "its issuer is" in again.values["reasons"][0]
    assert key.read_bytes() == before
    assert not run().changed


def test_without_the_cas_key_existing_certificates_are_compared_and_none_is_made(make_ca: Run, run: Run) -> None:
    key = Path(make_ca().values["privatekey_path"])
    run()
    kept = key.read_text()
    key.unlink()
    assert not run().changed
    for check in (True, False):
        assert "demo/key.pem: is missing" in error(run, name="west", check=check)
    assert run(name="west", ca_privatekey_content=kept).changed


def test_a_ca_from_content_signs_files(make_ca: Run, run: Run, pki: Path) -> None:
    ca = make_ca(path=None, return_content=True).values
    made = run(ca_certificate_content=ca["certificate"], ca_privatekey_content=ca["privatekey"])
    assert made.values["issuer"] == ca["subject"]
    assert [path.name for path in pki.rglob("*.pem")].count("key.pem") == 1, "the CA's key stays where it was"


def test_content_is_kept_by_the_caller(make_ca: Run, run: Run, pki: Path) -> None:
    ca = make_ca(path=None, return_content=True).values
    content = {"path": None, "return_content": True, "ca_certificate_content": ca["certificate"]}
    assert "ca_privatekey_content: is missing" in error(run, **content)
    content["ca_privatekey_content"] = ca["privatekey"]
    made = run(**content).values
    assert made["certificate"].endswith(ca["certificate"])
    kept = {"certificate_content": made["certificate"], "privatekey_content": made["privatekey"]}
    assert not run(**content, **kept).changed
    renewed = run(**content, **kept, subject={"country": "NL"})
    assert renewed.changed
    assert "privatekey" not in renewed.values
    assert not pki.exists()


@pytest.mark.parametrize("part", ["ca_certificate_content", "ca_privatekey_content"])
def test_a_ca_that_cannot_be_read_is_named_by_its_option(make_ca: Run, run: Run, part: str) -> None:
    make_ca()
    assert error(run, **{part: "garbage"}).startswith(f"{part}: ")


def test_nothing_is_replaced_that_cannot_be_read(make_ca: Run, run: Run) -> None:
    make_ca()
    values = run().values
    for name in ("certificate_path", "privatekey_path"):
        path = Path(values[name])
        good = path.read_bytes()
        path.write_bytes(good[:100])
        assert str(path) in error(run)
        assert path.read_bytes() == good[:100]
        path.write_bytes(good)
    assert not run().changed


def test_a_key_of_another_peer_is_refused_and_nothing_is_written(make_ca: Run, run: Run) -> None:
    make_ca()
    east, west = run().values, run(name="west").values
    Path(east["privatekey_path"]).write_bytes(Path(west["privatekey_path"]).read_bytes())
    message = error(run)
    assert east["privatekey_path"] in message
    assert east["certificate_path"] in message
    assert Path(east["privatekey_path"]).read_bytes() == Path(west["privatekey_path"]).read_bytes()


def test_an_open_key_is_closed(make_ca: Run, run: Run) -> None:
    make_ca()
    key = Path(run().values["privatekey_path"])
    key.chmod(0o644)
    assert run(check=True).changed
    assert run().values["repaired"]
    assert key.stat().st_mode & 0o777 == 0o600
    assert not run().changed


def test_removal_needs_no_ca_and_is_done_once(make_ca: Run, run: Run, pki: Path) -> None:
    make_ca()
    run()
    make_ca(state="absent", force=True)
    assert run(state="absent", check=True).changed
    assert run(state="absent").changed
    assert not run(state="absent").changed
    assert not (pki / "demo/east").exists()


def test_kinds_of_keys(make_ca: Run, run: Run) -> None:
    make_ca(key_type="rsa", key_size=2048)
    assert (run().values["key_type"], run().values["key_size"]) == ("rsa", 2048), "like the CA's"
    changed = run(key_type="ecdsa")
    assert changed.values["reasons"] == ["its key is RSA 2048 instead of ECDSA P-256"]
    assert changed.values["key_type"] == "ecdsa"
    assert not run(key_type="ecdsa").changed


def at(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let both modules run so many days from now."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Later:
            moment = datetime.now(tz) + timedelta(days=days)
            return cls.fromtimestamp(moment.timestamp(), tz)

    for module in (fabric_ca, peer_certificate):
        monkeypatch.setattr(module, "datetime", Later)


def test_a_certificate_is_renewed_before_its_end_for_its_key(
    make_ca: Run, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ca()
    first = run()
    key = Path(first.values["privatekey_path"])
    before = key.read_bytes()
    at(monkeypatch, 200)
    assert not run().changed
    at(monkeypatch, 300)
    assert not run(renew_percent=10).changed
    assert run(check=True).changed
    renewed = run()
    assert re.fullmatch(
        rf"it expires at {first.values['not_after']}, and less than \d\d % of its life is left",
        renewed.values["reasons"][0],
    )
    assert key.read_bytes() == before
    assert renewed.values["not_after"] > first.values["not_after"]
    assert not run().changed
    assert not run(renew_percent=100).changed, "what has just been made is never due"


def test_where_the_ca_is_near_its_end_both_modules_say_so_and_nothing_is_made(
    make_ca: Run, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_ca(valid_days=100).warnings == []
    assert run().warnings == []
    at(monkeypatch, 90)
    for outcome in (make_ca(), run()):
        assert not outcome.changed
        assert len(outcome.warnings) == 1
        assert "rotate_ca.yml" in outcome.warnings[0]
    assert make_ca(renew_percent=0).warnings == []
    assert make_ca(replace=True).changed
    assert any("its issuer is" in reason for reason in run().values["reasons"])
    for outcome in (make_ca(replace=True), run()):
        assert (outcome.changed, outcome.warnings) == (False, [])


@pytest.mark.parametrize("percent", [-1, 101])
def test_what_is_no_percentage_is_refused(make_ca: Run, run: Run, percent: int) -> None:
    assert error(make_ca, renew_percent=percent).startswith("renew_percent: ")
    assert error(run, renew_percent=percent).startswith("renew_percent: ")


def test_several_peers_in_one_task_each_with_its_own_wishes(make_ca: Run, run: Run, pki: Path) -> None:
    make_ca()
    peers = [{"name": "east", "valid_days": 30}, {"name": "west", "key_type": "rsa", "key_size": 2048}]
    planned = run(name=None, peers=peers, valid_days=90, check=True)
    assert planned.changed
    assert not (pki / "demo/east").exists()
    made = run(name=None, peers=peers, valid_days=90)
    assert sorted(made.values["peers"]) == ["east", "west"]
    east, west = made.values["peers"]["east"], made.values["peers"]["west"]
    assert (east["key_type"], west["key_type"], west["key_size"]) == ("ecdsa", "rsa", 2048)
    assert [days(peer) for peer in (east, west)] == [30, 90]
    assert [each["before_header"] for each in made.diff] == ["east", "west"]
    assert not run(name=None, peers=peers, valid_days=90).changed
    assert run().values["fingerprint"] == east["fingerprint"]
    assert run(name=None, peers=peers, state="absent").changed
    assert not (pki / "demo/east").exists()


def days(values: dict[str, Any]) -> int:
    start, end = (parse_time(values[name]) for name in ("not_before", "not_after"))
    return (end - start).days


def test_one_of_several_peers_that_cannot_be_had_does_not_stop_the_others(make_ca: Run, run: Run, pki: Path) -> None:
    make_ca()
    run(name="west")
    (pki / "demo/west/key.pem").write_text("garbage")
    outcome = run(name=None, peers=[{"name": "west"}, {"name": "a.b"}, {"name": "east"}])
    assert outcome.failed
    assert outcome.changed
    assert {problem["host"] for problem in outcome.values["problems"]} == {"west", "a.b"}
    assert f"west: {pki}/demo/west/key.pem: " in outcome.values["msg"]
    assert list(outcome.values["peers"]) == ["east"]
    assert (pki / "demo/east/cert.pem").exists()
    assert (pki / "demo/west/key.pem").read_text() == "garbage"


def test_several_peers_are_refused_where_they_contradict(make_ca: Run, run: Run, pki: Path) -> None:
    assert error(run, name=None, peers=[{"name": "east"}]).startswith(f"{pki}/demo/cert.pem: is missing")
    make_ca()
    assert "names a peer twice" in error(run, name=None, peers=[{"name": "east"}, {"name": "east"}])
    assert error(run, name=None, path=None, return_content=True, peers=[]).startswith("path: is missing")
    assert not (pki / "demo/east").exists()
