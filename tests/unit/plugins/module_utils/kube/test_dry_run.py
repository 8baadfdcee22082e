# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The managedFields are in the form that a Kubernetes v1.34 API server writes them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError, Problem
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.apply import Prune, apply_objects
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.compare import (
    Writer,
    creation,
    difference,
    removal,
    writers,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.dry_run import Step, drift_of

Object = dict[str, Any]
OURS = "skyshift.clusterlink"


def entry(manager: str, operation: str, time: str, fields: Object, subresource: str = "") -> Object:
    return {
        "manager": manager,
        "operation": operation,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **({"subresource": subresource} if subresource else {}),
    }


def deployment(replicas: int, *entries: Object, labels: Object | None = None) -> Object:
    metadata = {"name": "d", "namespace": "a", "labels": {"x": "y"} if labels is None else labels}
    spec = {"replicas": replicas, "paused": True}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, "managedFields": list(entries)},
        "spec": spec,
    }


LABEL: Object = {"f:metadata": {"f:labels": {"f:x": {}}}}
REPLICAS: Object = {"f:spec": {"f:replicas": {}}}
STATUS = entry("kube-controller-manager", "Update", "2026-01-03T00:00:00Z", REPLICAS, "status")
DECLARED = deployment(1, entry(OURS, "Apply", "2026-01-01T00:00:00Z", {**LABEL, **REPLICAS}))


def step(observed: Object, outcome: Object | None = None) -> Step:
    outcome = outcome or DECLARED
    ref = Ref("Deployment", "d", "a")
    return Step(ref, outcome, observed, outcome=outcome, difference=difference(observed, outcome))


@pytest.mark.parametrize(
    ("manager", "operation", "conflict"),
    [
        ("kubectl-scale", "Update", False),
        ("kubectl", "Update", False),
        ("gitops", "Apply", True),
        ("some-operator", "Update", True),
        ("kubectl-client-side-apply", "Update", True),
    ],
)
def test_a_changed_field_names_who_holds_it_and_whether_that_is_another_system(
    manager: str, operation: str, conflict: bool
) -> None:
    observed = deployment(
        5,
        entry(OURS, "Apply", "2026-01-01T00:00:00Z", LABEL),
        entry(manager, operation, "2026-01-02T00:00:00Z", REPLICAS),
        entry("bystander", "Update", "2026-01-04T00:00:00Z", {"f:spec": {"f:paused": {}}}),
        STATUS,
    )
    drift = drift_of(step(observed))
    assert drift.as_dict() == {
        "kind": "Deployment",
        "name": "d",
        "namespace": "a",
        "drift": "changed",
        "before": {"spec": {"replicas": 5}},
        "after": {"spec": {"replicas": 1}},
        "by": [{"manager": manager, "operation": operation, "time": "2026-01-02T00:00:00Z"}],
        "conflict": conflict,
    }


def test_a_declaration_that_changed_since_names_ourselves_and_is_no_conflict() -> None:
    drift = drift_of(step(deployment(5, entry(OURS, "Apply", "2026-01-01T00:00:00Z", {**LABEL, **REPLICAS}))))
    assert [writer.manager for writer in drift.by] == [OURS]
    assert not drift.conflict


def test_an_object_of_somebody_else_is_a_conflict_whoever_holds_its_fields(memory_cluster: Any) -> None:
    theirs, wanted = ({**DECLARED, "spec": {"replicas": count}} for count in (5, 1))
    cluster = memory_cluster(theirs)

    def guard(_obj: Object) -> Problem:
        return Problem("Deployment a/d", "it is not ours")

    with pytest.raises(ClusterlinkError, match="it is not ours"):
        apply_objects(cluster, [wanted], check=True, guard=guard)
    [drift] = apply_objects(cluster, [wanted], check=True, force=True, guard=guard).drift
    assert drift.conflict
    [drift] = apply_objects(cluster, [wanted], check=True, force=True).drift
    assert not drift.conflict


