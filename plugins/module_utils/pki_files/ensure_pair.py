# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a certificate and its key to the desired state: the same for a CA and a leaf, in files and in content."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..pki.certificates import facts
from ..pki.pair import Decision, Issued, Pair
from . import disk

Decide = Callable[[Pair], Decision]
Issue = Callable[[Decision], Issued]


@dataclass
class Result:
    """What was done, or in check mode would be.

    Attributes:
        decision: The decision about the present certificate.
        issued: The new certificate; None when there is none, as in check mode.
        place: The folder of the files; None for content.
        too_open: The modes that were too open, as sentences without a full stop.
        backups: The paths of backups.
        contents: PEM for a caller who stores it: ``certificate``, and ``privatekey`` when there is a new one.
    """

    decision: Decision
    issued: Issued | None = None
    place: disk.Folder | None = None
    too_open: list[str] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def repaired(self) -> list[str]:
        """Repairs of modes and of an unencrypted key, as sentences without a full stop."""
        return [*self.too_open, *self.decision.repairs]

    @property
    def changed(self) -> bool:
        """Whether anything differed."""
        return bool(self.decision.reasons or self.repaired)

    def values(self) -> dict[str, Any]:
        """The known facts of the certificate, its paths, and the reasons for it."""
        values = {**self._after(), **self.contents, "reasons": self.decision.reasons, "repaired": self.repaired}
        if self.place is not None:
            values |= {**_paths(self.place), "backup_files": self.backups}
        return values

    @property
    def key_to_write(self) -> bytes | None:
        """PEM of the key when its file must be written."""
        if self.issued is not None and self.decision.key is None:
            return self.issued.key_pem
        return self.decision.rewritten_key

    @property
    def warnings(self) -> list[str]:
        """Warnings that need no change."""
        return self.decision.warnings

    def diff(self) -> dict[str, Any]:
        """Facts before and after, never PEM."""
        before, after = self.decision.facts_before(), self._after()
        if self.too_open:
            before, after = {**before, "too_open": self.too_open}, {**after, "too_open": []}
        if self.decision.repairs:
            before, after = {**before, "key_encrypted": False}, {**after, "key_encrypted": True}
        return {"before": before, "after": after}

    def _after(self) -> dict[str, Any]:
        if self.issued is not None:
            return facts(self.issued.certificate)
        return self.decision.expected if self.decision.reasons else self.decision.facts_before()


@dataclass
class Removal:
    """What was removed, or in check mode would be: the files, and the paths of their backups."""

    place: disk.Folder
    removed: list[str]
    backups: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether there was anything to remove."""
        return bool(self.removed)

    def values(self) -> dict[str, Any]:
        """The removed files and their paths."""
        return {**_paths(self.place), "removed": self.removed, "backup_files": self.backups}

    def diff(self) -> dict[str, Any]:
        """The files before and after."""
        return {"before": {"files": self.removed}, "after": {"files": []}}


def ensure_files(
    folder: disk.Folder, decide: Decide, issue: Issue, *, check: bool, backup_stamp: str | None = None
) -> Result:
    """Bring a folder's certificate and key to the desired state.

    Args:
        folder: Their folder; created when it is missing.
        decide: Decides about the present pair; called again under the lock before anything is written.
        issue: Issues the certificate of a decision.
        check: Only return what would be done.
        backup_stamp: Back up replaced files under their names with this stamp.
    """
    result = _look(folder, decide)
    if check or not result.changed:
        return result
    disk.make_folder(folder)
    with disk.locked(folder):
        result = _look(folder, decide)
        disk.remove_leftovers(folder)
        for item in disk.find_too_open(folder):
            disk.repair_mode(item)
        if result.decision.reasons:
            result.issued = issue(result.decision)
            result.backups = disk.write_pair(folder, result.issued.certificate_pem, result.key_to_write, backup_stamp)
        elif result.key_to_write is not None:
            disk.write_key(folder, result.key_to_write)
    return result


def _look(folder: disk.Folder, decide: Decide) -> Result:
    decision = decide(disk.read_pair(folder))
    return Result(decision, place=folder, too_open=[str(item) for item in disk.find_too_open(folder)])


def _paths(folder: disk.Folder) -> dict[str, Any]:
    return {"certificate_path": folder.certificate, "privatekey_path": folder.key}


def ensure_content(found: Pair, decide: Decide, issue: Issue, *, check: bool) -> Result:
    """Bring a certificate and key that the caller stores to the desired state.

    A given key is not returned, unless it must be stored in another form.
    """
    result = Result(decide(found))
    if result.decision.reasons and check:
        return result
    if result.decision.reasons:
        result.issued = issue(result.decision)
    certificate = result.issued.certificate_pem if result.issued else found.certificate
    result.contents = {"certificate": (certificate or b"").decode()}
    if result.key_to_write is not None and not check:
        result.contents["privatekey"] = result.key_to_write.decode()
    return result


def remove_files(folder: disk.Folder, *, check: bool, backup_stamp: str | None = None) -> Removal:
    """Remove a folder's certificate and key, and the folder when it is empty then."""
    removal = Removal(folder, [path for path in folder.files if os.path.lexists(path)])
    if removal.changed and not check:
        with disk.locked(folder):
            removal.backups = disk.remove_pair(folder, backup_stamp)
        disk.remove_if_empty(folder)
    return removal
