# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bodies are answers of a Kubernetes v1.34 API server."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError, Request, api_error

PATCH = Request("patch", "Import", "web", "a")
LIST = Request("list", "Import")


def refused(request: Request, status: int, message: str = "", **details: Any) -> ApiError:
    body = {"kind": "Status", "apiVersion": "v1", "message": message, "code": status, "details": details}
    return api_error(request, status, json.dumps(body).encode(), "https://api:6443")


def test_missing_permission_names_user_verb_kind_and_place() -> None:
    message = (
        'imports.clusterlink.net is forbidden: User "bob" cannot list resource "imports" '
        'in API group "clusterlink.net" at the cluster scope'
    )
    problem = refused(LIST, 403, message).problems[0]
    assert problem.what == "the user bob is not permitted to list imports.clusterlink.net in all namespaces"


def test_missing_permission_to_create_is_named_though_a_patch_was_sent() -> None:
    message = 'imports "web" is forbidden: User "bob" cannot create resource "imports" in API group "clusterlink.net"'
    problem = refused(PATCH, 403, message).problems[0]
    assert problem.what == "the user bob is not permitted to create imports.clusterlink.net in namespace a"


def test_permission_for_a_part_of_an_object_is_named_as_such() -> None:
    message = 'pods "p" is forbidden: User "bob" cannot get resource "pods/log" in API group "" in the namespace "a"'
    problem = refused(Request("get", "Pod", "p", "a"), 403, message).problems[0]
    assert problem.what == "the user bob is not permitted to get pods/log in namespace a"


def test_what_is_true_of_a_kind_is_the_same_problem_for_each_of_its_objects() -> None:
    one, other = (Request("patch", "Import", name, "a") for name in ("web", "api"))
    message = 'imports "{}" is forbidden: User "bob" cannot patch resource "imports" in API group "clusterlink.net"'
    assert (
        refused(one, 403, message.format("web")).problems[0] == refused(other, 403, message.format("api")).problems[0]
    )
    unserved = [api_error(request, 404, b"404 page not found", "u").problems[0] for request in (one, other)]
    assert unserved[0] == unserved[1]


def test_refusal_for_another_reason_than_permissions_is_not_called_one() -> None:
    message = 'imports "web" is forbidden: unable to create new content in namespace a because it is being terminated'
    problem = refused(PATCH, 403, message).problems[0]
    assert "permitted" not in problem.what
    assert problem.found == message


def test_unknown_user_must_check_the_credentials() -> None:
    anonymous = refused(LIST, 403, 'imports is forbidden: User "system:anonymous" cannot list resource "imports"')
    for error in (anonymous, refused(LIST, 401, "Unauthorized")):
        assert error.problems[0].where == "https://api:6443"
        assert "does not accept the credentials" in error.problems[0].what


def test_kind_that_is_not_served_is_distinguished_from_an_object_that_is_not_there() -> None:
    unserved = api_error(PATCH, 404, b"404 page not found\n", "https://api:6443")
    missing = refused(PATCH, 404, 'imports "web" not found', name="web", kind="imports")
    assert (unserved.served, missing.served) == (False, True)
    assert "does not serve the kind Import of clusterlink.net/v1alpha1" in unserved.message()


def test_missing_namespace_is_distinguished_from_a_missing_object() -> None:
    error = refused(PATCH, 404, 'namespaces "a" not found', name="a", kind="namespaces")
    assert error.missing_namespace == "a"
    own = refused(Request("patch", "Namespace", "a"), 404, 'namespaces "a" not found', name="a", kind="namespaces")
    assert own.missing_namespace == ""


def test_conflict_names_every_other_manager_with_its_fields() -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "helm" using v1', "field": ".spec.port"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "argo" using v1', "field": ".spec.sources"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "helm" using v1', "field": ".spec.lbScheme"},
    ]
    error = refused(PATCH, 409, "Apply failed with 3 conflicts", causes=causes)
    assert error.managers == {"argo", "helm"}
    assert error.problems[0].found == "argo manages .spec.sources; helm manages .spec.lbScheme, .spec.port"
    assert "force_conflicts" in error.problems[0].fix


def test_conflict_of_another_sort_is_not_put_down_to_managers() -> None:
    error = refused(PATCH, 409, "the object has been modified")
    assert error.managers == frozenset()
    assert error.problems[0].found == "the object has been modified"


def test_other_refusals_carry_the_servers_own_words() -> None:
    assert refused(PATCH, 422, "spec.port: Invalid value: 0").problems[0].found == "spec.port: Invalid value: 0"
    assert api_error(PATCH, 502, b"<html>Bad Gateway</html>", "u").problems[0].found == "<html>Bad Gateway</html>"
    assert api_error(PATCH, 500, b"", "u").problems[0].found == "HTTP status 500"
