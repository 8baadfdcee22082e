# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Secret in a management cluster that stores a fabric's folder: read, created, replaced and deleted as a whole.

Every write names the version of the Secret that it replaces, so of two writes at once the API server refuses one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..clusterlink import api
from ..clusterlink.ownership import is_ours
from ..common.kinds import Ref
from ..common.types import Object
from ..errors import ClusterlinkError, Problem
from ..kube.client import Cluster
from ..kube.errors import HTTP_CONFLICT, HTTP_NOT_FOUND, ApiError
from .snapshot import Files, pack, unpack


def default_name(fabric: str) -> str:
    """The Secret's default name; a fabric's name may have characters that an object's may not."""
    return "clusterlink-fabric-" + re.sub(r"[^a-z0-9]", "-", fabric.lower())


def require_one_cluster(params: Mapping[str, Any]) -> None:
    """Refuse connection options that name two clusters, since one of them may come from an environment variable.

    In other modules a host overrides a kubeconfig. Here that could write a CA's key to the wrong cluster.

    Args:
        params: A module's parameters, with those from K8S_AUTH variables.

    Raises:
        ClusterlinkError: They name two clusters.
    """
    named = [option for option in ("context", "kubeconfig") if params.get(option)]
    if params.get("host") and named:
        what = f"is given beside {' and '.join(named)}, so it is not clear which cluster stores the CA's key"
        fix = "Give one or the other; K8S_AUTH_HOST, K8S_AUTH_CONTEXT and K8S_AUTH_KUBECONFIG count, too"
        raise ClusterlinkError(Problem("host", what, params["host"], fix))


@dataclass(frozen=True)
class StoredFiles:
    """The content of a Secret.

    Attributes:
        files: The files of the fabric's folder.
        secret: The Secret, as the API server has it.
    """

    files: Files = field(repr=False)
    secret: Object = field(repr=False)

    @property
    def uid(self) -> str:
        """The Secret's UID, which changes when it is recreated under the same name."""
        return str(self.secret["metadata"]["uid"])


class OtherVersionError(Exception):
    """Somebody else has created, changed or deleted the Secret since it was read; nothing was written."""


@dataclass(frozen=True)
class FabricSecret:
    """A fabric's Secret.

    Attributes:
        cluster: The management cluster.
        ref: The Secret.
        fabric: The fabric's name.
    """

    cluster: Cluster
    ref: Ref
    fabric: str

    def read(self) -> StoredFiles | None:
        """Its content; None when it does not exist.

        Raises:
            ClusterlinkError: It cannot be read, is not this fabric's, or does not hold a fabric's folder.
        """
        secret = self.cluster.get(*self._place)
        if secret is None:
            return None
        owner = (secret["metadata"].get("labels") or {}).get(api.FABRIC_LABEL)
        if not is_ours(secret) or owner != self.fabric:
            raise ClusterlinkError(
                Problem(
                    str(self.ref),
                    f"exists already, and does not belong to fabric {self.fabric} of this collection",
                    f"fabric {owner}" if is_ours(secret) and owner else f"no label {api.MANAGED_BY_LABEL} of ours",
                    "Give another name or namespace for the Secret",
                )
            )
        return self._stored(secret)

    def create(self, files: Files, where: str, *, dry_run: bool) -> StoredFiles:
        """Create it.

        Args:
            files: Its content.
            where: The folder of the files, for messages.
            dry_run: Only check that it can be created: the namespace exists and the user has the permission.

        Raises:
            OtherVersionError: It exists by now.
            ClusterlinkError: It cannot be created.
        """
        labels = api.ownership_labels(self.fabric)
        metadata = {"name": self.ref.name, "namespace": self.ref.namespace, "labels": labels}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": metadata,
            "data": pack(files, where),
        }
        return self._written(files, lambda: self.cluster.create(secret, dry_run=dry_run))

    def replace(self, before: StoredFiles, files: Files, where: str, *, dry_run: bool) -> StoredFiles:
        """Replace its files; labels and annotations of others stay.

        Args:
            before: The content that was read.
            files: Its new content.
            where: As for C(create).
            dry_run: Only check that it can be written.

        Raises:
            OtherVersionError: It has changed since it was read.
            ClusterlinkError: It cannot be written.
        """
        secret = {**before.secret, "data": pack(files, where)}
        return self._written(files, lambda: self.cluster.replace(secret, dry_run=dry_run))

    def delete(self, before: StoredFiles, *, dry_run: bool) -> None:
        """Delete it.

        Raises:
            OtherVersionError: It has changed since it was read.
            ClusterlinkError: It cannot be deleted.
        """
        try:
            version = before.secret["metadata"]["resourceVersion"]
            self.cluster.delete(*self._place, uid=before.uid, version=version, dry_run=dry_run)
        except ApiError as error:
            if error.status == HTTP_CONFLICT:
                raise OtherVersionError from error
            raise

    @property
    def _place(self) -> tuple[str, str, str]:
        return self.ref.kind, self.ref.name, self.ref.namespace

    def _stored(self, secret: Object) -> StoredFiles:
        return StoredFiles(unpack(secret.get("data") or {}, str(self.ref)), secret)

    def _written(self, files: Files, write: Callable[[], Object]) -> StoredFiles:
        try:
            return self._stored(write())
        except ApiError as error:
            if error.status != HTTP_CONFLICT and (error.status != HTTP_NOT_FOUND or error.missing_namespace):
                raise
            # The response to an earlier attempt may be lost; then the retry finds its own write.
            found = self.read()
            if found is None or found.files != files:
                raise OtherVersionError from error
            return found
