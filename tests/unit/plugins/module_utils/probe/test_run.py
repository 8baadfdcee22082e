# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods a probe uses, when it asks again, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.exec import CommandMissingError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.pod_settings import PodSettings
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.client_pod import TEMPORARY_NAME, Client
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.run import Result, untried

from .pods import Object, Pods, Shell, one, pod


def test_all_probes_of_one_client_cost_one_list_and_one_command(ask: Callable[..., list[Result]]) -> None:
    pods, shell = Pods(pod("frontend-0")), Shell(True)
    results = ask(pods, shell, one("a"), one("b", count=2), one("c"))
    assert [(result.ok, len(result.answers)) for result in results] == [(True, 1), (True, 2), (True, 1)]
    assert len(pods.lists) == len(shell.commands) == 1


def test_refused_requests_are_retried_until_they_are_answered(
    ask: Callable[..., list[Result]], naps: list[float]
) -> None:
    shell = Shell(False, False, True)
    (result,) = ask(Pods(pod("frontend-0")), shell)
    assert result.ok
    assert len(shell.commands) == 3
    assert naps == [0.25, 0.5]


def test_only_what_failed_is_asked_again(ask: Callable[..., list[Result]]) -> None:
    other = Client("default", labels={"app": "other"})
    pods = Pods(pod("frontend-0"), pod("other-0", app="other"))
    shell = Shell(True, False, True)
    results = ask(pods, shell, one("a"), one("b", client=other))
    assert all(result.ok for result in results)
    assert sorted(name for name, _words in shell.commands[:2]) == ["frontend-0", "other-0"]
    assert len(shell.commands) == 3


def test_attempts_end_with_the_time_and_keep_the_last_answers(
    ask: Callable[..., list[Result]], naps: list[float]
) -> None:
    (result,) = ask(Pods(pod("frontend-0")), Shell(False), wait=3)
    assert not result.ok
    assert "1 of 1 requests were not answered: curl: refused" in result.summary()
    assert sum(naps) <= 3


def test_without_time_there_is_one_attempt(ask: Callable[..., list[Result]]) -> None:
    shell = Shell(False)
    ask(Pods(pod("frontend-0")), shell, wait=0)
    assert len(shell.commands) == 1


def test_refusal_that_is_expected_is_waited_for(ask: Callable[..., list[Result]]) -> None:
    (result,) = ask(Pods(pod("frontend-0")), Shell(True, True, False), one(expect="refused"))
    assert result.ok


def test_pod_without_a_shell_is_passed_over(ask: Callable[..., list[Result]]) -> None:
    missing = CommandMissingError(Problem("Pod default/a container app", "there is no 'sh' in its image"))
    (result,) = ask(Pods(pod("a"), pod("b")), Shell(missing, True))
    assert result.ok
    assert result.as_dict()["pod"] == {"namespace": "default", "name": "b", "container": "app"}


def test_pods_without_a_shell_are_not_asked_again_and_the_fix_is_reported(ask: Callable[..., list[Result]]) -> None:
    missing = CommandMissingError(Problem("Pod default/a container app", "there is no 'sh' in its image"))
    shell = Shell(missing)
    (result,) = ask(Pods(*(pod(name) for name in "abcde")), shell)
    assert (result.ok, result.probed) == (False, False)
    assert len(shell.commands) == 3
    assert "there is no 'sh'" in result.summary()
    assert "set such an image for a temporary pod" in result.summary()


def test_pod_that_is_not_ready_or_going_is_not_used(ask: Callable[..., list[Result]]) -> None:
    shell = Shell(True)
    ask(Pods(pod("a", ready=False), pod("b", going=True), pod("c")), shell)
    assert [name for name, _words in shell.commands] == ["c"]


def test_pod_that_runs_as_the_service_account_is_preferred(ask: Callable[..., list[Result]]) -> None:
    shell = Shell(True)
    client = Client("default", labels={"app": "frontend"}, service_account="shop")
    ask(Pods(pod("a"), pod("b", account="shop")), shell, one(client=client))
    assert [name for name, _words in shell.commands] == ["b"]


