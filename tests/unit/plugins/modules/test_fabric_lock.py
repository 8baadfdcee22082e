# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fabric_lock tells and whose Leases it has kept; the clusters are not real, and no process is started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock import guard
from ansible_collections.skyshift.clusterlink.plugins.module_utils.lock.fabric_lock import FabricLock
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome
from ansible_collections.skyshift.clusterlink.plugins.modules import fabric_lock
from tests.unit.plugins.module_utils.lock.leases import Leases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BROKEN = ClusterlinkError(Problem("kubeconfig nowhere", "there is no such file"))


class Run:
    """A run of Ansible on clusters east and west.

    Attributes:
        kept: The clusters whose Leases got a daemon.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clusters = {"east": Leases(), "west": Leases()}
        self.kept: list[str] = []
        monkeypatch.setattr(fabric_lock, "acquire_in_daemon", self._acquire)

    def __call__(
        self,
        holder: str = "ada",
        *,
        check: bool = False,
        broken: Mapping[str, ClusterlinkError] | None = None,
        unread: frozenset[str] = frozenset(),
        **given: Any,
    ) -> Outcome:
        validated = ArgumentSpecValidator(fabric_lock.TASK.argument_spec).validate({"fabric": "demo", **given})
        assert validated.error_messages == []
        clusters: dict[str, Any] = {**self.clusters, **(broken or {})}
        run = fabric_lock.ThisRun(holder, clusters, lambda _words: None, unread)
        return fabric_lock.lock(validated.validated_parameters, Mode(check=check), run)

    def _acquire(self, lock: FabricLock, notify: Callable[[str], None]) -> None:
        lock.acquire(notify)
        self.kept += lock.acquired


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def test_what_is_taken_is_kept_once_and_reported_and_is_no_change(run: Run) -> None:
    for _again in range(2):
        outcome = run()
        assert outcome.values == {"holder": "ada", "clusters": ["east", "west"], "unlocked": []}
        assert (outcome.changed, outcome.warnings, run.kept) == (False, [], ["east", "west"])
    given_back = run(state="absent")
    assert (given_back.values["clusters"], given_back.warnings) == ([], [])
    assert [cluster.hold() for cluster in run.clusters.values()] == ["", ""]


def test_check_mode_takes_nothing_and_warns_of_who_has_it(run: Run) -> None:
    outcome = run(check=True)
    assert (outcome.values["clusters"], outcome.warnings, run.kept) == ([], [], [])
    assert run.clusters["east"].asked == ["get"]
    run()
    (warning,) = run("bob", check=True).warnings
    assert warning.startswith("Fabric demo is locked in east, west by ada since 20")
    run("ada", check=True, state="absent")
    assert run.clusters["east"].hold() == "ada"


def test_another_run_is_an_error_that_names_it(run: Run) -> None:
    run()
    with pytest.raises(ClusterlinkError, match=r"another run works on it in east, west \(found: ada since"):
        run("bob", timeout=0)
    assert run.kept == ["east", "west"]


def test_a_cluster_without_a_connection_is_named_and_the_others_are_locked(run: Run) -> None:
    outcome = run(broken={"west": BROKEN})
    assert (outcome.values["clusters"], outcome.values["unlocked"], run.kept) == (["east"], ["west"], ["east"])
    assert outcome.warnings == ["Fabric demo is not locked in west: kubeconfig nowhere: there is no such file."]
    assert run(state="absent", broken={"west": BROKEN}).warnings == []


def test_a_cluster_that_the_preflight_could_not_read_is_not_asked_nor_said_again_nor_written_to(run: Run) -> None:
    broken = {"north": BROKEN, "south": BROKEN}
    outcome = run(broken=broken, unread=frozenset(("west", "north", "other")))
    assert outcome.warnings == ["Fabric demo is not locked in south: kubeconfig nowhere: there is no such file."]
    assert (outcome.values["clusters"], outcome.values["unlocked"]) == (["east"], ["west", "north", "south"])
    assert run.clusters["west"].asked == []
    server = run.clusters["west"].server
    with pytest.raises(ClusterlinkError, match="it could not be locked: the cluster could not be read"):
        guard.require_lock(server, "/api/v1/namespaces")
    run(state="absent", unread=frozenset(("west",)))
    guard.require_lock(server, "/api/v1/namespaces")


@pytest.mark.parametrize(
    ("given", "wrong"), [({"timeout": -1}, "timeout"), ({"duration": 2}, "duration"), ({"fabric": "a b"}, "fabric")]
)
def test_what_makes_no_sense_is_refused(run: Run, given: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ClusterlinkError) as caught:
        run(**given)
    assert [problem.where for problem in caught.value.problems] == [wrong]
    assert run.clusters["east"].asked == []


def test_a_process_of_its_own_is_refused() -> None:
    with pytest.raises(ClusterlinkError, match="runs only in Ansible's own process on the controller"):
        fabric_lock.TASK.run({}, Mode())
