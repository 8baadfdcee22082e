# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys on disk, in the layout of the ``clusterlink`` CLI (v0.4.1, cmd/clusterlink/config).

``ROOT/FABRIC/cert.pem``, ``ROOT/FABRIC/key.pem``, ``ROOT/FABRIC/PEER/cert.pem``, ``ROOT/FABRIC/PEER/key.pem``.

Files are written atomically, and a key is never readable by others, not even for a moment. A new key is never beside an
old certificate: the certificate is removed first. So an interrupted run leaves a key without a certificate, and the
next run continues with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..common.progress import Progress
from ..errors import ClusterlinkError, Problem
from ..pki.pair import Pair

REQUEST = "request.json"
"""The file in a peer's folder that requests its certificate from another organisation."""

KEY_MODE = 0o600
CERTIFICATE_MODE = 0o644
FOLDER_MODE = 0o700

# The widest mode of an existing folder; the CLI creates folders with mode 0755.
_WIDEST_FOLDER_MODE = 0o755

_TEMPORARY = ".clusterlink-"
_LOCK = ".lock"
_LOCK_SECONDS = 60.0
_LOCK_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Folder:
    """The folder of one certificate and its key.

    Attributes:
        path: Its path.
        root: The directory that contains the fabric's folder, where that is known.
    """

    path: str
    root: str = field(default="", compare=False)

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
    """The folder of a fabric's CA."""
    return Folder(os.path.join(root, fabric), root)


def peer_folder(root: str, fabric: str, peer: str) -> Folder:
    """The folder of a peer's certificate."""
    return Folder(os.path.join(root, fabric, peer), root)


def trusted_path(folder: Folder) -> str:
    """The file of the CAs that gateways trust, which exists only while there are two."""
    return os.path.join(folder.path, "trusted.pem")


def enrolled_path(folder: Folder) -> str:
    """The file of the signed requests of other organisations."""
    return os.path.join(folder.path, "enrolled.json")


def peers_in(folder: Folder) -> list[str]:
    """The peers that have a certificate or a key in a fabric's folder, sorted."""
    # A folder with a dot in its name belongs to no peer: it holds the next or the old CA.
    peers = [name for name in names_in(folder) if "." not in name]
    return [name for name in peers if any(map(os.path.lexists, Folder(os.path.join(folder.path, name)).files))]


def requests_in(folder: Folder) -> list[str]:
    """The files that request certificates from another organisation in a fabric's folder, sorted."""
    paths = [os.path.join(folder.path, name, REQUEST) for name in names_in(folder)]
    return [path for path in paths if os.path.lexists(path)]


def names_in(folder: Folder) -> list[str]:
    """The names in a folder, sorted, without those with a leading dot; none when there is no folder.

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
    """The certificate and key in a folder.

    Raises:
        ClusterlinkError: A file cannot be read.
    """
    return Pair(read_file(folder.certificate), read_file(folder.key), folder.certificate, folder.key)


@dataclass(frozen=True)
class TooOpen:
    """A file or folder that gives others too many permissions; the modes are permission bits."""

    path: str
    found: int
    wanted: int

    def __str__(self) -> str:
        """The repair, as a sentence without a full stop."""
        return f"{self.path} has mode {self.found:04o} where at most {self.wanted:04o} is safe"


def find_too_open(folder: Folder) -> list[TooOpen]:
    """The files in a folder that others may read or write although they must not."""
    found = []
    for path, widest in (
        (folder.path, _WIDEST_FOLDER_MODE),
        (folder.certificate, CERTIFICATE_MODE),
        (folder.key, KEY_MODE),
    ):
        with _explained(path, "cannot be examined"), contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(os.stat(path).st_mode)
            if mode & 0o077 & ~widest:
                found.append(TooOpen(path, mode, mode & (0o700 | widest)))
    return found


def repair_mode(item: TooOpen) -> None:
    """Remove the extra permissions of others.

    Raises:
        ClusterlinkError: The mode cannot be set, or the file system does not keep it.
    """
    with _explained(item.path, f"has mode {item.found:04o}, which cannot be changed"):
        os.chmod(item.path, item.wanted)
    if stat.S_IMODE(os.stat(item.path).st_mode) != item.wanted:
        fix = "Keep certificates on a file system that has permissions"
        raise ClusterlinkError(Problem(item.path, "is open to others and remains so", f"{item.found:04o}", fix))


def write_pair(folder: Folder, certificate: bytes, key: bytes | None, backup_stamp: str | None = None) -> list[str]:
    """Write a certificate and, when it is new, its key.

    Args:
        folder: The folder, which ``make_folder`` has created.
        certificate: PEM.
        key: PEM; None keeps the present one.
        backup_stamp: Back up replaced files under their names with this stamp; None backs up nothing.

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
    """Write the same key in another form, without a backup, since nothing is lost.

    Raises:
        ClusterlinkError: The file cannot be written.
    """
    write_file(folder.key, key, KEY_MODE)


def remove_file(path: str) -> None:
    """Remove a file; a missing file is no error."""
    _remove(path)


def write_file(path: str, content: bytes, mode: int) -> None:
    """Write one file atomically.

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
    """Remove a folder when it is empty; other files in it are not ours."""
    with contextlib.suppress(OSError):
        os.rmdir(folder.path)


def remove_leftovers(folder: Folder) -> None:
    """Remove the temporary files of killed runs, which may hold keys. The caller locks the folder."""
    with _explained(folder.path, "cannot be listed"):
        names = os.listdir(folder.path)
    for name in names:
        if name.startswith(_TEMPORARY):
            _remove(os.path.join(folder.path, name))


def make_folder(folder: Folder) -> None:
    """Create a folder and missing parents, accessible to their owner only; git ignores a new root, which holds keys."""
    missing = []
    path = os.path.abspath(folder.path)
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for path in reversed(missing):
        with _explained(path, "cannot be created"), contextlib.suppress(FileExistsError):
            os.mkdir(path, FOLDER_MODE)
            if folder.root and path == os.path.abspath(folder.root):
                _ignore(path)
        _flush_folder(os.path.dirname(path))  # a file in it must not be lost with it


def _ignore(path: str) -> None:
    descriptor = os.open(os.path.join(path, ".gitignore"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_MODE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("*\n")


@contextlib.contextmanager
def locked(folder: Folder, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
    """Lock a folder against other runs. The lock ends with the process, even when that is killed.

    Raises:
        ClusterlinkError: Another run holds the lock for longer than ``seconds``.
    """
    path = os.path.join(folder.path, _LOCK)
    deadline, progress = time.monotonic() + seconds, Progress()
    while (descriptor := _try_lock(path)) is None:
        if time.monotonic() > deadline:
            fix = "Wait for the other run to end, and run this again"
            raise ClusterlinkError(Problem(folder.path, "is locked by another run", fix=fix))
        progress.pause(_LOCK_POLL_SECONDS, f"{folder.path}: is locked by another run")
    try:
        yield
    finally:
        try:
            _remove(path)
        finally:
            os.close(descriptor)


def _try_lock(path: str) -> int | None:
    """Acquire the lock and return its open file, or None when another process has it.

    It is a separate file, open for writing, because NFS locks neither folders nor files that are open read-only.
    """
    with _explained(path, "cannot be locked"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, KEY_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last holder may have removed it between the two steps; then this locks an unlinked file.
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
    """Write a temporary file beside the one that it will replace, with its owner, and return its path."""
    target = os.path.realpath(path)
    with _explained(path, "cannot be written"):
        # mkstemp creates it with mode 0600, so others can never read it.
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
    """Make renames survive a power failure."""
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