def test_pod_that_is_not_ready_yet_is_waited_for(ask: Callable[..., list[Result]], naps: list[float]) -> None:
    pods = Pods(pod("a", ready=False))
    (result,) = ask(pods, Shell(True), wait=2)
    assert not result.probed
    assert len(naps) > 1
    assert "a (Running, not ready; app=frontend)" in result.fault


def test_missing_client_is_not_waited_for_and_the_pods_that_are_there_are_named(
    ask: Callable[..., list[Result]], naps: list[float]
) -> None:
    (result,) = ask(Pods(pod("web-0", app="web")), Shell(True))
    assert (result.ok, result.probed, naps) == (False, False, [])
    assert "pods with app=frontend in namespace default" in result.fault
    assert "web-0 (Running; app=web)" in result.fault


def test_probe_without_a_client_asks_nobody(ask: Callable[..., list[Result]]) -> None:
    pods, shell = Pods(pod("a")), Shell(True)
    (result,) = ask(pods, shell, one(client=None))
    assert (result.probed, pods.lists, shell.commands) == (False, [], [])


FORBIDDEN = ApiError(Problem("Pod default/a", "the API server does not run a command in it"), status=403)


def test_invalid_credentials_stop_everything(ask: Callable[..., list[Result]]) -> None:
    with pytest.raises(ApiError):
        ask(Pods(pod("a")), Shell(ApiError(Problem("Pod default/a", "unauthorized"), status=401)))


def test_where_commands_are_forbidden_nothing_is_tried_and_the_way_out_is_named(
    ask: Callable[..., list[Result]], naps: list[float]
) -> None:
    (result,) = ask(Pods(pod("a")), Shell(FORBIDDEN))
    assert (result.ok, result.probed, naps) == (False, False, [])
    assert "default/web was not tried" in result.summary()
    assert "set an image for temporary pods" in result.summary()


class ReportingPods(Pods):
    """Pods that run their command when they are made, as a kubelet would: HTTP is answered once, then no more."""

    def apply(self, obj: Object) -> Object:
        made = super().apply(obj)
        words = obj["spec"]["containers"][0]["command"]
        if words[0] == "sh":
            made["status"] = {
                "phase": "Succeeded",
                "containerStatuses": [{"name": TEMPORARY_NAME, "state": self.report(words)}],
            }
        return made

    @staticmethod
    def report(words: list[str]) -> Object:
        separator, mark, count = words[3], words[8], int(words[16])
        out = f"\n{mark}\nHTTP/1.1 200 OK\r\n\r\nhello" * count
        return {"terminated": {"message": f"{out}\n{separator}\n" + f"\n{mark} 0 1.00 1.01\n" * count}}


def test_where_commands_are_forbidden_temporary_pods_report_by_themselves(ask: Callable[..., list[Result]]) -> None:
    pods, shell = ReportingPods(), Shell(FORBIDDEN)
    results = ask(pods, shell, one("a", count=5), one("b", count=4), one("c", count=20), image="curl:8")
    assert [(result.ok, len(result.answers)) for result in results] == [(True, 5), (True, 4), (True, 8)]
    assert len(shell.commands) == 1, "it is forbidden the next time too"
    assert len(pods.made) == len(pods.removed) == 4, "one to run commands in, and one for each eight requests"
    spec = pods.made[1]["spec"]
    assert spec["containers"][0]["volumeMounts"] == [{"name": "probe", "mountPath": "/probe"}]
    assert pods.made[1]["metadata"]["labels"]["app"] == "frontend"


def test_pod_that_reports_nothing_is_not_tried(ask: Callable[..., list[Result]]) -> None:
    class Mute(ReportingPods):
        @staticmethod
        def report(words: list[str]) -> Object:  # noqa: ARG004
            return {"terminated": {"exitCode": 127, "message": "head: not found"}}

    pods = Mute()
    (result,) = ask(pods, Shell(FORBIDDEN), image="curl:8", wait=0)
    assert "reports no result" in result.summary()
    assert not result.probed
    assert len(pods.removed) == 2


