# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for single objects on a real API server; what came of it is proven with kubectl.

No gateway runs here: where a module waits for a condition, kubectl sets it, as the gateway would.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.ansible import Ansible, Call
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crds")]

CLIENT = {"client.clusterlink.net/labels.app": "frontend"}
SERVICE = {"export.clusterlink.net/name": "web"}


@dataclass(frozen=True)
class Case:
    """One module: arguments, the spec that they mean, other arguments, a change by hand, and the object's resource."""

    module: str
    args: dict[str, Any]
    spec: dict[str, Any]
    other: dict[str, Any]
    other_spec: dict[str, Any]
    drift: dict[str, Any]
    resource: str
    cluster_wide: bool = False


CASES = [
    Case(
        "peer",
        {"gateway_host": "192.0.2.1", "gateway_port": 443},
        {"gateways": [{"host": "192.0.2.1", "port": 443}]},
        {"gateways": [{"host": "192.0.2.2", "port": 443}, {"host": "gateway.example.com", "port": 8443}]},
        {"gateways": [{"host": "192.0.2.2", "port": 443}, {"host": "gateway.example.com", "port": 8443}]},
        {"gateways": [{"host": "198.51.100.1", "port": 1}]},
        "peers",
    ),
    Case(
        "service_export",
        {"port": 80},
        {"port": 80},
        {"port": 8080, "service_host": "db.example.com"},
        {"port": 8080, "host": "db.example.com"},
        {"port": 1},
        "exports",
    ),
    Case(
        "service_import",
        {"port": 80, "sources": [{"peer": "east"}, {"peer": "west", "export_name": "shop", "export_namespace": "eu"}]},
        {
            "port": 80,
            "lbScheme": "round-robin",
            "sources": [
                {"peer": "east", "exportName": "NAME", "exportNamespace": "NAMESPACE"},
                {"peer": "west", "exportName": "shop", "exportNamespace": "eu"},
            ],
        },
        {"port": 81, "sources": [{"peer": "east"}], "lb_scheme": "static", "target_port": 10001},
        {
            "port": 81,
            "lbScheme": "static",
            "targetPort": 10001,
            "sources": [{"peer": "east", "exportName": "NAME", "exportNamespace": "NAMESPACE"}],
        },
        {"lbScheme": "random"},
        "imports",
    ),
    Case(
        "access_policy",
        {"from": [{"labels": {"app": "frontend"}}], "to": [{"service": "web"}]},
        {
            "action": "allow",
            "from": [{"workloadSelector": {"matchLabels": CLIENT}}],
            "to": [{"workloadSelector": {"matchLabels": SERVICE}}],
        },
        {"action": "deny", "from": [{}], "to": [{"workloadSelector": {"matchLabels": SERVICE}}]},
        {
            "action": "deny",
            "from": [{"workloadSelector": {}}],
            "to": [{"workloadSelector": {"matchLabels": SERVICE}}],
        },
        {"action": "deny"},
        "accesspolicies",
    ),
    Case(
        "access_policy",
        {"tier": "privileged", "from": [{}], "to": [{"labels": {"stage": "test"}}]},
        {
            "action": "allow",
            "from": [{"workloadSelector": {}}],
            "to": [{"workloadSelector": {"matchLabels": {"export.clusterlink.net/labels.stage": "test"}}}],
        },
        {"tier": "privileged", "action": "deny", "from": [{}], "to": [{}]},
        {"action": "deny", "from": [{"workloadSelector": {}}], "to": [{"workloadSelector": {}}]},
        {"action": "deny"},
        "privilegedaccesspolicies",
        cluster_wide=True,
    ),
]
IDS = ["peer", "service_export", "service_import", "access_policy", "privileged"]


