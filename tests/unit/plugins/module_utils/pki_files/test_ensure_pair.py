# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from what is there to what is asked for, with a real folder."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, decide_ca, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import load_chain, require_match
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import KeySpec, load_key
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, decide_leaf, make_leaf
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.pair import Pair
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.disk import (
    Folder,
    fabric_folder,
    find_too_open,
    read_pair,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files.ensure_pair import (
    Result,
    ensure_content,
    ensure_files,
    remove_files,
)

Ensure = Callable[..., Result]

REQUEST, OTHER = CaRequest("demo", subject={}), CaRequest("other", subject={})


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return fabric_folder(str(tmp_path / "pki"), "demo")


@pytest.fixture
def ensure(folder: Folder, now: datetime) -> Ensure:
    """Ensure a CA in the folder."""

    def run(
        request: Any = REQUEST,
        *,
        check: bool = False,
        replace: bool = False,
        stamp: str | None = None,
    ) -> Result:
        return ensure_files(
            folder,
            lambda found: decide_ca(found, request, now, replace=replace),
            lambda decision: make_ca(request, now, decision.key),
            check=check,
            backup_stamp=stamp,
        )

    return run


def files(folder: Folder) -> dict[str, bytes]:
    root = Path(folder.path)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def require_whole(folder: Folder) -> None:
    found = read_pair(folder)
    assert found.certificate is not None
    assert found.key is not None
    chain = load_chain(found.certificate, found.certificate_at)
    require_match(chain[0], load_key(found.key, found.key_at), *folder.files)


def test_check_mode_writes_nothing_and_says_what_it_would_do(ensure: Ensure, folder: Folder) -> None:
    result = ensure(check=True)
    assert result.changed
    assert result.values()["reasons"] == ["there is no CA yet"]
    assert result.diff() == {"before": {}, "after": {"key_type": "ecdsa", "key_size": 256}}
    assert not os.path.exists(folder.path)


def test_the_second_run_changes_nothing(ensure: Ensure, folder: Folder) -> None:
    first = ensure()
    before = files(folder)
    second = ensure()
    assert (first.changed, second.changed) == (True, False)
    assert files(folder) == before
    assert first.values()["fingerprint"] == second.values()["fingerprint"]
    assert second.diff()["before"] == second.diff()["after"] == first.diff()["after"]


def test_an_open_key_is_a_change_that_repairs_its_mode_only(ensure: Ensure, folder: Folder) -> None:
    ensure()
    before = files(folder)
    os.chmod(folder.key, 0o644)
    assert ensure(check=True).changed
    assert os.stat(folder.key).st_mode & 0o777 == 0o644
    result = ensure()
    assert result.changed
    assert result.values()["reasons"] == []
    assert "0644" in result.values()["repaired"][0]
    assert result.diff()["before"]["too_open"] == result.values()["repaired"]
    assert os.stat(folder.key).st_mode & 0o777 == 0o600
    assert files(folder) == before
    assert not ensure().changed


def test_an_error_writes_nothing(ensure: Ensure, folder: Folder) -> None:
    ensure()
    before = files(folder)
    os.chmod(folder.key, 0o644)
    with pytest.raises(ClusterlinkError):
        ensure(OTHER)
    assert files(folder) == before
    assert os.stat(folder.key).st_mode & 0o777 == 0o644


def test_a_replaced_ca_is_kept_as_a_backup_when_asked(ensure: Ensure, folder: Folder) -> None:
    ensure()
    before = files(folder)
    result = ensure(OTHER, replace=True, stamp="stamp")
    assert result.values()["backup_files"] == [f"{folder.certificate}.stamp~", f"{folder.key}.stamp~"]
    after = files(folder)
    assert (after["cert.pem.stamp~"], after["key.pem.stamp~"]) == (before["cert.pem"], before["key.pem"])
    assert after["key.pem"] != before["key.pem"]
    require_whole(folder)


def test_a_run_that_died_between_key_and_certificate_is_gone_on_with(ensure: Ensure, folder: Folder) -> None:
    ensure()
    key = files(folder)["key.pem"]
    os.unlink(folder.certificate)
    result = ensure()
    assert result.values()["reasons"] == ["there is a key without a certificate"]
    assert files(folder)["key.pem"] == key
    require_whole(folder)


@pytest.mark.parametrize("moment", range(1, 10))
@pytest.mark.parametrize("before", ["nothing", "another CA"])
def test_a_run_killed_at_any_moment_is_completed_by_the_next(
    ensure: Ensure, folder: Folder, before: str, moment: int
) -> None:
    replace = before != "nothing"
    if replace:
        ensure(OTHER)
    child = os.fork()
    if not child:
        _kill_this_process_at(moment)
        ensure(replace=replace)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    key = files(folder).get("key.pem")
    alone = "cert.pem" not in files(folder)

    assert not find_too_open(folder)
    ensure(replace=replace)
    if key and alone:
        assert files(folder)["key.pem"] == key, "a key that the killed run left is gone on with"
    require_whole(folder)
    assert not ensure().changed
    assert set(files(folder)) <= {"cert.pem", "key.pem", ".lock"}


def _kill_this_process_at(moment: int) -> None:
    """Have this process killed at its nth step that a file system would remember."""
    left = [moment]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return step

    for name in ("replace", "unlink", "fsync", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))


