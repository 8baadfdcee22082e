# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of one cluster's API: objects are dictionaries, paths come from C(common.kinds).

It has no discovery, no models and no dynamic client. They would take longer than a task that has nothing to change.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..common.kinds import KINDS, path
from ..common.naming import FIELD_MANAGER
from ..common.types import Object
from .errors import HTTP_GONE, HTTP_NOT_FOUND, ApiError, Request, api_error
from .transport import Transport

if TYPE_CHECKING:
    import socket

    import urllib3


_PAGE = 500
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


class Listing(list[Object]):
    """The objects of a kind.

    Attributes:
        served: False when the cluster does not serve the kind, because its CustomResourceDefinition is missing.
        resource_version: Where a watch may start; empty when the kind is not served.
    """

    def __init__(self, items: list[Object], *, served: bool = True, resource_version: str = "") -> None:
        super().__init__(items)
        self.served = served
        self.resource_version = resource_version


@dataclass(frozen=True)
class Event:
    """One event of a watch: C(type) is ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Object


class Cluster:
    """A connection to one cluster, created by C(connection.connect). Close it, best with C(with).

    Attributes:
        server: The API server's URL, without a trailing slash.
        tls: The TLS settings of every connection; None for a plain http server.
    """

    def __init__(self, transport: Transport) -> None:
        """Use the transport of C(connection.connect)."""
        self.server = transport.server
        self.tls = transport.tls
        self._transport = transport

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    @property
    def clock(self) -> int | None:
        """Seconds by which the API server's clock was ahead of this machine's at its latest response; None if unknown.

        This is the certain part of the difference; 0 when both clocks may be the same.
        """
        return self._transport.clock

    def auth_headers(self) -> urllib3.HTTPHeaderDict:
        """The headers that authenticate a request now; they are secret."""
        return self._transport.headers()

    def open_socket(self, timeout: float) -> socket.socket:
        """A connection of its own to the API server, as requests reach it; as C(proxies.open_socket)."""
        return self._transport.open_socket(timeout)

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """The object, or None when it, its namespace or its kind does not exist.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It is unreachable.
        """
        try:
            return self._transport.call(Request("get", kind, name, namespace), "GET", path(kind, name, namespace))
        except ApiError as error:
            if error.status == HTTP_NOT_FOUND:
                return None
            raise

    def fetch(self, api_path: str) -> Object:
        """What the API server returns for a path, for discovery.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It is unreachable.
        """
        return self._transport.call(Request("get", "APIService", api_path), "GET", api_path)

    def list(self, kind: str, namespace: str = "", label_selector: str = "", field_selector: str = "") -> Listing:
        """All objects of a kind, with C(kind) and C(apiVersion) filled in.

        Args:
            kind: A key of C(common.kinds.KINDS).
            namespace: Only in this namespace; empty for all.
            label_selector: As the API takes it: C(a=b,c=d).
            field_selector: As the API takes it: C(metadata.name=x).

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It is unreachable.
        """
        request = Request("list", kind, "", namespace)
        query = _present(labelSelector=label_selector, fieldSelector=field_selector, limit=_PAGE)
        items: list[Object] = []
        version, again = "", False
        while True:
            try:
                page = self._transport.call(request, "GET", path(kind, "", namespace), query)
            except ApiError as error:
                if not error.served:
                    return Listing([], served=False)
                if error.status != HTTP_GONE or not query.pop("continue", ""):
                    raise
                # The token of the next page has expired: from the beginning, and the second time in one page.
                items, version = [], ""
                query = {key: value for key, value in query.items() if key != "limit" or not again}
                again = True
                continue
            items += page.get("items") or []
            # The first page's version: an event that is sent twice does no harm, a missed one would.
            version = version or page["metadata"].get("resourceVersion", "")
            query["continue"] = page["metadata"].get("continue", "")
            if not query["continue"]:
                break
        for item in items:
            item["kind"], item["apiVersion"] = kind, KINDS[kind].api_version
        return Listing(items, resource_version=version)

    def apply(self, obj: Mapping[str, Any], *, force: bool = False, dry_run: bool = False) -> Object:
        """Server-side apply with our field manager: create the object or set exactly these fields of it.

        Args:
            obj: The desired fields, with C(apiVersion), C(kind) and C(metadata).
            force: Take over fields that another manager sets to other values.
            dry_run: Let the server process the request without storing the result.

        Returns:
            The whole object as the server has it afterwards.

        Raises:
            ApiError: The API server refuses; a conflict names the other managers and the fields.
            ClusterUnreachableError: It is unreachable.
        """
        metadata = obj["metadata"]
        name, namespace = metadata["name"], metadata.get("namespace") or ""
        query = _present(
            fieldManager=FIELD_MANAGER,
            fieldValidation="Strict",
            force="true" if force else "",
            dryRun="All" if dry_run else "",
        )
        request = Request("patch", obj["kind"], name, namespace)
        return self._transport.call(
            request, "PATCH", path(obj["kind"], name, namespace), query, body=obj, content_type=_APPLY
        )

    def create(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Create an object.

        Raises:
            ApiError: The API server refuses; status 409 when the object exists. An attempt whose response was lost may
                have created it.
            ClusterUnreachableError: It is unreachable.
        """
        return self._put("create", "POST", obj, "", dry_run=dry_run)

    def replace(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Replace an object as a whole, as long as its C(metadata.resourceVersion) is still the given one.

        Raises:
            ApiError: The API server refuses; status 409 when the object has been written since, perhaps by an attempt
                whose response was lost, and 404 when it does not exist.
            ClusterUnreachableError: It is unreachable.
        """
        return self._put("update", "PUT", obj, obj["metadata"]["name"], dry_run=dry_run)

    def _put(self, verb: str, method: str, obj: Mapping[str, Any], in_path: str, *, dry_run: bool) -> Object:
        kind, namespace = obj["kind"], obj["metadata"].get("namespace") or ""
        query = _present(fieldManager=FIELD_MANAGER, fieldValidation="Strict", dryRun="All" if dry_run else "")
        request = Request(verb, kind, obj["metadata"]["name"], namespace)
        return self._transport.call(request, method, path(kind, in_path, namespace), query, body=obj)

    def patch(
        self,
        kind: str,
        name: str,
        namespace: str,
        body: Mapping[str, Any],
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Merge C(body) into an existing object (JSON merge patch: None removes a field, lists are replaced).

        Raises:
            ApiError: The API server refuses, or the object does not exist.
            ClusterUnreachableError: It is unreachable.
        """
        query = _present(fieldManager=FIELD_MANAGER, dryRun="All" if dry_run else "")
        request = Request("patch", kind, name, namespace)
        return self._transport.call(
            request, "PATCH", path(kind, name, namespace, subresource), query, body=body, content_type=_MERGE
        )

    def patch_status(self, kind: str, name: str, namespace: str, status: Mapping[str, Any]) -> Object:
        """Merge into an object's status, as the controller of another system would. Raises as C(patch) does."""
        return self.patch(kind, name, namespace, {"status": status}, subresource="status")

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        version: str = "",
        orphan: bool = False,
        grace: int | None = None,
        dry_run: bool = False,
    ) -> bool:
        """Delete an object; the objects that it owns are deleted in the background.

        Args:
            kind: A key of C(common.kinds.KINDS).
            name: The object.
            namespace: Its namespace.
            uid: Delete only the object with this UID, not one that was recreated under the same name.
            version: Delete it only while this is its resourceVersion.
            orphan: Keep the objects that it owns, without an owner.
            grace: Seconds that a pod may take to terminate, instead of its own grace period.
            dry_run: Only check that the deletion is possible.

        Returns:
            Whether the object existed. An object that is gone after an attempt whose response was lost counts as
            existing: somebody else may have deleted it in that moment, but the result is the same.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It is unreachable.
        """
        policy = "Orphan" if orphan else "Background"
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
        if uid or version:
            options["preconditions"] = _present(uid=uid, resourceVersion=version)
        if dry_run:
            options["dryRun"] = ["All"]
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        request = Request("delete", kind, name, namespace)
        try:
            self._transport.call(request, "DELETE", path(kind, name, namespace), body=options)
        except ApiError as error:
            if error.status == HTTP_NOT_FOUND:
                return error.may_be_processed_before and not dry_run
            raise
        return True

    def watch(
        self, kind: str, namespace: str = "", *, resource_version: str, seconds: int, field_selector: str = ""
    ) -> Generator[Event]:
        """Watch the objects of a kind from a version on, for at most C(seconds).

        A watch that breaks is not restarted: the caller lists the objects again and starts a new one.

        Raises:
            ApiError: The API server refuses; status 410 when the version is too old.
            ClusterUnreachableError: The connection broke.
        """
        request = Request("watch", kind, "", namespace)
        query = _present(
            watch="true",
            resourceVersion=resource_version,
            timeoutSeconds=max(1, seconds),
            fieldSelector=field_selector,
        )
        with closing(self._transport.lines(request, path(kind, "", namespace), query, seconds=seconds)) as lines:
            for line in lines:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise api_error(
                        request, event["object"].get("code", 0), json.dumps(event["object"]).encode(), self.server
                    )
                event["object"].setdefault("kind", kind)
                yield Event(event["type"], event["object"])


def _present(**query: str | int) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value != ""}
