# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys as files, laid out as the ``clusterlink`` CLI does (v0.4.1, cmd/clusterlink/config).

``ROOT/FABRIC/cert.pem``, ``ROOT/FABRIC/key.pem``, ``ROOT/FABRIC/PEER/cert.pem``, ``ROOT/FABRIC/PEER/key.pem``.

A file appears whole or not at all, and a key is never readable by others, not even for a moment. A new key never stands
beside an old certificate: the certificate is taken away first, so an interrupted run leaves a key alone, which the next
run goes on with.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import ClusterlinkError, Problem
from ..pki.pair import Pair

REQUEST = "request.json"
"""The file in a peer's folder by which it asks others for its certificate."""

KEY_MODE = 0o600
CERTIFICATE_MODE = 0o644
FOLDER_MODE = 0o700

# What others may do at most with what is there already; the CLI makes folders 0755.
_WIDEST_FOLDER_MODE = 0o755

_TEMPORARY = ".clusterlink-"
_LOCK = ".lock"
_LOCK_SECONDS = 60.0
_LOCK_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Folder:
    """Where one certificate and its key live."""

    path: str

    @property
    def certificate(self) -> str:
        """The certificate's file."""
        return os.path.join(self.path, "cert.pem")

    @property
    def key(self) -> str:
        """The key's file."""
        return os.path.join(self.path, "key.pem")

    @property
    def files(self) -> tuple[str, str]:
        """Both."""
        return self.certificate, self.key


def fabric_folder(root: str, fabric: str) -> Folder:
    """Where a fabric's CA lives."""
    return Folder(os.path.join(root, fabric))


def peer_folder(root: str, fabric: str, peer: str) -> Folder:
    """Where a peer's certificate lives."""
    return Folder(os.path.join(root, fabric, peer))


def trusted_path(folder: Folder) -> str:
    """The file with the CAs that gateways trust, there only while they are two."""
    return os.path.join(folder.path, "trusted.pem")


def enrolled_path(folder: Folder) -> str:
    """The file with the requests of other organisations that were answered."""
    return os.path.join(folder.path, "enrolled.json")


def peers_in(folder: Folder) -> list[str]:
    """The peers that have a certificate or a key in a fabric's folder, sorted."""
    # A folder with a dot in its name is no peer's: it holds a CA that comes or goes.
    peers = [name for name in names_in(folder) if "." not in name]
    return [name for name in peers if any(map(os.path.lexists, Folder(os.path.join(folder.path, name)).files))]


def requests_in(folder: Folder) -> list[str]:
    """The files by which peers in a fabric's folder ask others for their certificates, sorted."""
    paths = [os.path.join(folder.path, name, REQUEST) for name in names_in(folder)]
    return [path for path in paths if os.path.lexists(path)]


def names_in(folder: Folder) -> list[str]:
    """The names of what is in a folder, sorted, but for those with a leading dot; none when there is no folder.

    Raises:
        ClusterlinkError: It cannot be listed.
    """
    with _explained(folder.path, "cannot be listed"):
        try:
            return sorted(name for name in os.listdir(folder.path) if not name.startswith("."))
        except FileNotFoundError:
            return []


def read_file(path: str) -> bytes | None:
    """A file's content; None when there is no such file.

    Raises:
        ClusterlinkError: There is one, but it cannot be read.
    """
    with _explained(path, "cannot be read"):
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None


def read_pair(folder: Folder) -> Pair:
    """What a folder holds.

    Raises:
        ClusterlinkError: A file is there that cannot be read.
    """
    return Pair(read_file(folder.certificate), read_file(folder.key), folder.certificate, folder.key)


@dataclass(frozen=True)
class TooOpen:
    """A file or folder that others may do too much with; the modes are permission bits."""

    path: str
    found: int
    wanted: int

    def __str__(self) -> str:
        """What is repaired, as a sentence without a full stop."""
        return f"{self.path} has mode {self.found:04o} where at most {self.wanted:04o} is safe"


def find_too_open(folder: Folder) -> list[TooOpen]:
    """What in a folder others may read or write though they should not."""
    found = []
    for path, widest in (
        (folder.path, _WIDEST_FOLDER_MODE),
        (folder.certificate, CERTIFICATE_MODE),
        (folder.key, KEY_MODE),
    ):
        with _explained(path, "cannot be looked at"), contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(os.stat(path).st_mode)
            if mode & 0o077 & ~widest:
                found.append(TooOpen(path, mode, mode & (0o700 | widest)))
    return found


def repair_mode(item: TooOpen) -> None:
    """Take away what others may not do.

    Raises:
        ClusterlinkError: The mode cannot be set, or the file system does not keep it.
    """
    with _explained(item.path, f"has mode {item.found:04o}, which cannot be changed"):
        os.chmod(item.path, item.wanted)
    if stat.S_IMODE(os.stat(item.path).st_mode) != item.wanted:
        fix = "Keep certificates on a file system that has permissions"
        raise ClusterlinkError(Problem(item.path, "is open to others and stays so", f"{item.found:04o}", fix))