def test_nobody_is_named_for_a_field_that_was_taken_out() -> None:
    drift = drift_of(step(deployment(1, entry(OURS, "Apply", "2026-01-01T00:00:00Z", REPLICAS), labels={})))
    assert (drift.kind, drift.by, drift.conflict) == ("changed", (), False)
    assert drift.difference.after == {"metadata": {"labels": {"x": "y"}}}


def test_a_field_whose_value_is_right_but_which_others_took_names_them() -> None:
    observed = deployment(
        1,
        entry(OURS, "Apply", "2026-01-01T00:00:00Z", LABEL),
        entry("kubectl-edit", "Update", "2026-01-02T00:00:00Z", REPLICAS),
    )
    assert drift_of(step(observed)).by == (Writer("kubectl-edit", "Update", "2026-01-02T00:00:00Z"),)


def test_the_latest_writer_comes_first() -> None:
    observed = deployment(
        5,
        entry("kubectl-label", "Update", "2026-01-02T00:00:00Z", LABEL),
        entry("kubectl-scale", "Update", "2026-01-03T00:00:00Z", REPLICAS),
        labels={"x": "z"},
    )
    assert [writer.manager for writer in writers(observed, DECLARED)] == ["kubectl-scale", "kubectl-label"]


def test_what_is_not_there_is_missing_and_what_is_not_declared_is_extra() -> None:
    ref = Ref("Deployment", "d", "a")
    missing = drift_of(Step(ref, DECLARED, None, difference=creation(DECLARED)))
    assert (missing.kind, missing.by, missing.conflict) == ("missing", (), False)
    observed = deployment(1, entry("somebody", "Apply", "2026-01-02T00:00:00Z", REPLICAS), STATUS)
    extra = drift_of(Step(ref, None, observed, difference=removal(observed)))
    assert (extra.kind, [writer.manager for writer in extra.by]) == ("extra", ["somebody"])


def test_no_value_of_a_secret_is_said() -> None:
    metadata = {"name": "s", "namespace": "a"}
    secret = {"apiVersion": "v1", "kind": "Secret"}
    fields: Object = {"f:data": {"f:key.pem": {}}}
    observed = {
        **secret,
        "metadata": {**metadata, "managedFields": [entry("kubectl-edit", "Update", "", fields)]},
        "data": {"key.pem": "dGhlaXJz"},
    }
    outcome = {
        **secret,
        "metadata": {**metadata, "managedFields": [entry(OURS, "Apply", "", fields)]},
        "data": {"key.pem": "b3Vycw=="},
    }
    said = drift_of(step(observed, outcome)).as_dict()
    assert said["by"][0]["manager"] == "kubectl-edit"
    assert said["before"]["data"]["key.pem"].startswith("sha256 ")
    assert "dGhlaXJz" not in str(said)
    assert "b3Vycw" not in str(said)


@pytest.mark.parametrize("check", [True, False])
def test_applying_says_the_drift_that_it_repairs_or_would(memory_cluster: Any, check: bool) -> None:
    def peer(name: str, host: str) -> Object:
        labels = {"owner": "us"}
        return {
            "apiVersion": "clusterlink.net/v1alpha1",
            "kind": "Peer",
            "metadata": {"name": name, "namespace": "a", "labels": labels},
            "spec": {"gateways": [{"host": host, "port": 443}]},
        }

    cluster = memory_cluster(peer("same", "h"), peer("changed", "theirs"), peer("extra", "h"))
    wanted = [peer("same", "h"), peer("changed", "ours"), peer("missing", "h")]
    result = apply_objects(cluster, wanted, check=check, prune=Prune(("Peer",), {"owner": "us"}))
    assert {(drift.ref.name, drift.kind) for drift in result.drift} == {
        ("changed", "changed"),
        ("missing", "missing"),
        ("extra", "extra"),
    }
    assert [each["name"] for each in result.as_values()["drift"]] == [drift.ref.name for drift in result.drift]