def test_leftovers_of_a_killed_run_are_gone_after_the_next_change(ensure: Ensure, folder: Folder) -> None:
    ensure()
    Path(folder.path, ".clusterlink-x").write_bytes(b"a key perhaps")
    os.unlink(folder.certificate)
    ensure()
    assert set(files(folder)) == {"cert.pem", "key.pem"}


def test_a_leafs_key_stays_when_its_certificate_is_recreated(issuer: Issuer, now: datetime, tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "east"))

    def run(request: LeafRequest) -> Result:
        return ensure_files(
            folder,
            lambda found: decide_leaf(found, issuer.certificate, request, now),
            lambda decision: make_leaf(request, issuer, now, decision.key),
            check=False,
        )

    run(LeafRequest("east"))
    before = files(folder)
    result = run(LeafRequest("east", subject={"country": "NL"}))
    assert result.changed
    after = files(folder)
    assert after["key.pem"] == before["key.pem"]
    assert after["cert.pem"] != before["cert.pem"]
    run(LeafRequest("east", key=KeySpec("rsa", 2048), subject={"country": "NL"}))
    assert files(folder)["key.pem"] != before["key.pem"]
    require_whole(folder)


def _make(path: str, now: datetime, results: Any) -> None:
    folder = Folder(path)
    result = ensure_files(
        folder,
        lambda found: decide_ca(found, REQUEST, now),
        lambda decision: make_ca(REQUEST, now, decision.key),
        check=False,
    )
    results.put((result.changed, result.values()["fingerprint"]))


def test_runs_at_the_same_time_make_one_ca_between_them(folder: Folder, now: datetime) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    runs = [context.Process(target=_make, args=(folder.path, now, results)) for _turn in range(6)]
    for run in runs:
        run.start()
    outcomes = [results.get(timeout=60) for _run in runs]
    for run in runs:
        run.join()
    assert sorted(changed for changed, _fingerprint in outcomes) == [False] * 5 + [True]
    assert len({fingerprint for _changed, fingerprint in outcomes}) == 1
    require_whole(folder)
    assert set(files(folder)) == {"cert.pem", "key.pem"}


def test_content_is_returned_and_nothing_is_written(
    now: datetime, pair: Callable[..., Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(found: Any, *, check: bool = False) -> Result:
        return ensure_content(
            found,
            lambda given: decide_ca(given, REQUEST, now),
            lambda decision: make_ca(REQUEST, now, decision.key),
            check=check,
        )

    planned = run(pair(), check=True)
    assert planned.changed
    assert planned.contents == {}

    made = run(pair()).contents
    assert set(made) == {"certificate", "privatekey"}
    kept = pair(certificate=made["certificate"].encode(), key=made["privatekey"].encode())
    again = run(kept)
    assert not again.changed
    assert again.contents == {"certificate": made["certificate"]}

    resumed = run(pair(key=made["privatekey"].encode()))
    assert set(resumed.contents) == {"certificate"}, "a key that was given is not given back"
    assert list(tmp_path.iterdir()) == []


def test_no_result_holds_a_key_unless_content_is_asked_for(ensure: Ensure) -> None:
    result = ensure()
    assert "PRIVATE" not in f"{result!r}{result.values()}{result.diff()}"


def test_removal_is_predicted_done_and_done_once(ensure: Ensure, folder: Folder) -> None:
    ensure()
    planned = remove_files(folder, check=True)
    assert planned.changed
    assert os.path.exists(folder.key)
    done = remove_files(folder, check=False, backup_stamp=None)
    assert done.values()["removed"] == planned.values()["removed"] == list(folder.files)
    assert done.diff() == {"before": {"files": list(folder.files)}, "after": {"files": []}}
    assert not os.path.exists(folder.path)
    assert not remove_files(folder, check=False).changed


def test_removal_can_keep_backups(ensure: Ensure, folder: Folder) -> None:
    ensure()
    removal = remove_files(folder, check=False, backup_stamp="stamp")
    assert sorted(files(folder)) == ["cert.pem.stamp~", "key.pem.stamp~"]
    assert removal.values()["backup_files"] == [f"{path}.stamp~" for path in folder.files]


def test_what_cannot_be_read_can_still_be_removed(folder: Folder, ensure: Ensure) -> None:
    ensure()
    Path(folder.key).write_bytes(b"garbage")
    assert remove_files(folder, check=False).changed
