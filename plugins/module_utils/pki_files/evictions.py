# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peers that were evicted from a fabric, by their keys, in ``FABRIC/evicted.json``. The file holds no secret.

An evicted peer's certificate is refused once the CA that signed it is replaced. Its key is refused for good.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..common.fields import Item, Report
from ..errors import ClusterlinkError, Problem
from ..pki.certificates import iso
from ..pki.keys import key_fingerprint
from . import disk

if TYPE_CHECKING:
    from ..pki.keys import PublicKey

FORMAT = "clusterlink-evicted/1"

_FINGERPRINT = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){31}")
_RESTORE = "Restore it from a backup: without it, an evicted key could get a certificate again"


@dataclass(frozen=True)
class Eviction:
    """One eviction.

    Attributes:
        name: The peer's name.
        keys: The SHA-256 fingerprints of its public keys.
        authorities: The SHA-256 fingerprints of the CAs that may have signed certificates for them.
        since: When it was evicted, in UTC.
    """

    name: str
    keys: tuple[str, ...]
    authorities: tuple[str, ...]
    since: str

    def as_dict(self) -> dict[str, Any]:
        """The eviction in the file."""
        return {"name": self.name, "keys": self.keys, "authorities": self.authorities, "since": self.since}


@dataclass(frozen=True)
class Evictions:
    """All evictions from a fabric, in their order."""

    entries: tuple[Eviction, ...] = field(default=())

    @property
    def text(self) -> bytes:
        """The file."""
        return json.dumps({"format": FORMAT, "evicted": [each.as_dict() for each in self.entries]}, indent=2).encode()

    @property
    def names(self) -> set[str]:
        """The names of all evicted peers. Another key may have got a name since."""
        return {each.name for each in self.entries}

    @property
    def authorities(self) -> set[str]:
        """The fingerprints of all CAs that no gateway may trust any more."""
        return {authority for each in self.entries for authority in each.authorities}

    def of_key(self, key: PublicKey) -> Eviction | None:
        """The eviction of a key; None when it was not evicted."""
        wanted = key_fingerprint(key)
        return next((each for each in self.entries if wanted in each.keys), None)

    def with_evicted(
        self, name: str, keys: Collection[PublicKey], authorities: Collection[str], now: datetime
    ) -> Evictions:
        """The evictions with one more, of those keys that are not evicted yet; the same ones when there is none."""
        new = sorted({key_fingerprint(key) for key in keys if self.of_key(key) is None})
        if not new:
            return self
        entry = Eviction(name, tuple(new), tuple(sorted(authorities)), iso(now.astimezone(timezone.utc)))
        return Evictions((*self.entries, entry))

    def problem(self, key: PublicKey, where: str, fix: str) -> Problem | None:
        """Why a key may not be used; None when it may.

        Args:
            key: The key.
            where: Its file, for the message.
            fix: How to get another one.
        """
        found = self.of_key(key)
        if found is None:
            return None
        what = f"is for the key of {found.name}, which was evicted from the fabric"
        return Problem(where, what, f"evicted at {found.since}", fix)


def evicted_path(folder: disk.Folder) -> str:
    """The file of the evictions from a fabric."""
    return os.path.join(folder.path, "evicted.json")


def read_evictions(folder: disk.Folder) -> Evictions:
    """The evictions from a fabric; none when there is no file.

    Raises:
        ClusterlinkError: The file cannot be read.
    """
    where = evicted_path(folder)
    text = disk.read_file(where)
    if text is None:
        return Evictions()
    report = Report()
    try:
        item = Item(json.loads(text), where, report)
    except ValueError:
        raise ClusterlinkError(Problem(where, "is not JSON: it is truncated or damaged", fix=_RESTORE)) from None
    item.choice("format", [FORMAT], required=True)
    item.get("evicted", required=True)
    entries = tuple(_read_entry(each) for each in item.items("evicted"))
    item.finish()
    if report.problems:
        raise ClusterlinkError([Problem(each.where, each.what, each.found, _RESTORE) for each in report.problems])
    return Evictions(entries)


def write_evictions(folder: disk.Folder, evictions: Evictions) -> None:
    """Write the evictions from a fabric. The caller locks its folder.

    Raises:
        ClusterlinkError: The file cannot be written.
    """
    disk.write_file(evicted_path(folder), evictions.text, disk.CERTIFICATE_MODE)


def _fingerprints(item: Item, key: str) -> tuple[str, ...]:
    found = tuple(str(value) for value, _path in item.values(key))
    if not found or not all(map(_FINGERPRINT.fullmatch, found)):
        item.problem(key, "must list SHA-256 fingerprints", list(found))
    return found


def _read_entry(item: Item) -> Eviction:
    entry = Eviction(
        name=item.name(required=True),
        keys=_fingerprints(item, "keys"),
        authorities=_fingerprints(item, "authorities"),
        since=item.text("since", required=True),
    )
    item.finish()
    return entry
