# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import (
    KeySpec,
    Passphrase,
    generate,
    is_encrypted,
    key_pem,
    key_spec,
    load_key,
    require_passphrase,
    same_key,
    spec_of,
)

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]


WHERE = "/pki/key.pem"
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()
PEM = key_pem(generate(KeySpec()))


@pytest.mark.parametrize(
    ("spec", "label"),
    [(KeySpec("ecdsa", 256), b"EC PRIVATE KEY"), (KeySpec("rsa", 2048), b"RSA PRIVATE KEY")],
)
def test_a_key_is_written_in_the_form_that_the_cli_and_go_read(key: Keys, spec: KeySpec, label: bytes) -> None:
    pem = key_pem(key(spec))
    assert pem.startswith(b"-----BEGIN " + label + b"-----\n")
    assert key_pem(load_key(pem, WHERE)) == pem


@pytest.mark.parametrize("spec", [KeySpec("ecdsa", 256), KeySpec("rsa", 2048), KeySpec("rsa", 3072)])
def test_a_new_key_is_of_the_kind_asked_for(key: Keys, spec: KeySpec) -> None:
    assert spec_of(key(spec)) == spec
    assert spec_of(key(spec).public_key()) == spec


def test_new_keys_differ() -> None:
    assert not same_key(generate(KeySpec()), generate(KeySpec()).public_key())


def test_a_key_from_another_tool_is_read_as_pkcs8(key: Keys) -> None:
    pem = key(KeySpec("rsa", 2048)).private_bytes(serialization.Encoding.PEM, PKCS8, PLAIN)
    assert same_key(load_key(pem, WHERE), key(KeySpec("rsa", 2048)).public_key())


def test_a_key_with_curve_parameters_before_it_is_read(key: Keys) -> None:
    """As `openssl ecparam -genkey` writes it."""
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    pem = key_pem(key(KeySpec()))
    assert key_pem(load_key(parameters + pem, WHERE)) == pem


@pytest.mark.parametrize(
    ("key_type", "size", "spec"),
    [
        (None, None, None),
        ("ecdsa", None, KeySpec("ecdsa", 256)),
        ("ecdsa", 256, KeySpec("ecdsa", 256)),
        ("rsa", None, KeySpec("rsa", 3072)),
        ("rsa", 4096, KeySpec("rsa", 4096)),
    ],
)
def test_type_and_size_ask_for_a_kind_of_key(key_type: str | None, size: int | None, spec: KeySpec) -> None:
    assert key_spec(key_type, size) == spec


@pytest.mark.parametrize(("key_type", "size"), [("rsa", 1024), ("rsa", 256), ("ecdsa", 384), (None, 2048)])
def test_a_size_that_the_type_does_not_have_is_refused(key_type: str | None, size: int | None) -> None:
    with pytest.raises(ClusterlinkError, match="key_size"):
        key_spec(key_type, size)


def test_an_encrypted_key_is_refused_and_the_reason_is_said(key: Keys) -> None:
    for form in (PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        pem = key(KeySpec()).private_bytes(
            serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"secret")
        )
        with pytest.raises(ClusterlinkError, match="passphrase"):
            load_key(pem, WHERE)


@pytest.mark.parametrize("spec", [KeySpec(), KeySpec("rsa", 2048)])
def test_an_encrypted_key_is_read_with_its_passphrase_alone(key: Keys, spec: KeySpec) -> None:
    pem = key_pem(key(spec), "pass wörd")
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert (is_encrypted(pem), is_encrypted(key_pem(key(spec)))) == (True, False)
    assert same_key(load_key(pem, WHERE, Passphrase("option", "pass wörd")), key(spec).public_key())
    with pytest.raises(ClusterlinkError, match=r"is encrypted with a passphrase\. Set option"):
        load_key(pem, WHERE, Passphrase("option"))


def test_a_key_in_the_clear_is_read_whatever_the_passphrase(key: Keys) -> None:
    assert same_key(load_key(key_pem(key(KeySpec())), WHERE, Passphrase("option", "x")), key(KeySpec()).public_key())


@pytest.mark.parametrize("form", [PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_a_wrong_passphrase_is_said_and_not_quoted(key: Keys, form: Any) -> None:
    encryption = serialization.BestAvailableEncryption(b"right-one")
    pem = key(KeySpec()).private_bytes(serialization.Encoding.PEM, form, encryption)
    for number in range(40):  # now and then the padding of what is wrong looks right
        with pytest.raises(ClusterlinkError, match="cannot be decrypted with option: its passphrase is") as refused:
            load_key(pem, WHERE, Passphrase("option", f"wrong-one-{number}"))
        assert "wrong-one" not in str(refused.value)
        assert refused.value.problems[0].where == WHERE
        assert refused.value.__suppress_context__


@pytest.mark.parametrize("text", ["", "x" * 1024, "ö" * 512])
def test_what_cannot_encrypt_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ClusterlinkError, match=r"^option: is (empty|longer)") as refused:
        require_passphrase(text, "option")
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("text", ["x" * 1023, "ö", " "])
def test_what_can_encrypt_does(key: Keys, text: str) -> None:
    given = require_passphrase(text, "option")
    assert same_key(load_key(key_pem(key(KeySpec()), given.text), WHERE, given), key(KeySpec()).public_key())
    assert repr(given) == "Passphrase(option='option')"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ec.generate_private_key(ec.SECP384R1()), "384 bits"),
        (rsa.generate_private_key(65537, 1024), "1024 bits"),  # noqa: S505  # that is why
    ],
)
def test_a_kind_of_key_that_gateways_do_not_take_is_refused(other: Any, said: str) -> None:
    with pytest.raises(ClusterlinkError, match=said):
        load_key(other.private_bytes(serialization.Encoding.PEM, PKCS8, PLAIN), WHERE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hello", "holds no PEM"),
        (b"\xff\x00\x01", "holds no PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "CERTIFICATE"),
        (PEM[: len(PEM) // 2], "truncated or damaged"),
        (PEM.replace(b"M", b"!", 1), "truncated or damaged"),
    ],
)
def test_what_is_no_key_is_refused_by_its_place(content: bytes, said: str) -> None:
    with pytest.raises(ClusterlinkError, match=said) as refused:
        load_key(content, WHERE)
    assert refused.value.problems[0].where == WHERE


@given(st.integers(min_value=0, max_value=len(PEM) - 2))
def test_no_truncated_key_is_read_nor_quoted(length: int) -> None:
    with pytest.raises(ClusterlinkError) as refused:
        load_key(PEM[:length], WHERE)
    secret = PEM.splitlines()[1].decode()
    assert secret[:16] not in f"{refused.value}{refused.value.__cause__}"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_key_or_an_error_of_ours(content: bytes) -> None:
    with pytest.raises(ClusterlinkError):
        load_key(b"-----BEGIN PRIVATE KEY-----\n" + content, WHERE)
