# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric whose CA is an organisation's own, self-signed or an intermediate: from the first run through rotations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import (
    chain_pem,
    fingerprint,
    load_chain,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import key_pem
from ansible_collections.skyshift.clusterlink.plugins.modules import (
    fabric_ca,
    fabric_ca_rotation,
    fabric_preflight,
    peer_certificate,
)
from tests.support.authorities import IS_CA, LAST_CA, SIGNS, certify, key_usage
from tests.unit.plugins.modules.rotating import PEERS, WHOLE, Fabric

SECRET = "correct horse"  # noqa: S105  # of keys that live as long as a test
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


class Files:
    """A CA's files as the options of a module."""

    def __init__(self, folder: Path, ca: Issuer, *above: Issuer, passphrase: str | None = None) -> None:
        folder.mkdir()
        self.ca = ca
        self.certificate, self.key = folder / "ca.crt", folder / "ca.key"
        self.certificate.write_bytes(chain_pem(ca.certificate, *(each.certificate for each in above)))
        self.key.write_bytes(key_pem(ca.key, passphrase))
        self.options: dict[str, Any] = {
            "ownca_path": str(self.certificate),
            "ownca_privatekey_path": str(self.key),
            **({"ownca_privatekey_passphrase": passphrase} if passphrase else {}),
        }

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.ca.certificate)


Give = Callable[..., Files]


@pytest.fixture
def give(tmp_path: Path) -> Give:
    """The files of a CA, self-signed unless it has an issuer."""

    def build(name: str = "Example CA", **settings: Any) -> Files:
        number = len([*tmp_path.glob("own-*")])
        return Files(tmp_path / f"own-{number}", certify(name, **settings))

    return build


