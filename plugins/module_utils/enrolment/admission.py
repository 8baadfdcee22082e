# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names and keys the fabric's own peers may not have: those of enrolled peers, and evicted keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Problem, raise_all
from ..pki.certificates import public_key
from ..pki_files import disk
from ..pki_files.evictions import Evictions, read_evictions
from .record import enrolled_peers

if TYPE_CHECKING:
    from ..pki.pair import Decision, Pair


@dataclass(frozen=True)
class Admission:
    """What is on record in a fabric's folder.

    Attributes:
        enrolled: The names of other organisations' peers.
        evictions: The evicted keys.
        record: The file that lists the enrolled peers.
    """

    enrolled: Collection[str]
    evictions: Evictions
    record: str

    @classmethod
    def of(cls, folder: disk.Folder) -> Admission:
        """The record in a fabric's folder.

        Raises:
            ClusterlinkError: It cannot be read.
        """
        return cls(list(enrolled_peers(folder)), read_evictions(folder), disk.enrolled_path(folder))

    def name_problems(self, name: str, where: str, host: str = "") -> Iterator[Problem]:
        """What is wrong with the name of one of the fabric's own peers, if it is an enrolled peer's.

        Args:
            name: The peer's name.
            where: What gives it the name, for the message.
            host: The peer's inventory host; empty where that is not known.
        """
        if name in self.enrolled:
            what = "is the name of another organisation's peer that is enrolled in this fabric"
            fix = (
                "Choose another name or, if that peer has left, evict it before this host is in the inventory: "
                f"evict_peer.yml -e evict_peer={name}"
            )
            found = f"in {self.record}" if where == name else f"{name}, in {self.record}"
            yield Problem(where, what, found, fix, host)

    def require(self, name: str, found: Pair, decision: Decision) -> None:
        """Refuse to issue or keep the certificate of one of the fabric's own peers.

        Args:
            name: The peer's name.
            found: Its present certificate and key.
            decision: The decision about them.

        Raises:
            ClusterlinkError: The name is an enrolled peer's, or the key was evicted.
        """
        problems: list[Problem | None] = [*self.name_problems(name, name)]
        fix = f"Move {found.key_at} and {found.certificate_at} elsewhere, so that the peer gets another key"
        if decision.key is not None:
            problems.append(self.evictions.problem(decision.key.public_key(), found.key_at, fix))
        if decision.certificate is not None:
            problems.append(self.evictions.problem(public_key(decision.certificate), found.certificate_at, fix))
        raise_all(problem for problem in problems if problem is not None)
