# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.disk import (
    Folder,
    fabric_folder,
    find_too_open,
    locked,
    make_folder,
    peer_folder,
    peers_in,
    read_file,
    read_pair,
    remove_if_empty,
    remove_leftovers,
    remove_pair,
    repair_mode,
    write_pair,
)

NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    place = Folder(str(tmp_path / "pki" / "demo"))
    make_folder(place)
    return place


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def content(folder: Folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder.path).iterdir() if path.is_file()}


def test_the_layout_is_the_clis() -> None:
    assert fabric_folder("/pki", "demo").files == ("/pki/demo/cert.pem", "/pki/demo/key.pem")
    assert peer_folder("/pki", "demo", "east").files == ("/pki/demo/east/cert.pem", "/pki/demo/east/key.pem")


def test_what_is_written_is_read(folder: Folder) -> None:
    write_pair(folder, b"certificate", b"key")
    found = read_pair(folder)
    assert (found.certificate, found.key) == (b"certificate", b"key")
    assert (found.certificate_at, found.key_at) == folder.files


def test_where_nothing_is_nothing_is_read(tmp_path: Path) -> None:
    found = read_pair(Folder(str(tmp_path / "none")))
    assert (found.certificate, found.key) == (None, None)


def test_only_the_owner_can_read_a_key(folder: Folder) -> None:
    write_pair(folder, b"certificate", b"key")
    assert mode(folder.key) == 0o600
    assert mode(folder.certificate) == 0o644
    assert mode(folder.path) == 0o700
    assert mode(os.path.dirname(folder.path)) == 0o700


