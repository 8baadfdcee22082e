# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors for responses in which the API server refuses a request, with what to do about them.

The shapes are those of the Kubernetes API: a C(Status) object with C(reason), C(message) and C(details.causes)
(apimachinery, pkg/apis/meta/v1/types.go). The response for a path that no API serves is plain text instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.kinds import KINDS
from ..errors import ClusterlinkError, Problem

_DENIED = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"( in API group "(?P<group>[^"]*)")?'
)
_AGAINST_SCHEMA = re.compile(r"failed to create typed \w+ object")
"""How the API server's message begins when a field of an apply is unknown or of a wrong type; the status is 500
(apimachinery, pkg/util/managedfields/internal/structuredmerge.go)."""
_OTHER_MANAGER = re.compile(r'conflict with "(?P<manager>[^"]+)"')

HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404
HTTP_CONFLICT = 409
HTTP_GONE = 410
HTTP_SERVER_ERROR = 500


@dataclass(frozen=True)
class Request:
    """A request to the API, for errors that name it; the verb is one of RBAC's (list, get, patch, delete)."""

    verb: str
    kind: str
    name: str = ""
    namespace: str = ""

    @property
    def where(self) -> str:
        """The object as C(Import default/web), or the kind that was listed as C(imports.clusterlink.net)."""
        if not self.name:
            return f"{KINDS[self.kind].resource}{self.place}"
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def place(self) -> str:
        """Its scope as C( in namespace a) or C( in all namespaces); empty for a cluster-wide kind."""
        if self.namespace:
            return f" in namespace {self.namespace}"
        return " in all namespaces" if KINDS[self.kind].namespaced else ""


class ApiError(ClusterlinkError):
    """The API server refuses a request.

    Attributes:
        status: The HTTP status.
        served: False when no API serves the kind, so a CustomResourceDefinition is missing.
        missing_namespace: The namespace that the object needs and that does not exist; otherwise empty.
        managers: The field managers of fields that an apply sets to other values.
        may_be_processed_before: Whether the server may have processed an earlier attempt whose response was lost.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        status: int,
        served: bool = True,
        missing_namespace: str = "",
        managers: Iterable[str] = (),
    ) -> None:
        super().__init__(problem)
        self.status = status
        self.served = served
        self.missing_namespace = missing_namespace
        self.managers = frozenset(managers)
        self.may_be_processed_before = False


def api_error(request: Request, status: int, body: bytes, server: str, tried: str = "") -> ApiError:
    """The error for a response that is not a success.

    Args:
        request: The request.
        status: The HTTP status.
        body: The response's body.
        server: The API server's URL.
        tried: How often and how long it was tried, as C(retry) says.
    """
    answer = _decode(body)
    message = str(answer.get("message") or body.decode(errors="replace").strip()[:500] or f"HTTP status {status}")
    if status == HTTP_UNAUTHORIZED or (status == HTTP_FORBIDDEN and 'User "system:anonymous"' in message):
        return ApiError(_not_authenticated(server), status=status)
    if status == HTTP_FORBIDDEN:
        return ApiError(_forbidden(request, message), status=status)
    if status == HTTP_NOT_FOUND:
        return _not_found(request, answer, message)
    if status == HTTP_CONFLICT:
        return _conflict(request, answer, message)
    if is_against_schema(status, body):
        what = "the API server does not accept its fields"
        fix = "Correct the value, or bring the cluster or the CustomResourceDefinition to a supported version"
        return ApiError(Problem(where=request.where, what=what, found=message, fix=fix), status=status)
    what = f"the API server {server} responds with status {status}"
    return ApiError(Problem(where=request.where, what=what, found=message + tried), status=status)


def is_against_schema(status: int, body: bytes) -> bool:
    """Whether the API server rejects the fields of an apply, although the status is that of an overloaded server.

    Args:
        status: The HTTP status.
        body: The response's body.
    """
    return status == HTTP_SERVER_ERROR and bool(_AGAINST_SCHEMA.match(str(_decode(body).get("message"))))


def _decode(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _not_authenticated(server: str) -> Problem:
    return Problem(
        where=server,
        what="the API server does not accept the credentials",
        fix="Check the kubeconfig's user, or api_key, or client_cert and client_key; they may have expired",
    )


def _forbidden(request: Request, message: str) -> Problem:
    denied = _DENIED.search(message)
    if not denied:
        # Not RBAC: a namespace that is being deleted, a quota, a Pod Security Standard, an admission webhook.
        return Problem(where=request.where, what="the API server forbids it", found=message)
    # The kind is named, not the object, so that many objects give one problem.
    resource = ".".join(part for part in (denied["resource"], denied["group"]) if part)
    return Problem(
        where=f"{resource}{request.place}",
        what=f"the user {denied['user']} is not permitted to {denied['verb']} {resource}{request.place}",
        fix="Grant the permission to this user, or connect as one that has it",
    )


def _not_found(request: Request, answer: Mapping[str, Any], message: str) -> ApiError:
    if answer.get("kind") != "Status":
        kind = KINDS[request.kind]
        problem = Problem(
            where=kind.resource,
            what=f"the cluster does not serve the kind {request.kind} of {kind.api_version}",
            fix=kind.not_served_fix,
        )
        return ApiError(problem, status=HTTP_NOT_FOUND, served=False)
    details = answer.get("details") or {}
    if details.get("kind") == "namespaces" and request.kind != "Namespace":
        namespace = str(details.get("name", request.namespace))
        problem = Problem(
            where=request.where,
            what=f"its namespace {namespace} does not exist",
            fix="Create the namespace, or correct the declaration",
        )
        return ApiError(problem, status=HTTP_NOT_FOUND, missing_namespace=namespace)
    return ApiError(Problem(where=request.where, what="it does not exist", found=message), status=HTTP_NOT_FOUND)


def _conflict(request: Request, answer: Mapping[str, Any], message: str) -> ApiError:
    fields: dict[str, list[str]] = {}
    for cause in (answer.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "FieldManagerConflict":
            other = _OTHER_MANAGER.search(cause.get("message", ""))
            fields.setdefault(other["manager"] if other else "another manager", []).append(cause.get("field", ""))
    if not fields:
        problem = Problem(where=request.where, what="the API server reports a conflict", found=message)
        return ApiError(problem, status=HTTP_CONFLICT)
    problem = Problem(
        where=request.where,
        what="another field manager sets these fields to other values",
        found="; ".join(f"{manager} manages {', '.join(sorted(names))}" for manager, names in sorted(fields.items())),
        fix="Remove the fields from that manager's configuration, or set force_conflicts to take them over",
    )
    return ApiError(problem, status=HTTP_CONFLICT, managers=fields)