@pytest.fixture(params=["self-signed", "intermediate"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    """Either kind; the intermediate's file has its chain."""
    root = certify("Example Root")
    if request.param == "self-signed":
        return Files(tmp_path / "own-0", certify("Example CA"))
    return Files(tmp_path / "own-0", certify("Example Clusters", root, [LAST_CA, SIGNS]), root)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClusterlinkError) as raised:
        call()
    return str(raised.value)


def test_it_is_taken_once_and_signs_what_it_alone_makes_trusted(tmp_path: Path, own: Files) -> None:
    fabric = Fabric(tmp_path)
    assert fabric.run(fabric_ca, check=True, **own.options).changed
    assert not fabric.folder.exists()
    first = fabric.run(fabric_ca, **own.options)
    assert (first.changed, first.values["fingerprint"]) == (True, own.fingerprint)
    fabric.issue()
    fabric.update_gateways()
    assert fabric.files() == WHOLE
    assert (fabric.folder / "key.pem").stat().st_mode & 0o777 == 0o600
    chain = load_chain((fabric.folder / "east" / "cert.pem").read_bytes(), "east")
    assert chain[1:] == [own.ca.certificate]
    assert fabric.bundle() == (own.ca.certificate,)
    chain[0].verify_directly_issued_by(own.ca.certificate)
    assert chain[0].not_valid_after_utc <= own.ca.certificate.not_valid_after_utc
    again = fabric.run(fabric_ca, **own.options, key_type="rsa", key_size=2048)
    assert not again.changed


def test_its_key_and_then_its_options_may_go(tmp_path: Path, own: Files) -> None:
    fabric = Fabric(tmp_path).begin(**own.options)
    own.key.unlink()
    assert "ca.key: is missing" in refused(lambda: fabric.run(fabric_ca, **own.options))
    assert not fabric.run(fabric_ca, ownca_path=str(own.certificate)).changed
    assert not fabric.run(fabric_ca).changed
    assert not any(fabric.run(peer_certificate, name=peer).changed for peer in PEERS)


def test_a_certificate_without_its_key_is_refused_first(tmp_path: Path, own: Files) -> None:
    for check in (True, False):
        run = lambda check=check: Fabric(tmp_path).run(fabric_ca, check=check, ownca_path=str(own.certificate))  # noqa: E731
        assert "does not have the CA" in refused(run)
    assert not (tmp_path / "demo").exists()


def test_passphrases_of_the_file_and_of_the_folder_differ(tmp_path: Path) -> None:
    files = Files(tmp_path / "own", certify("Example CA"), passphrase=SECRET)
    fabric = Fabric(tmp_path)
    without = {**files.options, "ownca_privatekey_passphrase": None}
    assert "ownca_privatekey_passphrase" in refused(
        lambda: fabric.run(fabric_ca, **{name: value for name, value in without.items() if value})
    )
    message = refused(lambda: fabric.run(fabric_ca, **{**files.options, "ownca_privatekey_passphrase": "hunter2"}))
    assert "ca.key: cannot be decrypted" in message
    assert "hunter2" not in message
    fabric.run(fabric_ca, **files.options, privatekey_passphrase=SECRET)
    assert b"ENCRYPTED" in (fabric.folder / "key.pem").read_bytes()
    assert not fabric.run(fabric_ca, **files.options, privatekey_passphrase=SECRET).changed


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"extensions": []}, "basic constraints"),
        ({"extensions": [x509.BasicConstraints(ca=False, path_length=None)]}, "basic constraints"),
        (
            {"extensions": [IS_CA, key_usage(signs=False)]},
            "key usage does not allow signing",
        ),
        ({"days": (-9, -1)}, "it expired at"),
        ({"days": (1, 9)}, "it is not valid before"),
        ({"extensions": [IS_CA, x509.NameConstraints([x509.DNSName("example")], None)]}, "name constraints"),
        ({"extensions": [IS_CA, x509.ExtendedKeyUsage([SERVER])]}, "server and client authentication"),
        (
            {"extensions": [IS_CA, x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")]},
            "gateways do not know, 1.2.3.4",
        ),
        ({"name": ""}, "no subject"),
    ],
)
def test_what_gateways_would_refuse_is_refused_before_anything_is_written(
    tmp_path: Path, give: Give, settings: dict[str, Any], said: str
) -> None:
    files = give(**settings)
    message = refused(lambda: Fabric(tmp_path).run(fabric_ca, **files.options))
    assert message.startswith(f"{files.certificate}: ")
    assert said in message
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("uses", [[SERVER, CLIENT], [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]])
def test_a_ca_for_servers_and_clients_will_do(tmp_path: Path, give: Give, uses: list[x509.ObjectIdentifier]) -> None:
    files = give(extensions=[IS_CA, x509.ExtendedKeyUsage(uses)])
    assert Fabric(tmp_path).run(fabric_ca, **files.options).changed


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, give: Give) -> None:
    one, other = give(), give()
    mixed = {**one.options, "ownca_privatekey_path": str(other.key)}
    assert "is not the key of the certificate" in refused(lambda: Fabric(tmp_path).run(fabric_ca, **mixed))
    broken = Files(tmp_path / "broken", one.ca, other.ca)
    assert "in its chain" in refused(lambda: Fabric(tmp_path).run(fabric_ca, **broken.options))
    alone = {"ownca_privatekey_path": str(one.key)}
    assert "ownca_path: is missing" in refused(lambda: Fabric(tmp_path).run(fabric_ca, **alone))
    told = refused(lambda: Fabric(tmp_path).run(fabric_ca, **one.options, subject={"country": "NL"}))
    assert told.startswith("subject: ")
    one.certificate.unlink()
    assert "ca.crt: is missing" in refused(lambda: Fabric(tmp_path).run(fabric_ca, **one.options))
    assert not (tmp_path / "demo").exists()


def test_a_first_run_that_was_killed_goes_on_with_the_same_key_alone(tmp_path: Path, give: Give) -> None:
    one, other = give(), give()
    fabric = Fabric(tmp_path)
    fabric.run(fabric_ca, **one.options)
    (fabric.folder / "cert.pem").unlink()
    assert "it is not the key of" in refused(lambda: fabric.run(fabric_ca, **other.options))
    fabric.run(fabric_ca, **one.options)
    assert fabric.ca() == one.fingerprint


def test_another_ca_than_the_present_one_is_refused_but_for_one_run(tmp_path: Path, own: Files) -> None:
    fabric = Fabric(tmp_path).begin()
    message = refused(lambda: fabric.run(fabric_ca, **own.options))
    assert "it is another CA" in message
    assert "rotate_ca.yml" in message
    outcome = fabric.run(fabric_ca, **own.options, replace=True)
    assert (outcome.changed, fabric.ca()) == (True, own.fingerprint)
    assert outcome.warnings


