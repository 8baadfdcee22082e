# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's folder and the Secret that keeps it: loaded before a run uses it, saved before a cluster sees what is new.

A mark in the folder says what it was when both were last the same. So it is known which of them has gone on since, and
where both have, nothing is written.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import ClusterlinkError, Problem
from ..pki_files import disk
from .secret import FabricSecret, Kept, OtherVersionError
from .snapshot import CA, Comparison, Files, authority, compare, digests, listed

_MARK = ".store.json"


@dataclass(frozen=True)
class Mark:
    """When a folder and a Secret were last the same.

    Attributes:
        uid: Which Secret it was; one that is made again under the same name is another.
        digests: Of the files then.
    """

    uid: str
    digests: dict[str, str]


@dataclass
class Done:
    """What was done, or in check mode would be.

    Attributes:
        before: The files as they were, of the side that is written.
        after: As they are now.
        warnings: Sentences for the user.
    """

    before: Files = field(default_factory=dict, repr=False)
    after: Files = field(default_factory=dict, repr=False)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FabricStore:
    """A fabric's folder and its Secret.

    Attributes:
        folder: The folder.
        secret: The Secret.
        check: Whether nothing is to be written.
    """

    folder: disk.Folder
    secret: FabricSecret
    check: bool

    def load(self) -> Done:
        """Bring the folder to what the Secret holds, unless the folder has gone on since they were the same.

        Raises:
            ClusterlinkError: Both have, or the folder was never loaded and holds something else; the management
                cluster is away or refuses. Nothing was written.
        """
        kept = self.secret.read()
        if kept is None:
            return self._load_nothing()
        if not self.check:
            disk.make_folder(self.folder)
        with self._locked():
            here, mark = read_files(self.folder), read_mark(self.folder)
            # Of a folder that was emptied nothing is taken for removed: it may be all that is left of a folder.
            base = mark.digests if here and mark and mark.uid == kept.uid else {}
            changes = compare(base, here, kept.files)
            if changes.here and (changes.there or not base):
                raise self._conflict(changes, here, kept.files, known=bool(base))
            if changes.here:
                return Done(here, here)
            if not self.check:
                take_over(self.folder, here, kept.files)
                write_mark(self.folder, kept.uid, kept.files)
            return Done(here, kept.files)

    def save(self) -> Done:
        """Bring the Secret to what the folder holds, when it is still what the folder was loaded from.

        Raises:
            ClusterlinkError: It is not; it would be too large; the folder is empty where the Secret is not; the
                management cluster is away or refuses. Nothing was written.
        """
        kept = self.secret.read()
        with self._locked():
            here, mark = read_files(self.folder), read_mark(self.folder)
            there = kept.files if kept else {}
            if not here:
                return self._save_nothing(there)
            base = mark.digests if kept and mark and mark.uid == kept.uid else {}
            changes = compare(base, here, there)
            if changes.there or (kept and changes.here and not base):
                raise self._conflict(changes, here, there, known=bool(base))
            done = Done(there, here)
            if kept is None and mark:
                done.warnings.append(f"{self.secret.ref} was gone, and is made again from {self.folder.path}")
            kept = self._write(kept, here) if changes.here or kept is None else kept
            if not self.check:
                write_mark(self.folder, kept.uid, here)
            return done

    def remove(self) -> Done:
        """Remove the Secret; the folder's files stay.

        Raises:
            ClusterlinkError: The management cluster is away or refuses.
        """
        kept = self.secret.read()
        if kept is not None:
            try:
                self.secret.delete(kept, dry_run=self.check)
            except OtherVersionError:
                raise ClusterlinkError(self._overtaken("was not removed")) from None
        if not self.check:
            remove_mark(self.folder)
            disk.remove_if_empty(self.folder)
        return Done(kept.files if kept else {}, {})

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self.check or not os.path.isdir(self.folder.path):
            yield
            return
        with disk.locked(self.folder):
            yield

    def _load_nothing(self) -> Done:
        """Find out now that the folder can be saved later: before anything is made that would be lost."""
        try:
            self.secret.create({}, self.folder.path, dry_run=True)
        except OtherVersionError:
            raise ClusterlinkError(self._overtaken("was made by another run just now")) from None
        return Done()

    def _save_nothing(self, there: Files) -> Done:
        if there and not self.check:
            what = f"holds no file, while {self.secret.ref} does, so nothing was saved"
            fix = "Load it first, or remove the Secret with state absent"
            raise ClusterlinkError(Problem(self.folder.path, what, fix=fix))
        return Done(there, there)

    def _write(self, kept: Kept | None, here: Files) -> Kept:
        try:
            if kept is None:
                return self.secret.create(here, self.folder.path, dry_run=self.check)
            return self.secret.replace(kept, here, self.folder.path, dry_run=self.check)
        except OtherVersionError:
            raise ClusterlinkError(self._overtaken("was written by another run just now, nothing was saved")) from None

    def _overtaken(self, what: str) -> Problem:
        return Problem(str(self.secret.ref), what, fix="Wait for the other run to end, and run this again")

    def _conflict(self, changes: Comparison, here: Files, there: Files, *, known: bool) -> ClusterlinkError:
        secret, folder = self.secret.ref, self.folder.path
        if known:
            what = f"is not what {secret} holds any more: another run has saved since the folder was loaded"
        else:
            what = f"was never loaded from {secret}, which holds something else"
        parts = {"changed in the folder": changes.here, "changed in the Secret": changes.there}
        found = [f"{name}: {listed(paths)}" for name, paths in parts.items() if paths]
        found.append(f"CA of the folder: {authority(here, f'{folder}/{CA}') or 'none'}")
        found.append(f"CA of the Secret: {authority(there, str(secret)) or 'none'}")
        fix = "To go on with the Secret's, move the folder away; to go on with the folder's, remove the Secret"
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


def take_over(folder: disk.Folder, before: Files, after: Files) -> None:
    """Make a folder's files other ones; it is locked, and every file changes whole or not at all.

    Raises:
        ClusterlinkError: A file cannot be written or removed; the next run goes on from there.
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
    """The mark; None where there is none that makes sense, so that nothing is taken for known.

    Raises:
        ClusterlinkError: It is there and cannot be read.
    """
    text = disk.read_file(os.path.join(folder.path, _MARK))
    try:
        mark = json.loads(text or b"")
        return Mark(str(mark["uid"]), dict(mark["digests"]))
    except (ValueError, TypeError, KeyError):
        return None


def write_mark(folder: disk.Folder, uid: str, files: Files) -> None:
    """Say that the folder and the Secret are the same now; nothing is written where that is said already.

    Raises:
        ClusterlinkError: It cannot be written.
    """
    mark = Mark(uid, digests(files))
    if read_mark(folder) != mark:
        disk.write_file(os.path.join(folder.path, _MARK), json.dumps(vars(mark)).encode(), disk.KEY_MODE)


def remove_mark(folder: disk.Folder) -> None:
    """Forget the Secret."""
    disk.remove_file(os.path.join(folder.path, _MARK))
