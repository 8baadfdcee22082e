# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import load_authority
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued, Pair

Found = Callable[..., Pair]

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

    Keys = Callable[..., PrivateKey]


def test_a_ca_with_its_key_can_sign(ca: Issued, now: datetime, pair: Found) -> None:
    issuer = load_authority(pair(ca), now, may_be_missing=False).issuer()
    assert issuer.certificate == ca.certificate
    assert key_pem(issuer.key) == key_pem(ca.key)


def test_a_ca_without_its_key_can_be_compared_with_but_not_sign(ca: Issued, now: datetime, pair: Found) -> None:
    authority = load_authority(pair(ca, key=b""), now, may_be_missing=False)
    assert authority.certificate == ca.certificate
    with pytest.raises(ClusterlinkError, match=r"/pki/key.pem: is missing"):
        authority.issuer()


def test_a_ca_that_is_yet_to_be_made_is_none_only_where_that_is_allowed(ca: Issued, now: datetime, pair: Found) -> None:
    assert load_authority(pair(), now, may_be_missing=True).certificate is None
    with pytest.raises(ClusterlinkError, match="fabric_ca"):
        load_authority(pair(), now, may_be_missing=False)
    with pytest.raises(ClusterlinkError, match=r"/pki/cert.pem: is missing"):
        load_authority(pair(ca, certificate=b""), now, may_be_missing=True)


@pytest.mark.parametrize(("days", "said"), [(3651, "expired"), (-1, "not valid before")])
def test_a_ca_out_of_its_time_is_refused_with_what_to_do(
    ca: Issued, now: datetime, pair: Found, days: int, said: str
) -> None:
    with pytest.raises(ClusterlinkError, match=said) as refused:
        load_authority(pair(ca), now + timedelta(days=days), may_be_missing=False)
    assert "clock" in refused.value.problems[0].fix
    assert "replace=true" in refused.value.problems[0].fix


def test_a_leaf_cannot_sign(east: Issued, now: datetime, pair: Found) -> None:
    with pytest.raises(ClusterlinkError, match="not a CA"):
        load_authority(pair(east, certificate=chain_pem(east.certificate)), now, may_be_missing=False)


def test_a_key_of_another_ca_is_refused(ca: Issued, now: datetime, pair: Found, key: Keys) -> None:
    with pytest.raises(ClusterlinkError, match="is not the key"):
        load_authority(pair(ca, key=key_pem(key(KeySpec(), 3))), now, may_be_missing=False)


def test_the_key_is_not_in_what_is_printed(ca: Issued, now: datetime, pair: Found) -> None:
    assert "key=" not in repr(load_authority(pair(ca), now, may_be_missing=False))
