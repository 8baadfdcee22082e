# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster's API: objects as dictionaries, paths from C(kinds).

No discovery, no models and no dynamic client, which would cost more than a task that has nothing to change.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..clusterlink.api import FIELD_MANAGER
from .errors import HTTP_NOT_FOUND, ApiError, Request, api_error
from .kinds import KINDS, path
from .transport import Transport

if TYPE_CHECKING:
    import urllib3

Object = dict[str, Any]

_PAGE = 500
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


class Listing(list[Object]):
    """The objects of a kind.

    Attributes:
        served: False when the cluster does not know the kind, as its CustomResourceDefinition is missing.
        resource_version: Where a watch may go on from; empty when the kind is not served.
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
    """A connection to one cluster, made by C(connection.connect); to be closed, best with C(with).

    Attributes:
        server: The API server's URL, without a slash at its end.
        tls: The TLS settings, for a connection that is made otherwise (a websocket); None for a plain http server.
        configuration: The C(kubernetes) package's configuration (proxy, names). Its key files are gone: use C(tls).
    """

    def __init__(self, transport: Transport, configuration: Any = None) -> None:
        """Take what C(connection.connect) made."""
        self.server = transport.server
        self.tls = transport.tls
        self.configuration = configuration
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
        """Seconds by which the API server's clock was ahead of this machine's at its latest answer; None if unknown.

        It is what is certain whatever time the answer took; 0 when both clocks may be the same.
        """
        return self._transport.clock

    def auth_headers(self) -> urllib3.HTTPHeaderDict:
        """The headers that authenticate a request now; they are secret."""
        return self._transport.headers()

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """The object, or None when it, its namespace or its kind is not there.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It cannot be talked to.
        """
        try:
            return self._transport.call(Request("get", kind, name, namespace), "GET", path(kind, name, namespace))
        except ApiError as error:
            if error.status == HTTP_NOT_FOUND:
                return None
            raise

    def list(self, kind: str, namespace: str = "", label_selector: str = "", field_selector: str = "") -> Listing:
        """All objects of a kind, with C(kind) and C(apiVersion) filled in.

        Args:
            kind: A key of C(kinds.KINDS).
            namespace: Only in this namespace; empty for all.
            label_selector: As the API takes it: C(a=b,c=d).
            field_selector: As the API takes it: C(metadata.name=x).

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It cannot be talked to.
        """
        request = Request("list", kind, "", namespace)
        query = _present(labelSelector=label_selector, fieldSelector=field_selector, limit=_PAGE)
        items: list[Object] = []
        version = ""
        while True:
            try:
                page = self._transport.call(request, "GET", path(kind, "", namespace), query)
            except ApiError as error:
                if error.served:
                    raise
                return Listing([], served=False)
            items += page.get("items") or []
            # The first page's: what a watch from there on tells twice does no harm, what it misses would.
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
            obj: The fields wanted, with C(apiVersion), C(kind) and C(metadata).
            force: Take over fields that another manager wants otherwise.
            dry_run: Let the server do everything but keep it.

        Returns:
            The whole object as the server has it then.

        Raises:
            ApiError: The API server refuses; a conflict names the other managers and the fields.
            ClusterUnreachableError: It cannot be talked to.
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
        """Make an object that is not there yet.

        Raises:
            ApiError: The API server refuses; status 409 when it is there, which a try whose answer was lost may have
                brought about.
            ClusterUnreachableError: It cannot be talked to.
        """
        return self._put("create", "POST", obj, "", dry_run=dry_run)

    def replace(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Write an object as a whole, as long as its C(metadata.resourceVersion) is still the given one.

        Raises:
            ApiError: The API server refuses; status 409 when somebody has written it since, which a try whose answer
                was lost may have done, and 404 when it is not there.
            ClusterUnreachableError: It cannot be talked to.
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
        """Merge C(body) into an object that is there (JSON merge patch: None removes a field, lists are replaced).

        Raises:
            ApiError: The API server refuses, or the object is not there.
            ClusterUnreachableError: It cannot be talked to.
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
        """Ask for an object's removal; what it owns is removed in the background.

        Args:
            kind: A key of C(kinds.KINDS).
            name: The object.
            namespace: Its namespace.
            uid: Remove only this very object, not one that was made again under the same name.
            version: Remove it only while this is its resourceVersion.
            orphan: What it owns stays, and belongs to nobody then.
            grace: How many seconds a pod may take to end, in place of its own.
            dry_run: Only check that it would be done.

        Returns:
            Whether it was there. It was, when it is gone after a try whose answer was lost: somebody else may have
            removed it in that moment, but it is as it was asked for.

        Raises:
            ApiError: The API server refuses.
            ClusterUnreachableError: It cannot be talked to.
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
                return error.may_be_done_before and not dry_run
            raise
        return True

    def watch(
        self, kind: str, namespace: str = "", *, resource_version: str, seconds: int, field_selector: str = ""
    ) -> Generator[Event]:
        """What happens to the objects of a kind from a version on, for at most C(seconds).

        A watch that has begun and breaks is not begun again: whoever watches lists anew and goes on.

        Raises:
            ApiError: The API server refuses; status 410 when the version is too old to go on from.
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