def write_pair(folder: Folder, certificate: bytes, key: bytes | None, backup_stamp: str | None = None) -> list[str]:
    """Write a certificate and, when it is new, its key.

    Args:
        folder: Where; ``make_folder`` has made it.
        certificate: PEM.
        key: PEM; None leaves the one that is there.
        backup_stamp: Keep what is replaced beside it, under its name with this stamp; None keeps nothing.

    Returns:
        The backups' paths.

    Raises:
        ClusterlinkError: The files cannot be written.
    """
    replaced = [folder.certificate] if key is None else [folder.certificate, folder.key]
    backups = _back_up(replaced, backup_stamp)
    with contextlib.ExitStack() as leftovers:
        staged = [(_stage(folder.certificate, certificate, CERTIFICATE_MODE, leftovers), folder.certificate)]
        if key is not None:
            staged.insert(0, (_stage(folder.key, key, KEY_MODE, leftovers), folder.key))
            _remove(folder.certificate)
        for temporary, path in staged:
            with _explained(path, "cannot be written"):
                os.replace(temporary, os.path.realpath(path))
    _flush_folder(folder.path)
    return backups


def write_key(folder: Folder, key: bytes) -> None:
    """Write the same key in another form; as nothing is lost, there is no backup.

    Raises:
        ClusterlinkError: The file cannot be written.
    """
    write_file(folder.key, key, KEY_MODE)


def remove_file(path: str) -> None:
    """Remove a file; that it is not there is no error."""
    _remove(path)


def write_file(path: str, content: bytes, mode: int) -> None:
    """Write one file, whole or not at all.

    Raises:
        ClusterlinkError: It cannot be written.
    """
    with contextlib.ExitStack() as leftovers:
        temporary = _stage(path, content, mode, leftovers)
        with _explained(path, "cannot be written"):
            os.replace(temporary, os.path.realpath(path))
    _flush_folder(os.path.dirname(os.path.realpath(path)))


def remove_pair(folder: Folder, backup_stamp: str | None = None) -> list[str]:
    """Remove a folder's certificate and key; returns the backups' paths."""
    backups = _back_up(folder.files, backup_stamp)
    for path in folder.files:
        _remove(path)
    remove_leftovers(folder)
    return backups


def remove_if_empty(folder: Folder) -> None:
    """Remove a folder that has nothing in it; what is in it otherwise is not ours."""
    with contextlib.suppress(OSError):
        os.rmdir(folder.path)


def remove_leftovers(folder: Folder) -> None:
    """Remove the temporary files of runs that were killed; they may hold keys. Only while the folder is locked."""
    with _explained(folder.path, "cannot be listed"):
        names = os.listdir(folder.path)
    for name in names:
        if name.startswith(_TEMPORARY):
            _remove(os.path.join(folder.path, name))


def make_folder(folder: Folder) -> None:
    """Make a folder and those above it that are missing, for their owner only."""
    missing = []
    path = os.path.abspath(folder.path)
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for path in reversed(missing):
        with _explained(path, "cannot be made"), contextlib.suppress(FileExistsError):
            os.mkdir(path, FOLDER_MODE)


@contextlib.contextmanager
def locked(folder: Folder, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
    """Keep other runs from writing in a folder meanwhile. The lock goes with the process, however that ends.

    Raises:
        ClusterlinkError: Another run holds the lock for longer than ``seconds``.
    """
    path = os.path.join(folder.path, _LOCK)
    deadline = time.monotonic() + seconds
    while (descriptor := _try_lock(path)) is None:
        if time.monotonic() > deadline:
            fix = "Wait for the other run to end, and run this again"
            raise ClusterlinkError(Problem(folder.path, "is being written by another run", fix=fix))
        time.sleep(_LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        try:
            _remove(path)
        finally:
            os.close(descriptor)


def _try_lock(path: str) -> int | None:
    """Take the lock and give its open file, or None when another has it.

    A file of its own, open for writing, because NFS locks neither folders nor what is open for reading only.
    """
    with _explained(path, "cannot be locked"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, KEY_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last holder may have removed it between the two steps; then this locks a file that nobody else sees.
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None


def _stage(path: str, content: bytes, mode: int, leftovers: contextlib.ExitStack) -> str:
    """Write a temporary file beside the one that it will replace, with its owner, and give its path."""
    target = os.path.realpath(path)
    with _explained(path, "cannot be written"):
        # mkstemp makes it 0600, so there is no moment in which others can read it.
        descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=os.path.dirname(target))
        leftovers.callback(_remove, temporary)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            with contextlib.suppress(FileNotFoundError):
                _keep_owner(descriptor, os.stat(target))
            os.fchmod(descriptor, mode)
            file.flush()
            os.fsync(descriptor)
    return temporary


def _keep_owner(descriptor: int, replaced: os.stat_result) -> None:
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (replaced.st_uid, replaced.st_gid):
        os.fchown(descriptor, replaced.st_uid, replaced.st_gid)


def _back_up(paths: list[str] | tuple[str, ...], stamp: str | None) -> list[str]:
    if stamp is None:
        return []
    backups = []
    for path in paths:
        content = read_file(path)
        if content is not None:
            backup = f"{path}.{stamp}~"
            with contextlib.ExitStack() as leftovers, _explained(backup, "cannot be written"):
                os.replace(_stage(backup, content, KEY_MODE, leftovers), backup)
            backups.append(backup)
    return backups


def _remove(path: str) -> None:
    with _explained(path, "cannot be removed"), contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _flush_folder(path: str) -> None:
    """Make sure that renamed files are found under their names after a power failure."""
    with _explained(path, "cannot be flushed"):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _explained(path: str, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fix = f"Check its owner and permissions; this task runs as user id {os.geteuid()}"
        raise ClusterlinkError(Problem(path, what, error.strerror or str(error), fix)) from error