def test_temporary_pod_has_the_labels_is_restricted_and_never_ready(ask: Callable[..., list[Result]]) -> None:
    pods = Pods()
    ask(pods, Shell(True), one("a"), one("b"), image="curl:8")
    (made,) = pods.made
    assert made["metadata"]["labels"]["app"] == "frontend"
    spec = made["spec"]
    assert spec["readinessGates"]
    assert spec["activeDeadlineSeconds"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pods.removed == [made["metadata"]["name"]]


def test_temporary_pod_leaves_its_ids_to_openshift(ask: Callable[..., list[Result]]) -> None:
    pods = Pods()
    pods.groups.append("security.openshift.io")
    ask(pods, Shell(True), image="curl:8")
    (made,) = pods.made
    assert made["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_temporary_pod_goes_where_the_clusters_owner_wants_pods(ask: Callable[..., list[Result]]) -> None:
    pods = Pods()
    settings = PodSettings(
        node_selector={"pool": "edge"}, labels={"app": "mine", "team": "net"}, annotations={"a": "b"}
    )
    ask(pods, Shell(True), one("a"), image="curl:8", settings=settings)
    [made] = pods.made
    assert made["spec"]["nodeSelector"] == {"pool": "edge"}
    assert made["metadata"]["annotations"]["a"] == "b"
    assert made["metadata"]["labels"]["team"] == "net"
    assert made["metadata"]["labels"]["app"] == "frontend"  # access policies select clients by their own labels
    assert made["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"


def test_temporary_pod_is_removed_after_a_failure(ask: Callable[..., list[Result]]) -> None:
    pods = Pods()
    with pytest.raises(ApiError):
        ask(pods, Shell(ApiError(Problem("Pod", "no"), status=401)), image="curl:8")
    assert len(pods.removed) == 1


def test_temporary_pod_that_cannot_start_says_why_and_is_removed(ask: Callable[..., list[Result]]) -> None:
    class Broken(Pods):
        def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
            waiting = {"reason": "ErrImagePull", "message": "no such image"}
            found = super().get(kind, name, namespace)
            return {
                **(found or {}),
                "status": {"containerStatuses": [{"name": TEMPORARY_NAME, "state": {"waiting": waiting}}]},
            }

    pods = Broken()
    with pytest.raises(ClusterlinkError, match="ErrImagePull: no such image"):
        ask(pods, Shell(True), image="curl:8")
    assert len(pods.removed) == 1


@pytest.mark.parametrize(
    ("client", "selector"),
    [
        (Client("default"), ""),
        (Client("default", labels={"b": "2", "a": "1"}), "a=1,b=2"),
        (
            Client(
                "default",
                expressions=(
                    {"key": "a", "operator": "In", "values": ["1", "2"]},
                    {"key": "b", "operator": "NotIn", "values": ["3"]},
                    {"key": "c", "operator": "Exists", "values": None},
                    {"key": "d", "operator": "DoesNotExist", "values": None},
                ),
            ),
            "a in (1,2),b notin (3),c,!d",
        ),
    ],
)
def test_selector_is_written_as_the_api_takes_it(client: Client, selector: str) -> None:
    assert client.selector == selector


def test_refusal_comes_from_a_pod_that_runs_as_the_account(ask: Callable[..., list[Result]]) -> None:
    client = Client("default", service_account="default", strict=True)
    shell = Shell(False)
    (result,) = ask(Pods(pod("a", account="shop"), pod("b")), shell, one(client=client, expect="refused"))
    assert [name for name, _words in shell.commands] == ["b"]
    assert result.summary() == "default/web is refused, as expected (from Pod default/b container app)"
    (missing,) = ask(Pods(pod("a", account="shop")), shell, one(client=client, expect="refused"))
    assert "pods with any labels and service account default in namespace default" in missing.fault
    (answered,) = ask(Pods(pod("b")), Shell(True), one(client=client, expect="refused"))
    assert answered.summary().endswith("and none should be (from Pod default/b container app)")


def test_refusals_that_were_not_tried_are_one_warning(ask: Callable[..., list[Result]]) -> None:
    results = [
        *ask(Pods(), Shell(True), one("a", expect="refused"), one("b", expect="refused"), one("c")),
        *ask(Pods(), Shell(True), one("open", expect="refused", client=None)),
    ]
    refusals, answer = sorted(untried(results))
    assert refusals.startswith("It was not tried whether default/a, default/b can be refused: client: no pod")
    assert answer.startswith("default/c was not tried: ")
    assert results[-1].summary() == "default/open refuses no client: every pod is allowed"
