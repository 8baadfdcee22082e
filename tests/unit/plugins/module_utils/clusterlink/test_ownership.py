# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an object is."""

from __future__ import annotations

from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.ownership import (
    is_ours,
    not_ours,
    other_managers,
)

OURS = {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}


def deployment(labels: dict[str, str] | None = None, *managers: tuple[str, str]) -> dict[str, Any]:
    fields = [{"manager": manager, "subresource": subresource} for manager, subresource in managers]
    metadata = {"name": "cl-dataplane", "namespace": "links", "labels": labels, "managedFields": fields}
    return {"kind": "Deployment", "metadata": metadata}


def test_what_carries_our_label_is_ours_whoever_else_wrote_to_it() -> None:
    obj = deployment(OURS, ("kubectl-edit", ""))
    assert is_ours(obj)
    assert not_ours(obj) is None


def test_what_was_made_by_something_else_is_a_problem_that_names_it() -> None:
    labels = {"app.kubernetes.io/managed-by": "clusterlink.net"}
    problem = not_ours(deployment(labels, ("cl-operator", ""), ("kube-controller-manager", "status")))
    assert problem is not None
    assert problem.where == "Deployment links/cl-dataplane"
    assert problem.found == "managed by cl-operator"
    assert "force_conflicts" in problem.fix


def test_an_object_without_labels_or_managers_is_not_ours() -> None:
    problem = not_ours({"kind": "Namespace", "metadata": {"name": "links"}})
    assert problem is not None
    assert problem.where == "Namespace links"
    assert problem.found == "managed by an unknown manager"


def test_we_and_those_who_only_report_a_status_do_not_count_as_managers() -> None:
    obj = deployment(None, ("skyshift.clusterlink", ""), ("kubelet", "status"), ("b", ""), ("a", ""), ("a", ""))
    assert other_managers(obj) == ["a", "b"]
