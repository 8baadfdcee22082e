# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates that the tests of this room share; RSA keys take long, so they are made once."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import (
    Fresh,
    KeySpec,
    generate,
    key_pem,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued, Pair

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey


@functools.cache
def cached_key(spec: KeySpec, number: int = 0) -> PrivateKey:
    del number
    return generate(spec)


@pytest.fixture(scope="session")
def key() -> Callable[..., PrivateKey]:
    """A key of a kind; the same one for the same kind and number."""
    return cached_key


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2030, 6, 15, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def fresh() -> Fresh:
    """Keys and serial numbers that are the same in every test."""
    numbers = itertools.count(1)
    return Fresh(key=lambda spec: cached_key(spec, next(numbers)), serial=lambda: next(numbers))


@pytest.fixture(scope="session")
def ca(now: datetime) -> Issued:
    return make_ca(CaRequest("demo"), now)


@pytest.fixture(scope="session")
def issuer(ca: Issued) -> Issuer:
    return Issuer(ca.certificate, ca.key)


@pytest.fixture(scope="session")
def east(issuer: Issuer, now: datetime) -> Issued:
    return make_leaf(LeafRequest("east"), issuer, now)


@pytest.fixture(scope="session")
def pair() -> Callable[..., Pair]:
    """What a folder that holds a certificate and its key reads as; either can be replaced, or left out by b""."""

    def build(issued: Issued | None = None, *, certificate: bytes | None = None, key: bytes | None = None) -> Pair:
        if issued is not None:
            certificate = issued.certificate_pem if certificate is None else certificate
            key = key_pem(issued.key) if key is None else key
        return Pair(certificate or None, key or None, "/pki/cert.pem", "/pki/key.pem")

    return build