def test_a_fabric_gets_it_by_a_rotation_without_a_lost_link(tmp_path: Path, own: Files) -> None:
    fabric = Fabric(tmp_path).begin()
    planned = fabric.phase("trust", check=True, **own.options)
    assert planned.changed
    fabric.phase("trust", **own.options)
    assert not fabric.run(fabric_ca, **own.options).changed, "site may run meanwhile"
    assert not fabric.phase("trust", **own.options).changed
    fabric.rotate(**own.options)
    assert (fabric.ca(), fabric.files()) == (own.fingerprint, WHOLE)
    assert not fabric.run(fabric_ca, **own.options).changed


def test_a_fabric_gets_rid_of_it_by_a_rotation_without_a_lost_link(tmp_path: Path, own: Files) -> None:
    fabric = Fabric(tmp_path).begin(**own.options)
    for check in (True, False):
        again = lambda check=check: fabric.phase("trust", check=check, **own.options)  # noqa: E731
        assert "is the fabric's present CA" in refused(again)
    assert fabric.files() == WHOLE
    fabric.rotate()
    assert fabric.ca() != own.fingerprint
    assert fabric.bundle()[0].subject.rfc4514_string().startswith("CN=demo,OU=ca-")
    assert fabric.files() == WHOLE


def test_a_rotation_does_not_change_its_new_ca(tmp_path: Path, give: Give) -> None:
    one, other = give("Example One"), give("Example Two")
    fabric = Fabric(tmp_path).begin()
    fabric.phase("trust", **one.options)
    assert "is not the new CA of the rotation" in refused(lambda: fabric.phase("trust", **other.options))
    assert "it is another CA" in refused(lambda: fabric.run(fabric_ca, **other.options))


def test_a_ca_with_the_subject_of_the_present_one_is_refused(tmp_path: Path, give: Give) -> None:
    one, renewed = give(), give()
    fabric = Fabric(tmp_path).begin(**one.options)
    message = refused(lambda: fabric.phase("trust", check=True, **renewed.options))
    assert "has the subject of the CA that it replaces" in message


def preflight(fabric: Fabric, files: Files, **options: Any) -> None:
    given = {
        "declaration": {"fabric": "demo", "peers": {peer: {} for peer in PEERS}},
        "path": str(fabric.folder.parent),
        **files.options,
    }
    spec = fabric_preflight.TASK.argument_spec
    params = {name: each.get("default") for name, each in spec.items()} | given | options
    gateways = [{"namespace": "clusterlink-system", "peer": PEERS[0], "fabric": "", "trusted": [files.fingerprint]}]
    nothing: dict[str, Any] = {"uid": "1", "gateways": gateways, "peers": [], "exports": [], "imports": []}
    fabric_preflight.check(params, Mode(), lambda _declaration: ({PEERS[0]: nothing}, {}))


def test_the_preflight_refuses_it_first(tmp_path: Path, give: Give) -> None:
    good, bad = give(), give(extensions=[])
    preflight(Fabric(tmp_path), good)
    assert "basic constraints" in refused(lambda: preflight(Fabric(tmp_path), bad))
    alone = {"ownca_privatekey_path": None}
    assert "does not have the CA" in refused(lambda: preflight(Fabric(tmp_path), good, **alone))
    fabric = Fabric(tmp_path).begin(**good.options)
    preflight(fabric, good, **alone)
    assert "is the fabric's present CA" in refused(lambda: preflight(fabric, good, rotation=True))


def test_a_folder_that_is_lost_gets_the_ca_that_gateways_trust_again(tmp_path: Path, give: Give) -> None:
    good, other = give(), give()
    preflight(Fabric(tmp_path), good, clusters=True)
    mixed = {**other.options, "clusters": True}
    assert refused(lambda: preflight(Fabric(tmp_path), good, **mixed))


def test_secrets_are_kept_out_of_logs() -> None:
    for module in (fabric_ca, fabric_ca_rotation, fabric_preflight):
        assert module.TASK.argument_spec["ownca_privatekey_passphrase"]["no_log"]
