# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's folder on several controllers, and one Secret; the certificates are real, the API server is not."""

from __future__ import annotations

import copy
import itertools
import stat
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import fingerprint
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import key_pem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki_files import disk
from ansible_collections.skyshift.clusterlink.plugins.module_utils.store.secret import FabricSecret
from ansible_collections.skyshift.clusterlink.plugins.module_utils.store.sync import FabricStore

NOW = datetime(2030, 6, 15, 12, 0, 0, tzinfo=timezone.utc)
ONE, OTHER = make_ca(CaRequest("demo"), NOW), make_ca(CaRequest("demo"), NOW)
FILES = {"cert.pem": ONE.certificate_pem, "key.pem": key_pem(ONE.key), "east/cert.pem": b"east", "east/key.pem": b"key"}
REF = Ref("Secret", "clusterlink-fabric-demo", "vault")


class Secrets:
    """An API server with at most one Secret: versions count up, and a write of another version is refused."""

    def __init__(self) -> None:
        self.secret: dict[str, Any] | None = None
        self.writes = 0
        self.namespaces = {"vault"}
        self.lose_answers = 0
        self.meanwhile: Callable[[], None] | None = None
        self._numbers = itertools.count(1)

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        assert Ref(kind, name, namespace) == REF
        return copy.deepcopy(self.secret)

    def create(self, obj: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        self._before_write()
        if obj["metadata"]["namespace"] not in self.namespaces:
            raise ApiError(Problem("Secret", "no namespace"), status=404, missing_namespace="vault")
        if self.secret:
            raise ApiError(Problem("Secret", "conflict"), status=409)
        metadata = {**obj["metadata"], "uid": f"uid-{next(self._numbers)}"}
        return self._keep({**obj, "metadata": metadata}, dry_run=dry_run)

    def replace(self, obj: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        self._before_write()
        if not self.secret:
            raise ApiError(Problem("Secret", "not found"), status=404)
        if self.secret["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise ApiError(Problem("Secret", "conflict"), status=409)
        return self._keep(obj, dry_run=dry_run)

    def delete(self, _kind: str, _name: str, _namespace: str, *, uid: str, version: str, dry_run: bool) -> bool:
        self._before_write()
        if not self.secret:
            return False
        metadata = self.secret["metadata"]
        if (metadata["uid"], metadata["resourceVersion"]) != (uid, version):
            raise ApiError(Problem("Secret", "conflict"), status=409)
        if not dry_run:
            self.secret = None
        return True

    def _before_write(self) -> None:
        hook, self.meanwhile = self.meanwhile, None
        if hook:
            hook()

    def _keep(self, obj: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        kept = copy.deepcopy(obj)
        kept["metadata"]["resourceVersion"] = str(next(self._numbers))
        if not dry_run:
            self.secret, self.writes = copy.deepcopy(kept), self.writes + 1
        if self.lose_answers:
            # What the transport does then: it sends the same again, and tells what comes of that.
            self.lose_answers -= 1
            raise ApiError(Problem("Secret", "conflict"), status=409)
        return kept


class Controller:
    """One controller's folder of fabric demo."""

    def __init__(self, path: Path, secrets: Secrets) -> None:
        self.folder = path / "demo"
        self._secrets = secrets

    def __call__(self, *, check: bool = False, fabric: str = "demo") -> FabricStore:
        secret = FabricSecret(self._secrets, REF, fabric)
        return FabricStore(disk.Folder(str(self.folder)), secret, check)

    def put(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def files(self) -> dict[str, bytes]:
        paths = [path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def controller(tmp_path: Path, secrets: Secrets) -> Callable[[str], Controller]:
    return lambda name: Controller(tmp_path / name, secrets)


@pytest.fixture
def first(controller: Callable[[str], Controller]) -> Controller:
    """A controller with a fabric that is saved."""
    made = controller("first")
    for name, content in FILES.items():
        made.put(name, content)
    made().save()
    return made


@pytest.fixture
def second(first: Controller, controller: Callable[[str], Controller]) -> Controller:
    """Another controller that has loaded it."""
    assert first.files() == FILES
    made = controller("second")
    made().load()
    return made


def test_an_empty_folder_is_given_every_file_for_its_owner_only(second: Controller) -> None:
    assert second.files() == FILES
    modes = {stat.S_IMODE(path.stat().st_mode) for path in second.folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (second.folder, second.folder / "east")} == {0o700}


def test_a_second_time_changes_nothing(second: Controller, secrets: Secrets) -> None:
    writes = secrets.writes
    for done in (second().load(), second().save(), second().load()):
        assert done.before == done.after == FILES
    assert secrets.writes == writes


def test_check_mode_says_the_same_and_writes_nothing(
    controller: Callable[[str], Controller], second: Controller, secrets: Secrets
) -> None:
    third = controller("third")
    assert third(check=True).load().after == FILES
    assert not third.folder.exists()
    third(check=True).save()  # an earlier task would have loaded it
    second.put("west/key.pem", b"w")
    before = copy.deepcopy(secrets.secret)
    assert second(check=True).save().after.keys() - FILES.keys() == {"west/key.pem"}
    assert second(check=True).remove().before == FILES
    assert secrets.secret == before


def test_where_nothing_is_kept_the_folder_stays_and_will_be_saved(
    controller: Callable[[str], Controller], secrets: Secrets
) -> None:
    lone = controller("lone")
    lone.put("key.pem", b"k")
    assert lone().load().after == {}
    assert lone.files() == {"key.pem": b"k"}
    assert secrets.secret is None


def test_a_missing_namespace_is_an_error_before_anything_is_made(
    controller: Callable[[str], Controller], secrets: Secrets
) -> None:
    secrets.namespaces.clear()
    with pytest.raises(ApiError, match="no namespace"):
        controller("lone")().load()


def test_changes_go_from_one_controller_to_the_other(first: Controller, second: Controller) -> None:
    second.put("east/cert.pem", b"renewed")
    (second.folder / "east/key.pem").unlink()
    second.put("ca.next/cert.pem", b"next")
    second().save()
    first().load()
    assert first.files() == {
        **{name: FILES[name] for name in ("cert.pem", "key.pem")},
        "east/cert.pem": b"renewed",
        "ca.next/cert.pem": b"next",
    }


def test_a_folder_that_is_left_empty_goes_with_its_files(first: Controller, second: Controller) -> None:
    (second.folder / "east/key.pem").unlink()
    (second.folder / "east/cert.pem").unlink()
    second().save()
    first().load()
    assert not (first.folder / "east").exists()


def test_what_was_not_saved_yet_stays_when_loaded_again(second: Controller) -> None:
    second.put("west/key.pem", b"new")
    done = second().load()
    assert done.before == done.after
    assert second.files() == {**FILES, "west/key.pem": b"new"}


def test_two_that_loaded_the_same_cannot_both_save(first: Controller, second: Controller, secrets: Secrets) -> None:
    first.put("west/key.pem", b"of the first")
    second.put("west/key.pem", b"of the second")
    first().save()
    kept = copy.deepcopy(secrets.secret)
    for attempt in (second().save, second().load):
        with pytest.raises(ClusterlinkError, match="another run has saved since") as caught:
            attempt()
        assert "changed in the folder: west/key.pem; changed in the Secret: west/key.pem" in caught.value.message()
        assert "of the second" not in caught.value.message()
    assert secrets.secret == kept
    assert second.files()["west/key.pem"] == b"of the second"


def test_one_that_has_nothing_new_is_refused_too_when_another_has_saved(first: Controller, second: Controller) -> None:
    first.put("east/cert.pem", b"renewed")
    first().save()
    with pytest.raises(ClusterlinkError, match=r"changed in the Secret: east/cert\.pem"):
        second().save()  # it would go on to give a gateway the old certificate


def test_of_two_that_save_at_once_one_is_refused(first: Controller, second: Controller, secrets: Secrets) -> None:
    first.put("west/key.pem", b"of the first")
    second.put("north/key.pem", b"of the second")
    secrets.meanwhile = lambda: (first().save(), None)[1]
    with pytest.raises(ClusterlinkError, match="has just been changed by another run"):
        second().save()
    assert secrets.secret is not None
    assert "north__key.pem" not in secrets.secret["data"]


def test_a_try_whose_answer_was_lost_is_no_conflict(second: Controller, secrets: Secrets) -> None:
    second.put("west/key.pem", b"new")
    secrets.lose_answers = 1
    second().save()
    assert second().load().after == {**FILES, "west/key.pem": b"new"}


def test_a_folder_of_something_else_is_not_overwritten_and_both_cas_are_named(
    first: Controller, controller: Callable[[str], Controller], secrets: Secrets
) -> None:
    stranger = controller("stranger")
    stranger.put("cert.pem", OTHER.certificate_pem)
    kept = copy.deepcopy(secrets.secret)
    for attempt in (stranger().load, stranger().save):
        with pytest.raises(ClusterlinkError, match="was never loaded from") as caught:
            attempt()
        assert f"CA of the folder: {fingerprint(OTHER.certificate)}" in caught.value.message()
        assert f"CA of the Secret: {fingerprint(ONE.certificate)}" in caught.value.message()
        assert "move the folder to another place" in caught.value.message()
    assert stranger.files() == {"cert.pem": OTHER.certificate_pem}
    assert secrets.secret == kept
    assert first.files() == FILES


def test_a_file_that_the_secret_never_had_is_not_removed(
    first: Controller, controller: Callable[[str], Controller]
) -> None:
    stranger = controller("stranger")
    stranger.put("west/key.pem", b"mine")
    with pytest.raises(ClusterlinkError, match="was never loaded from"):
        stranger().load()
    assert stranger.files() == {"west/key.pem": b"mine"}
    assert first.files() == FILES


@pytest.mark.parametrize("count", range(len(FILES) + 1))
def test_a_load_that_was_killed_is_gone_on_with(
    first: Controller, controller: Callable[[str], Controller], count: int
) -> None:
    assert first.files() == FILES
    halfway = controller("halfway")
    for name in list(FILES)[:count]:
        halfway.put(name, FILES[name])
    halfway().load()
    assert halfway.files() == FILES
    halfway.put("west/key.pem", b"new")
    halfway().save()


@pytest.mark.parametrize("count", range(3))
def test_a_load_of_changes_that_was_killed_is_gone_on_with(first: Controller, second: Controller, count: int) -> None:
    changes = {"east/cert.pem": b"renewed", "west/key.pem": b"new"}
    for name, content in changes.items():
        first.put(name, content)
    first().save()
    for name in list(changes)[:count]:
        second.put(name, changes[name])
    second().load()
    assert second.files() == {**FILES, **changes}


def test_a_save_that_was_killed_before_it_was_marked_is_no_conflict(second: Controller) -> None:
    mark = second.folder / ".store.json"
    old = mark.read_bytes()
    second.put("west/key.pem", b"new")
    second().save()
    mark.write_bytes(old)
    second().load()
    second.put("west/key.pem", b"newer")
    second().save()


def test_a_folder_that_was_emptied_is_loaded_again_and_not_saved(second: Controller, secrets: Secrets) -> None:
    for path in second.folder.rglob("*.pem"):
        path.unlink()
    kept = copy.deepcopy(secrets.secret)
    with pytest.raises(ClusterlinkError, match="is empty, and Secret"):
        second().save()
    assert secrets.secret == kept
    second().load()
    assert second.files() == FILES


def test_a_secret_that_is_gone_is_recreated_with_a_warning(second: Controller, secrets: Secrets) -> None:
    secrets.secret = None
    second().load()
    done = second().save()
    assert secrets.secret is not None
    assert "was missing" in done.warnings[0]


def test_a_secret_that_another_system_recreated_is_not_taken_for_the_same(second: Controller, secrets: Secrets) -> None:
    assert secrets.secret is not None
    secrets.secret["metadata"]["uid"] = "another"
    second().load()  # the same content
    secrets.secret["metadata"]["uid"] = "yet another"
    secrets.secret["data"].pop("east__key.pem")
    with pytest.raises(ClusterlinkError, match="was never loaded from"):
        second().load()


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}])
def test_a_secret_of_somebody_else_is_left_alone(second: Controller, secrets: Secrets, labels: dict[str, str]) -> None:
    assert secrets.secret is not None
    secrets.secret["metadata"]["labels"] = labels
    for attempt in (second().load, second().save, second().remove):
        with pytest.raises(ClusterlinkError, match="does not belong to fabric demo of this collection"):
            attempt()
    assert secrets.secret is not None


def test_labels_of_others_stay(second: Controller, secrets: Secrets) -> None:
    assert secrets.secret is not None
    secrets.secret["metadata"]["labels"]["theirs"] = "x"
    second.put("west/key.pem", b"new")
    second().save()
    assert secrets.secret["metadata"]["labels"]["theirs"] == "x"


def test_it_is_removed_and_the_files_stay(second: Controller, secrets: Secrets) -> None:
    second().remove()
    assert secrets.secret is None
    assert second.files() == FILES
    assert not (second.folder / ".store.json").exists()
    assert second().remove().before == {}


def test_a_folder_with_nothing_in_it_goes_with_the_secret(second: Controller) -> None:
    for path in second.folder.rglob("*.pem"):
        path.unlink()
    (second.folder / "east").rmdir()
    second().remove()
    assert not second.folder.exists()


def test_leftovers_and_locks_are_not_kept(second: Controller, secrets: Secrets) -> None:
    second.put(".clusterlink-abc", b"half a key")
    second.put("east/.clusterlink-abc", b"half a key")
    second.put("west/key.pem", b"new")
    second().save()
    assert secrets.secret is not None
    assert not [key for key in secrets.secret["data"] if "clusterlink" in key or "store" in key or "lock" in key]


def test_check_mode_predicts_that_files_of_earlier_tasks_are_saved(tmp_path: Path) -> None:
    controller = Controller(tmp_path, Secrets())
    assert [controller(check=True).save(pending=new).changed for new in (False, True)] == [False, True]
    for name, content in FILES.items():
        controller.put(name, content)
    assert controller(check=True).save().changed
    controller().save()
    assert [controller(check=True).save(pending=new).changed for new in (False, True)] == [False, True]
    assert not controller().save(pending=True).changed  # they are written by now, and this compares them