def test_a_key_is_for_its_owner_from_its_first_moment(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    opened = os.fdopen

    def watch(descriptor: int, *rest: Any) -> Any:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return opened(descriptor, *rest)

    monkeypatch.setattr(os, "fdopen", watch)
    umask = os.umask(0o000)
    try:
        write_pair(folder, b"certificate", b"key")
    finally:
        os.umask(umask)
    assert seen == [0o600, 0o600]


def test_no_temporary_file_is_left(folder: Folder) -> None:
    write_pair(folder, b"certificate", b"key")
    assert set(content(folder)) == {"cert.pem", "key.pem"}


def test_a_certificate_alone_is_replaced_without_touching_its_key(folder: Folder) -> None:
    write_pair(folder, b"certificate", b"key")
    before = os.stat(folder.key)
    write_pair(folder, b"other", None)
    assert content(folder) == {"cert.pem": b"other", "key.pem": b"key"}
    assert os.stat(folder.key).st_ino == before.st_ino


@pytest.mark.parametrize("steps", range(5))
def test_a_run_that_dies_at_any_step_leaves_no_key_beside_anothers_certificate(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    write_pair(folder, b"old certificate", b"old key")
    left = [steps]

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return call(*arguments, **options)

        return step

    monkeypatch.setattr(os, "replace", dying(os.replace))
    monkeypatch.setattr(os, "unlink", dying(os.unlink))
    with contextlib.suppress(KeyboardInterrupt):
        write_pair(folder, b"new certificate", b"new key")
    monkeypatch.undo()
    found = read_pair(folder)
    assert (found.certificate, found.key) in {
        (b"old certificate", b"old key"),
        (None, b"old key"),
        (None, b"new key"),
        (b"new certificate", b"new key"),
    }


def test_a_full_disk_leaves_what_was_there(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(folder, b"old certificate", b"old key")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ClusterlinkError, match="No space left"):
        write_pair(folder, b"new certificate", b"new key")
    assert content(folder) == {"cert.pem": b"old certificate", "key.pem": b"old key"}


def test_backups_hold_what_was_replaced_and_are_for_their_owner(folder: Folder) -> None:
    assert write_pair(folder, b"one", b"key one", "stamp") == []
    backups = write_pair(folder, b"two", b"key two", "stamp")
    assert backups == [f"{folder.certificate}.stamp~", f"{folder.key}.stamp~"]
    assert [read_file(path) for path in backups] == [b"one", b"key one"]
    assert {mode(path) for path in backups} == {0o600}


def test_a_key_that_stays_is_not_backed_up(folder: Folder) -> None:
    write_pair(folder, b"one", b"key")
    assert write_pair(folder, b"two", None, "stamp") == [f"{folder.certificate}.stamp~"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_of_a_replaced_file_is_kept(folder: Folder) -> None:
    write_pair(folder, b"one", b"key")
    for path in folder.files:
        os.chown(path, 1234, 4321)
    write_pair(folder, b"two", b"other key")
    assert {(os.stat(path).st_uid, os.stat(path).st_gid) for path in folder.files} == {(1234, 4321)}
    assert mode(folder.key) == 0o600


def test_a_link_stays_a_link(folder: Folder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.pem"
    elsewhere.write_bytes(b"old")
    os.symlink(elsewhere, folder.key)
    write_pair(folder, b"certificate", b"new")
    assert os.path.islink(folder.key)
    assert elsewhere.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("what", "too_open", "repaired"),
    [
        ("key", 0o644, 0o600),
        ("key", 0o640, 0o600),
        ("key", 0o777, 0o700),
        ("certificate", 0o666, 0o644),
        ("path", 0o777, 0o755),
    ],
)
def test_what_is_too_open_is_found_and_repaired(folder: Folder, what: str, too_open: int, repaired: int) -> None:
    write_pair(folder, b"certificate", b"key")
    path = getattr(folder, what)
    os.chmod(path, too_open)
    found = find_too_open(folder)
    assert [item.path for item in found] == [path]
    assert f"{too_open:04o}" in str(found[0])
    repair_mode(found[0])
    assert mode(path) == repaired
    assert find_too_open(folder) == []


def test_what_the_cli_makes_is_not_too_open(folder: Folder) -> None:
    write_pair(folder, b"certificate", b"key")
    os.chmod(folder.path, 0o755)  # noqa: S103
    os.chmod(folder.certificate, 0o600)
    assert find_too_open(folder) == []


def test_a_file_system_without_permissions_is_said(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(folder, b"certificate", b"key")
    os.chmod(folder.key, 0o666)  # noqa: S103  # that is what is wrong
    monkeypatch.setattr(os, "chmod", lambda *_arguments: None)
    with pytest.raises(ClusterlinkError, match="remains so"):
        repair_mode(find_too_open(folder)[0])


def test_a_file_that_may_not_be_read_is_an_error(folder: Folder) -> None:
    write_pair(folder, b"certificate", b"key")
    os.chmod(folder.key, 0)
    child = os.fork()
    if not child:  # root may read everything, so somebody else looks
        with contextlib.suppress(PermissionError):
            os.setuid(NOBODY)
        try:
            read_pair(folder)
        except ClusterlinkError as error:
            os._exit(0 if "cannot be read (found: Permission denied)" in str(error) else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_a_refused_read_names_the_file_and_the_user(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ClusterlinkError, match=rf"{folder.certificate}: cannot be read.*Permission.*{os.geteuid()}"):
        read_pair(folder)


@pytest.mark.parametrize("wrong", ["key.pem", "."])
def test_what_is_no_file_is_an_error(folder: Folder, wrong: str) -> None:
    if wrong == ".":
        os.rmdir(folder.path)
        Path(folder.path).touch()
    else:
        os.mkdir(folder.key)
    with pytest.raises(ClusterlinkError, match="cannot be read"):
        read_pair(folder)


def test_a_folder_is_made_by_several_at_once(tmp_path: Path) -> None:
    places = [Folder(str(tmp_path / "a" / "b" / str(number))) for number in range(20)]
    threads = [threading.Thread(target=make_folder, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(os.path.isdir(place.path) for place in places)


@pytest.mark.parametrize("peer", ["", "east"])
def test_git_ignores_a_folder_of_keys_that_a_run_creates(tmp_path: Path, peer: str) -> None:
    root = tmp_path / "inventory" / "pki"
    make_folder(peer_folder(str(root), "demo", peer) if peer else fabric_folder(str(root), "demo"))
    assert (root / ".gitignore").read_text() == "*\n"
    assert [path.name for path in tmp_path.rglob(".gitignore")] == [".gitignore"]
    (root / ".gitignore").write_text("mine")
    make_folder(fabric_folder(str(root), "other"))
    assert (root / ".gitignore").read_text() == "mine"


def test_a_folder_of_keys_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    make_folder(fabric_folder(str(tmp_path), "demo"))
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_peers_are_the_folders_with_a_certificate_or_a_key(folder: Folder) -> None:
    assert peers_in(Folder(folder.path + "-none")) == []
    write_pair(folder, b"certificate", b"key")
    for name, file in (("east", "cert.pem"), ("west", "key.pem"), ("notes", "readme"), ("empty", None)):
        os.mkdir(os.path.join(folder.path, name))
        if file:
            Path(os.path.join(folder.path, name, file)).touch()
    assert peers_in(folder) == ["east", "west"]


def test_only_the_two_files_are_removed(folder: Folder) -> None:
    write_pair(folder, b"certificate", b"key")
    note = os.path.join(folder.path, "note")
    Path(note).touch()
    assert remove_pair(folder) == []
    remove_if_empty(folder)
    assert set(content(folder)) == {"note"}
    os.unlink(note)
    remove_if_empty(folder)
    assert not os.path.exists(folder.path)


def test_temporary_files_of_a_killed_run_are_removed(folder: Folder) -> None:
    write_pair(folder, b"certificate", b"key")
    Path(os.path.join(folder.path, ".clusterlink-abc")).touch()
    remove_leftovers(folder)
    assert set(content(folder)) == {"cert.pem", "key.pem"}


def test_one_run_at_a_time_writes(folder: Folder) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with locked(folder):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _turn in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
    assert content(folder) == {}, "the lock's file is gone"


def test_a_lock_that_another_run_keeps_is_an_error_after_a_while(folder: Folder) -> None:
    with locked(folder), pytest.raises(ClusterlinkError, match="another run"), locked(folder, seconds=0.1):
        pass


def test_the_lock_file_of_a_killed_run_is_in_nobodys_way(folder: Folder) -> None:
    Path(os.path.join(folder.path, ".lock")).touch()
    with locked(folder, seconds=0.1):
        pass
