# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Synchronise a fabric's folder with its Secret: load before a run, save before a cluster receives new certificates.

A mark in the folder records the state when both were last equal. It shows which of them has changed since. When both
have, nothing is written.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import ClusterlinkError, Problem
from ..pki_files import disk
from .secret import FabricSecret, OtherVersionError, StoredFiles
from .snapshot import CA, Comparison, Files, authority, compare, digests, listed

_MARK = ".store.json"


@dataclass(frozen=True)
class Mark:
    """The state when a folder and a Secret were last equal. It is in C(FABRIC/.store.json), without any content.

    Attributes:
        uid: The Secret's UID, which changes when it is recreated under the same name.
        digests: The digests of the files.
    """

    uid: str
    digests: dict[str, str]


@dataclass
class Done:
    """What was done, or in check mode would be.

    Attributes:
        before: The previous files of the side that is written.
        after: Its present files.
        pending: Whether earlier tasks of a run in check mode would change the files, so that they would be saved.
        warnings: Sentences for the user.
    """

    before: Files = field(default_factory=dict, repr=False)
    after: Files = field(default_factory=dict, repr=False)
    pending: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether files of the side that is written change."""
        return self.pending or self.before != self.after


@dataclass(frozen=True)
class FabricStore:
    """A fabric's folder and its Secret.

    Attributes:
        folder: The folder.
        secret: The Secret.
        check: Whether to write nothing.
    """

    folder: disk.Folder
    secret: FabricSecret
    check: bool

    def load(self) -> Done:
        """Write the Secret's files to the folder, unless the folder has changed since they were equal.

        Raises:
            ClusterlinkError: Both have changed, or the folder was never loaded and has other files; the management
                cluster is unreachable or refuses. Nothing was written.
        """
        stored = self.secret.read()
        if stored is None:
            return self._load_nothing()
        if not self.check:
            disk.make_folder(self.folder)
        with self._locked():
            here, mark = read_files(self.folder), read_mark(self.folder)
            # Missing files in an empty folder do not count as removed: the folder's content may be lost.
            base = mark.digests if here and mark and mark.uid == stored.uid else {}
            changes = compare(base, here, stored.files)
            if changes.here and (changes.there or not base):
                raise self._conflict(changes, here, stored.files, known=bool(base))
            if changes.here:
                return Done(here, here)
            if not self.check:
                replace_files(self.folder, here, stored.files)
                write_mark(self.folder, stored.uid, stored.files)
            return Done(here, stored.files)

    def save(self, *, pending: bool = False) -> Done:
        """Write the folder's files to the Secret, when the Secret has not changed since the folder was loaded.

        Args:
            pending: Whether earlier tasks have changed the files, or in check mode would have.

        Raises:
            ClusterlinkError: It has changed; it would be too large; the folder is empty and the Secret is not; the
                management cluster is unreachable or refuses. Nothing was written.
        """
        stored = self.secret.read()
        with self._locked():
            here, mark = read_files(self.folder), read_mark(self.folder)
            there = stored.files if stored else {}
            if not here:
                return self._save_nothing(there, pending=self.check and pending)
            base = mark.digests if stored and mark and mark.uid == stored.uid else {}
            changes = compare(base, here, there)
            if changes.there or (stored and changes.here and not base):
                raise self._conflict(changes, here, there, known=bool(base))
            done = Done(there, here, pending=self.check and pending)
            if stored is None and mark:
                done.warnings.append(f"{self.secret.ref} was missing, and is recreated from {self.folder.path}")
            stored = self._write(stored, here) if changes.here or stored is None else stored
            if not self.check:
                write_mark(self.folder, stored.uid, here)
            return done

    def remove(self) -> Done:
        """Delete the Secret; the folder's files stay.

        Raises:
            ClusterlinkError: The management cluster is unreachable or refuses.
        """
        stored = self.secret.read()
        if stored is not None:
            try:
                self.secret.delete(stored, dry_run=self.check)
            except OtherVersionError:
                raise ClusterlinkError(self._overtaken("has changed, and was not deleted")) from None
        if not self.check:
            remove_mark(self.folder)
            disk.remove_if_empty(self.folder)
        return Done(stored.files if stored else {}, {})

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self.check or not os.path.isdir(self.folder.path):
            yield
            return
        with disk.locked(self.folder):
            yield

    def _load_nothing(self) -> Done:
        """Check now that the folder can be saved later, before new files are created that would be lost."""
        try:
            self.secret.create({}, self.folder.path, dry_run=True)
        except OtherVersionError:
            raise ClusterlinkError(self._overtaken("has just been created by another run")) from None
        return Done()

    def _save_nothing(self, there: Files, *, pending: bool) -> Done:
        if there and not self.check:
            what = f"is empty, and {self.secret.ref} is not, so nothing was saved"
            fix = "Load it first, or remove the Secret with state absent"
            raise ClusterlinkError(Problem(self.folder.path, what, fix=fix))
        return Done(there, there, pending=pending)

    def _write(self, stored: StoredFiles | None, here: Files) -> StoredFiles:
        try:
            if stored is None:
                return self.secret.create(here, self.folder.path, dry_run=self.check)
            return self.secret.replace(stored, here, self.folder.path, dry_run=self.check)
        except OtherVersionError:
            what = "has just been changed by another run, nothing was saved"
            raise ClusterlinkError(self._overtaken(what)) from None

    def _overtaken(self, what: str) -> Problem:
        return Problem(str(self.secret.ref), what, fix="Wait for the other run to end, and run this again")

    def _conflict(self, changes: Comparison, here: Files, there: Files, *, known: bool) -> ClusterlinkError:
        secret, folder = self.secret.ref, self.folder.path
        if known:
            what = f"differs from {secret}: another run has saved since the folder was loaded"
        else:
            what = f"was never loaded from {secret}, which has other files"
        parts = {"changed in the folder": changes.here, "changed in the Secret": changes.there}
        found = [f"{name}: {listed(paths)}" for name, paths in parts.items() if paths]
        found.append(f"CA of the folder: {authority(here, f'{folder}/{CA}') or 'none'}")
        found.append(f"CA of the Secret: {authority(there, str(secret)) or 'none'}")
        fix = "To use the Secret's files, move the folder to another place; to use the folder's, delete the Secret"
        return ClusterlinkError(Problem(folder, what, "; ".join(found), f"{fix}. Nothing was written"))


def read_files(folder: disk.Folder) -> dict[str, bytes]:
    """The content of every file in a fabric's folder and the folders in it; none when there is no folder.

    Raises:
        ClusterlinkError: One cannot be read.
    """
    files: dict[str, bytes] = {}
    for name in disk.names_in(folder):
        path = os.path.join(folder.path, name)
        inner = [f"{name}/{each}" for each in disk.names_in(disk.Folder(path))] if os.path.isdir(path) else [name]
        for each in inner:
            place = os.path.join(folder.path, each)
            content = None if os.path.isdir(place) else disk.read_file(place)
            if content is not None:
                files[each] = content
    return files


def replace_files(folder: disk.Folder, before: Files, after: Files) -> None:
    """Replace a folder's files. The caller locks it, and every file changes atomically.

    Raises:
        ClusterlinkError: A file cannot be written or removed; the next run continues from there.
    """
    for path, content in after.items():
        if before.get(path) != content:
            place = os.path.join(folder.path, path)
            disk.make_folder(disk.Folder(os.path.dirname(place)))
            disk.write_file(place, content, disk.KEY_MODE)
    for path in sorted(before.keys() - after.keys()):
        place = os.path.join(folder.path, path)
        disk.remove_file(place)
        if "/" in path:
            disk.remove_if_empty(disk.Folder(os.path.dirname(place)))


def read_mark(folder: disk.Folder) -> Mark | None:
    """The mark; None when there is none or it is malformed.

    Raises:
        ClusterlinkError: It exists and cannot be read.
    """
    text = disk.read_file(os.path.join(folder.path, _MARK))
    try:
        mark = json.loads(text or b"")
        return Mark(str(mark["uid"]), dict(mark["digests"]))
    except (ValueError, TypeError, KeyError):
        return None


def write_mark(folder: disk.Folder, uid: str, files: Files) -> None:
    """Record that the folder and the Secret are equal now, unless the mark says so already.

    Raises:
        ClusterlinkError: It cannot be written.
    """
    mark = Mark(uid, digests(files))
    if read_mark(folder) != mark:
        disk.write_file(os.path.join(folder.path, _MARK), json.dumps(vars(mark)).encode(), disk.KEY_MODE)


def remove_mark(folder: disk.Folder) -> None:
    """Remove the mark."""
    disk.remove_file(os.path.join(folder.path, _MARK))
