# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's folder, and the gateways that are given what is in it, as playbooks do, one gateway after the other."""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import facts, load_chain
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.reasons import issuer_reasons
from ansible_collections.skyshift.clusterlink.plugins.modules import fabric_ca, fabric_ca_rotation, peer_certificate

if TYPE_CHECKING:
    from cryptography import x509

PEERS = ["east", "west", "north"]
PHASES = ["trust", "issue", "drop", "idle"]
WHOLE = {"cert.pem", "key.pem", *(f"{peer}/{name}.pem" for peer in PEERS for name in ("cert", "key"))}
"""The files of a fabric that no rotation is under way in."""


@functools.cache
def signed(leaf: x509.Certificate, ca: x509.Certificate) -> bool:
    return not issuer_reasons(leaf, ca)


@functools.cache
def loaded(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a file: killed rotations leave the same ones in many folders."""
    return tuple(load_chain(pem, "a file of the fabric"))


@dataclass(frozen=True)
class Gateway:
    """The leaf that a gateway presents, and the CAs that it trusts."""

    leaf: x509.Certificate
    trusted: tuple[x509.Certificate, ...]

    def accepts(self, leaf: x509.Certificate) -> bool:
        return any(signed(leaf, ca) for ca in self.trusted)


class Fabric:
    """The folder and the gateways.

    Attributes:
        folder: The fabric's own.
        away: The peers whose clusters are unreachable.
        down: Whether no link works anyway, since the CA has expired.
        gateways: What the gateways have, by peer.
        observed: What module C(gateway_info) returns about them; what a test adds to it stays.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "demo"
        self._root = root
        self.away: set[str] = set()
        self.down = False
        self.gateways: dict[str, Gateway] = {}
        self.observed: dict[str, Any] = {}

    def begin(self, **arguments: Any) -> Fabric:
        """A new CA, and a certificate in every gateway."""
        self.run(fabric_ca, **arguments)
        self.issue()
        self.update_gateways()
        return self

    def run(self, module: Any, *, check: bool = False, **arguments: Any) -> Outcome:
        given = {"path": str(self._root), "fabric": "demo", **arguments}
        validation = ArgumentSpecValidator(module.TASK.argument_spec).validate(given)
        assert not validation.error_messages
        outcome: Outcome = module.run(validation.validated_parameters, Mode(check=check, diff=True))
        return outcome

    def phase(self, wanted: str | None = None, *, check: bool = False, **arguments: Any) -> Outcome:
        phase = {} if wanted is None else {"phase": wanted}
        return self.run(fabric_ca_rotation, check=check, peers=PEERS, observed=self.observed, **phase, **arguments)

    def issue_with(self, peer: str, **arguments: Any) -> None:
        self.run(peer_certificate, name=peer, **arguments)

    def issue(self, *peers: str) -> None:
        for peer in peers or PEERS:
            self.run(peer_certificate, name=peer)

    def update_gateways(self, *peers: str) -> None:
        """What role gateway does: each gateway gets its certificate and the CAs to trust."""
        for peer in peers or PEERS:
            if peer not in self.away:
                self.gateways[peer] = Gateway(self.leaf(peer), self.bundle())
                self.observed[peer] = {
                    "certificate": facts(self.gateways[peer].leaf),
                    "trusted": [facts(ca) for ca in self.gateways[peer].trusted],
                }
                self.require_trust()

    def rotate(self, **arguments: Any) -> None:
        """The order of playbook rotate_ca."""
        self.phase("trust", **arguments)
        self.update_gateways()
        self.phase("issue", **arguments)
        for peer in PEERS:
            self.run(fabric_ca)
            self.issue(peer)
            self.update_gateways(peer)
        self.phase("drop", **arguments)
        self.update_gateways()
        self.phase("idle", **arguments)

    def site(self) -> None:
        """The order of playbook site."""
        self.run(fabric_ca)
        self.issue()
        self.update_gateways()

    def make_ca(self, *, check: bool = False) -> Outcome:
        return self.run(fabric_ca, check=check)

    def copy(self, root: Path) -> Fabric:
        """The same fabric elsewhere."""
        other = Fabric(root)
        shutil.copytree(self.folder, other.folder)
        other.gateways, other.observed = dict(self.gateways), dict(self.observed)
        return other

    def state(self) -> tuple[frozenset[tuple[str, bytes]], tuple[Gateway, ...]]:
        """The folders and files, without hidden ones, and what gateways have."""
        paths = [path for path in self.folder.rglob("*") if not path.name.startswith(".")]
        files = {(str(path.relative_to(self.folder)), path.read_bytes() if path.is_file() else b"") for path in paths}
        return frozenset(files), tuple(self.gateways.values())

    def require_trust(self) -> None:
        """Every gateway accepts every other, now and if any of them is given what the folder holds now."""
        if self.down or len(self.gateways) < len(PEERS):
            return  # the fabric is being made, or expired
        leaves = {peer: self.leaf(peer) for peer in PEERS}
        given = {peer: Gateway(leaves[peer], self.bundle()) for peer in PEERS}
        for one in (*self.gateways.values(), *given.values()):
            for other in (*self.gateways.values(), *given.values()):
                assert one.accepts(other.leaf), f"{one.leaf.subject} trusts no CA of {other.leaf.subject}"

    def require_all_down(self, now: datetime) -> None:
        """No gateway has a certificate that another could accept."""
        assert all(gateway.leaf.not_valid_after_utc < now for gateway in self.gateways.values())

    def leaf(self, peer: str) -> x509.Certificate:
        return loaded((self.folder / peer / "cert.pem").read_bytes())[0]

    def bundle(self) -> tuple[x509.Certificate, ...]:
        """What role gateway lets a gateway trust."""
        both = self.folder / "trusted.pem"
        return loaded((both if both.is_file() else self.folder / "cert.pem").read_bytes())

    def ca(self) -> str:
        return str(facts(loaded((self.folder / "cert.pem").read_bytes())[0])["fingerprint"])

    def files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