class Subject:
    """The object of one test: its module, with the arguments that name it, and kubectl's view of it."""

    def __init__(self, case: Case, run: Ansible, kubectl: Kubectl, namespace: str) -> None:
        self.case = case
        self.name = f"obj-{uuid.uuid4().hex[:8]}"
        self.namespace = "" if case.cluster_wide else namespace
        self._run = run
        self._kubectl = kubectl

    def task(self, args: Mapping[str, Any], **how: bool) -> Call:
        place = {"namespace": self.namespace} if self.namespace else {}
        tier = {"tier": "privileged"} if self.case.cluster_wide else {}
        return self._run.task(self.case.module, {"name": self.name, "wait": False, **place, **tier, **args}, **how)

    def each(self, *calls: Call) -> list[dict[str, Any]]:
        """The results of tasks that all have to succeed."""
        results = self._run.each(*calls)
        for result in results:
            assert not result.get("failed"), result.get("msg")
        return results

    def module(self, args: Mapping[str, Any], **how: bool) -> dict[str, Any]:
        return self.each(self.task(args, **how))[0]

    def failure(self, args: Mapping[str, Any]) -> dict[str, Any]:
        result = self._run.each(self.task(args))[0]
        assert result.get("failed"), result
        return result

    def kubectl(self, verb: str, *arguments: str, check: bool = True) -> str:
        place = [f"--namespace={self.namespace}"] if self.namespace else []
        return self._kubectl(verb, self.case.resource, self.name, *place, *arguments, check=check)

    def there(self) -> dict[str, Any] | None:
        found = self.kubectl("get", "--ignore-not-found", "--output=json")
        return json.loads(found) if found else None

    def spec(self) -> dict[str, Any]:
        there = self.there()
        assert there is not None
        spec: dict[str, Any] = there["spec"]
        return spec

    def named(self, spec: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(spec).replace('"NAMESPACE"', f'"{self.namespace}"').replace('"NAME"', f'"{self.name}"')
        named: dict[str, Any] = json.loads(text)
        return named


@pytest.fixture(autouse=True)
def peers(crds: None, kubectl: Kubectl, namespace: str) -> None:  # noqa: ARG001  # its kinds
    """The peers that imports name."""
    for name in ("east", "west"):
        spec = {"gateways": [{"host": "192.0.2.1", "port": 443}]}
        metadata = {"name": name, "namespace": namespace}
        kubectl.apply({"apiVersion": "clusterlink.net/v1alpha1", "kind": "Peer", "metadata": metadata, "spec": spec})


@pytest.fixture(params=CASES, ids=IDS)
def subject(request: pytest.FixtureRequest, run_module: Ansible, kubectl: Kubectl, namespace: str) -> Iterator[Subject]:
    """An object of each module in turn."""
    found = Subject(request.param, run_module, kubectl, namespace)
    yield found
    found.kubectl("delete", "--ignore-not-found")


def subject_of(module: str, run: Ansible, kubectl: Kubectl, namespace: str) -> Subject:
    return Subject(next(case for case in CASES if case.module == module), run, kubectl, namespace)


def test_object_is_made_kept_repaired_changed_and_removed(subject: Subject) -> None:
    case, there, other = subject.case, subject.task(subject.case.args), subject.task(subject.case.other)
    absent = {"state": "absent"}

    predicted, made, again = subject.each(subject.task(case.args, check=True), there, there)
    # Here and below: that the run does what check mode predicted shows that check mode had not done it.
    assert (predicted["changed"], predicted["reason"]) == (True, "it does not exist")
    assert (made["changed"], made["reason"]) == (True, "it does not exist")
    assert (again["changed"], again["reason"], again["diff"]) == (False, "", [])
    assert subject.spec() == subject.named(case.spec) == made["spec"]
    assert predicted["diff"] == made["diff"]

    subject.kubectl("patch", "--type=merge", f"--patch={json.dumps({'spec': case.drift})}")
    predicted, repaired, changed, again = subject.each(
        subject.task(case.args, check=True), there, subject.task(case.other, own_process=True), other
    )
    assert (predicted["changed"], repaired["changed"]) == (True, True)
    assert predicted["reason"] == repaired["reason"]
    assert next(iter(case.drift)) in repaired["reason"]
    assert repaired["spec"] == subject.named(case.spec)
    assert (changed["changed"], again["changed"]) == (True, False)
    assert subject.spec() == subject.named(case.other_spec) == changed["spec"]

    predicted, gone, again = subject.each(
        subject.task(absent, check=True), subject.task({**absent, "wait": True}), subject.task(absent)
    )
    assert (predicted["changed"], gone["changed"]) == (True, True)
    assert gone["reason"] == "it exists and must be absent"
    assert subject.there() is None
    assert (again["changed"], again["reason"]) == (False, "")


def test_labels_are_set_and_removed_and_those_of_others_stay(
    run_module: Ansible, kubectl: Kubectl, namespace: str
) -> None:
    subject = subject_of("service_export", run_module, kubectl, namespace)
    subject.module({**subject.case.args, "labels": {"region": "eu", "stage": "test"}})
    subject.kubectl("label", "theirs=kept")
    changed = subject.module({**subject.case.args, "labels": {"region": "us"}})
    there = subject.there()
    assert there is not None
    ours = {"app.kubernetes.io/managed-by": "skyshift.clusterlink", "region": "us"}
    assert there["metadata"]["labels"] == {**ours, "theirs": "kept"} == changed["labels"]
    assert changed["reason"] == "metadata.labels.region, metadata.labels.stage differ"


def test_field_of_another_manager_is_an_error_that_names_it_unless_forced(
    run_module: Ansible, kubectl: Kubectl, namespace: str
) -> None:
    subject = subject_of("service_import", run_module, kubectl, namespace)
    subject.module(subject.case.args)
    there = subject.there()
    assert there is not None
    metadata = {"name": subject.name, "namespace": namespace}
    theirs = {**{key: there[key] for key in ("apiVersion", "kind", "spec")}, "metadata": metadata}
    theirs["spec"] = {**theirs["spec"], **subject.case.drift}
    kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=gitops",
        "--filename=-",
        stdin=json.dumps(theirs),
    )

    refused = subject.failure(subject.case.args)
    assert "gitops" in refused["msg"]
    assert subject.spec() == theirs["spec"]

    assert subject.module({**subject.case.args, "force_conflicts": True})["changed"]
    assert subject.spec() == subject.named(subject.case.spec)


