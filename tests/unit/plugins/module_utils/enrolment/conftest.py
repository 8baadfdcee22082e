# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two organisations: the fabric's folder with a CA, a peer's folder, and the files that go between them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.types import Address
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.create_request import (
    PeerPaths,
    RequestOptions,
    RequestResult,
    create_request,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.document import read_document
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.install_response import (
    InstallResult,
    Trust,
    install_response,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.peer_addresses import Peers
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.request import (
    FORMAT,
    Expected,
    RequestedPeer,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.sign_request import (
    Paths,
    SigningOptions,
    SigningResult,
    sign_request,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import fingerprint
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, generate, key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Issued
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files import disk

if TYPE_CHECKING:
    from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import PrivateKey

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
LYON = RequestedPeer("demo", "lyon", (Address("gateway.lyon.example.com", 443),))
PARIS: Peers = {"paris": (Address("203.0.113.7", 30443),)}


@functools.cache
def cached_key(spec: KeySpec, number: int = 0) -> PrivateKey:
    del number
    return generate(spec)


@functools.cache
def cached_ca(number: int = 0) -> Issued:
    return make_ca(CaRequest("demo"), NOW, cached_key(KeySpec(), 100 + number))


def nonces() -> Iterator[str]:
    return (f"{number:032x}" for number in itertools.count(1))


@dataclass
class Stage:
    """Both sides in one temporary folder, with a clock of their own."""

    root: Path
    now: datetime = NOW
    nonces: Iterator[str] = field(default_factory=nonces)

    def __post_init__(self) -> None:
        self.install_ca(cached_ca())

    def install_ca(self, ca: Issued) -> None:
        self.ca = ca
        folder = self.fabric_side.fabric
        disk.make_folder(folder)
        disk.write_pair(folder, ca.certificate_pem, key_pem(ca.key))

    @property
    def fabric_side(self) -> Paths:
        return Paths(
            disk.fabric_folder(str(self.root / "fabric"), "demo"), str(self.request), str(self.root / "response.json")
        )

    @property
    def peer_side(self) -> PeerPaths:
        return PeerPaths.of(str(self.root / "peer"), "demo", "lyon")

    @property
    def request(self) -> Path:
        return self.root / "peer/demo/lyon/request.json"

    @property
    def response_file(self) -> Path:
        return self.root / "response.json"

    @property
    def record(self) -> Path:
        return self.root / "fabric/demo/enrolled.json"

    @property
    def ca_fingerprint(self) -> str:
        return fingerprint(self.ca.certificate)

    def later(self, **time: float) -> Stage:
        self.now += timedelta(**time)
        return self

    def create_request(
        self,
        peer: RequestedPeer = LYON,
        *,
        key: KeySpec | None = None,
        check: bool = False,
        days: int = 7,
        renew: bool = False,
    ) -> RequestResult:
        place = PeerPaths.of(str(self.root / "peer"), peer.fabric, peer.name)
        return create_request(
            place, peer, RequestOptions(key, days, lambda: next(self.nonces), renew), self.now, check=check
        )

    def sign(
        self, *, request: Path | None = None, peers: Any = None, check: bool = False, **expected: Any
    ) -> SigningResult:
        wanted = replace(Expected("demo", "lyon"), **{k: v for k, v in expected.items() if k != "replace"})
        if "fingerprint" not in expected:
            wanted = replace(wanted, fingerprint=self.fingerprint(request or self.request))
        options = SigningOptions(wanted, PARIS if peers is None else peers, 365, 7, bool(expected.get("replace")))
        paths = replace(self.fabric_side, request=str(request or self.request))
        return sign_request(paths, options, self.now, check=check)

    def fingerprint(self, request: Path) -> str | None:
        """The request's fingerprint, as its sender tells it by telephone; None when it cannot be read."""
        try:
            return read_document(request.read_bytes(), FORMAT, str(request)).fingerprint
        except (ClusterlinkError, FileNotFoundError):
            return None

    def install(self, given: str | None = "", *, replace: bool = False, check: bool = False) -> InstallResult:
        trust = Trust(self.ca_fingerprint if given == "" else given, replace)
        return install_response(self.peer_side, str(self.response_file), trust, self.now, check=check)

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)
