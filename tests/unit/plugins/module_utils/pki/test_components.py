# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import (
    dns_names,
    load_chain,
    public_key,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import (
    ComponentCertificates,
    check_components,
    make_components,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import (
    Fresh,
    KeySpec,
    key_pem,
    load_key,
    spec_of,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.renewal import Renewal

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]


FIELDS = [field.name for field in fields(ComponentCertificates)]


@pytest.fixture(scope="module")
def made(now: datetime) -> ComponentCertificates:
    return make_components(now)


def chain(pem: str) -> list[x509.Certificate]:
    return load_chain(pem.encode(), "here")


def usages(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_new_components_are_as_asked_for(made: Any, now: datetime) -> None:
    assert check_components(made, now) == []
    assert check_components(made, now, key=KeySpec()) == []


def test_the_controlplane_serves_and_the_dataplane_is_its_client(made: Any, now: datetime) -> None:
    controlplane, dataplane = chain(made.controlplane_cert_pem)[0], chain(made.dataplane_cert_pem)[0]
    assert (dns_names(controlplane), usages(controlplane)) == (["cl-controlplane"], {ExtendedKeyUsageOID.SERVER_AUTH})
    assert (dns_names(dataplane), usages(dataplane)) == (["cl-dataplane"], {ExtendedKeyUsageOID.CLIENT_AUTH})
    policy = PolicyBuilder().store(Store(chain(made.ca_pem))).time(now)
    policy.build_server_verifier(x509.DNSName("cl-controlplane")).verify(controlplane, [])
    if hasattr(policy, "build_client_verifier"):  # cryptography before 43 verifies servers only
        policy.build_client_verifier().verify(dataplane, [])
        with pytest.raises(VerificationError):
            policy.build_client_verifier().verify(controlplane, [])


def test_a_leaf_is_followed_by_the_site_ca(made: Any) -> None:
    for pem in (made.controlplane_cert_pem, made.dataplane_cert_pem):
        assert chain(pem)[1:] == chain(made.ca_pem)


@pytest.mark.parametrize("spec", [KeySpec(), KeySpec("rsa", 2048)])
def test_all_keys_are_of_the_kind_asked_for(now: datetime, spec: KeySpec) -> None:
    made = make_components(now, key=spec)
    assert check_components(made, now, key=spec) == []
    assert spec_of(load_key(made.dataplane_key_pem.encode(), "here")) == spec
    assert spec_of(public_key(chain(made.ca_pem)[0])) == spec


def test_another_kind_of_key_is_a_reason(made: Any, now: datetime) -> None:
    reasons = check_components(made, now, key=KeySpec("rsa", 2048))
    assert [reason.partition(":")[0] for reason in reasons] == ["cl-controlplane", "cl-dataplane"]


def test_two_gateways_do_not_trust_each_others_components(made: Any, now: datetime) -> None:
    other = make_components(now)
    mixed = replace(made, dataplane_cert_pem=other.dataplane_cert_pem, dataplane_key_pem=other.dataplane_key_pem)
    assert len(check_components(mixed, now)) == 1
    assert "cl-dataplane: its issuer is" in check_components(mixed, now)[0]


def test_a_key_of_another_component_is_a_reason(made: Any, now: datetime) -> None:
    swapped = replace(made, dataplane_key_pem=made.controlplane_key_pem)
    assert check_components(swapped, now) == ["cl-dataplane: its key is not the one that it certifies"]


def test_a_certificate_of_another_component_is_a_reason(made: Any, now: datetime) -> None:
    swapped = replace(made, dataplane_cert_pem=made.controlplane_cert_pem, dataplane_key_pem=made.controlplane_key_pem)
    reasons = check_components(swapped, now)
    assert any("DNS names are cl-controlplane instead of cl-dataplane" in reason for reason in reasons)
    assert any("client authentication" in reason for reason in reasons)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("content", ["", "garbage"])
def test_what_is_missing_or_cannot_be_read_is_a_reason(made: Any, now: datetime, name: str, content: bytes) -> None:
    assert len(check_components(replace(made, **{name: content}), now)) == 1


def test_all_three_expire_together(made: Any, now: datetime) -> None:
    end = now + timedelta(days=365)
    assert check_components(made, end) == []
    assert len(check_components(made, end + timedelta(seconds=1))) == 3


def test_all_three_are_renewed_together_when_less_than_asked_is_left(made: Any, now: datetime) -> None:
    renewal = Renewal(33, "east")
    assert check_components(made, now, renewal=renewal) == []
    assert check_components(made, now + timedelta(days=365 * 66 / 100), renewal=renewal) == []
    reasons = check_components(made, now + timedelta(days=365 * 76 / 100), renewal=renewal)
    assert [reason.partition(":")[0] for reason in reasons] == ["cl-ca", "cl-controlplane", "cl-dataplane"]
    assert all("% of its life is left" in reason for reason in reasons)


def test_randomness_comes_from_outside(now: datetime, fresh: Fresh, key: Keys) -> None:
    made = make_components(now, fresh=fresh)
    assert made.dataplane_key_pem.encode() in {key_pem(key(KeySpec(), number)) for number in range(1, 7)}
    assert sorted(c.serial_number for c in (*chain(made.controlplane_cert_pem), *chain(made.dataplane_cert_pem))) == [
        2,
        2,
        4,
        6,
    ]


def test_keys_are_not_in_what_is_printed(made: Any) -> None:
    assert "PRIVATE KEY" not in repr(made)