def test_object_of_a_declaration_stays_its_own(run_module: Ansible, kubectl: Kubectl, namespace: str) -> None:
    subject = subject_of("peer", run_module, kubectl, namespace)
    owned = {"app.kubernetes.io/managed-by": "skyshift.clusterlink", "skyshift.clusterlink/fabric": "demo"}
    subject.module(subject.case.args)
    subject.kubectl("label", *(f"{key}={value}" for key, value in owned.items()))
    changed = subject.module(subject.case.other)
    assert changed["changed"]
    there = subject.there()
    assert there is not None
    assert there["metadata"]["labels"].items() >= owned.items()
    assert "declaration of the fabric demo" in " ".join(changed["warnings"])


def test_import_whose_peer_is_missing_is_refused_and_only_warned_of_where_it_may_come(
    run_module: Ansible, kubectl: Kubectl, namespace: str
) -> None:
    subject = subject_of("service_import", run_module, kubectl, namespace)
    args = {"port": 80, "sources": [{"peer": "nowhere-1"}]}
    refused = subject.failure({**args, "wait": True})
    assert "nowhere-1" in refused["msg"]
    assert subject.there() is None

    for result in subject.each(subject.task({**args, "wait": True}, check=True), subject.task(args)):
        assert result["changed"]
        assert "nowhere-1" in " ".join(result["warnings"])
    assert subject.there() is not None


def test_peer_that_imports_use_is_removed_only_by_force(run_module: Ansible, kubectl: Kubectl, namespace: str) -> None:
    user = subject_of("service_import", run_module, kubectl, namespace)
    user.module(user.case.args)
    peer = subject_of("peer", run_module, kubectl, namespace)
    peer.name = "west"

    refused = peer.failure({"state": "absent"})
    assert f"Import {namespace}/{user.name}" in refused["msg"]
    assert peer.there() is not None

    forced = peer.module({"state": "absent", "force": True})
    assert forced["changed"]
    assert f"Import {namespace}/{user.name}" in " ".join(forced["warnings"])
    assert peer.there() is None


@pytest.mark.parametrize(
    ("module", "conditions"),
    [
        ("peer", {"PeerReachable": "True"}),
        ("service_export", {"ExportValid": "True"}),
        ("service_import", {"ImportTargetPortValid": "True", "ImportServiceValid": "True"}),
    ],
)
def test_conditions_are_waited_for(
    run_module: Ansible, kubectl: Kubectl, namespace: str, module: str, conditions: dict[str, str]
) -> None:
    subject = subject_of(module, run_module, kubectl, namespace)

    def answer() -> None:
        while subject.there() is None:
            time.sleep(0.1)
        set_conditions(subject, conditions)

    gateway = threading.Thread(target=answer)
    gateway.start()
    result = subject.module({**subject.case.args, "wait": True, "wait_timeout": 60})
    gateway.join()
    assert result["changed"]
    assert {each["type"]: each["status"] for each in result["conditions"]} == conditions


def test_what_does_not_become_ready_fails_and_says_why_and_what_was_changed(
    run_module: Ansible, kubectl: Kubectl, namespace: str
) -> None:
    subject = subject_of("service_export", run_module, kubectl, namespace)
    subject.module(subject.case.args)
    set_conditions(subject, {"ExportValid": "False"}, message="export service does not exist")
    result = subject.failure({"port": 81, "wait": True, "wait_timeout": 2})
    assert result["changed"]
    assert result["spec"] == {"port": 81}
    assert "export service does not exist" in result["msg"]


def set_conditions(subject: Subject, conditions: dict[str, str], message: str = "") -> None:
    entries = [
        {
            "type": name,
            "status": status,
            "reason": "Test",
            "message": message,
            "lastTransitionTime": "2025-01-31T12:00:00Z",
        }
        for name, status in conditions.items()
    ]
    patch = json.dumps({"status": {"conditions": entries}})
    subject.kubectl("patch", "--subresource=status", "--type=merge", f"--patch={patch}")
