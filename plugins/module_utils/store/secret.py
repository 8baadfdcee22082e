# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Secret of a management cluster that holds a fabric's folder: read, made, written and removed as a whole.

Every write says which version of the Secret it follows, so that of two runs at once one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..clusterlink import api
from ..clusterlink.ownership import is_ours
from ..common.kinds import Ref
from ..errors import ClusterlinkError, Problem
from ..kube.client import Cluster, Object
from ..kube.errors import HTTP_CONFLICT, HTTP_NOT_FOUND, ApiError
from .snapshot import Files, pack, unpack


def default_name(fabric: str) -> str:
    """The Secret's name unless it is given; a fabric's name may hold what an object's may not."""
    return "clusterlink-fabric-" + re.sub(r"[^a-z0-9]", "-", fabric.lower())


def require_one_cluster(params: Mapping[str, Any]) -> None:
    """Refuse connection options that name two clusters, one of them perhaps by a variable that is meant for another.

    Elsewhere a host wins over a kubeconfig. Here it would bring a CA's key to the wrong cluster.

    Args:
        params: A module's parameters, those from K8S_AUTH variables among them.

    Raises:
        ClusterlinkError: There are both.
    """
    named = [option for option in ("context", "kubeconfig") if params.get(option)]
    if params.get("host") and named:
        what = f"is given beside {' and '.join(named)}, so it is not clear which cluster is to keep the CA's key"
        fix = "Give one or the other; K8S_AUTH_HOST, K8S_AUTH_CONTEXT and K8S_AUTH_KUBECONFIG count, too"
        raise ClusterlinkError(Problem("host", what, params["host"], fix))


@dataclass(frozen=True)
class Kept:
    """What a Secret holds.

    Attributes:
        files: The fabric's folder.
        secret: The Secret, as the API server has it.
    """

    files: Files = field(repr=False)
    secret: Object = field(repr=False)

    @property
    def uid(self) -> str:
        """Which Secret it is; one that is made again under the same name is another."""
        return str(self.secret["metadata"]["uid"])


class OtherVersionError(Exception):
    """Somebody else made, wrote or removed the Secret since it was read; nothing was written."""


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

    def read(self) -> Kept | None:
        """What it holds; None when it is not there.

        Raises:
            ClusterlinkError: It cannot be read, is not this fabric's, or holds what cannot be a fabric's folder.
        """
        secret = self.cluster.get(*self._place)
        if secret is None:
            return None
        owner = (secret["metadata"].get("labels") or {}).get(api.FABRIC_LABEL)
        if not is_ours(secret) or owner != self.fabric:
            raise ClusterlinkError(
                Problem(
                    str(self.ref),
                    f"is there already, and is not what this collection keeps fabric {self.fabric} in",
                    f"fabric {owner}" if is_ours(secret) and owner else f"no label {api.MANAGED_BY_LABEL} of ours",
                    "Give another name or namespace for the Secret",
                )
            )
        return self._kept(secret)

    def create(self, files: Files, where: str, *, dry_run: bool) -> Kept:
        """Make it.

        Args:
            files: What it shall hold.
            where: The folder that they come from, for messages.
            dry_run: Only find out that it would be made, so that the namespace is there and the user may.

        Raises:
            OtherVersionError: It is there meanwhile.
            ClusterlinkError: It cannot be made.
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

    def replace(self, before: Kept, files: Files, where: str, *, dry_run: bool) -> Kept:
        """Let it hold other files; labels and annotations that others gave it stay.

        Args:
            before: What was read.
            files: What it shall hold.
            where: As for C(create).
            dry_run: Only find out that it would be written.

        Raises:
            OtherVersionError: It is not what was read any more.
            ClusterlinkError: It cannot be written.
        """
        secret = {**before.secret, "data": pack(files, where)}
        return self._written(files, lambda: self.cluster.replace(secret, dry_run=dry_run))

    def delete(self, before: Kept, *, dry_run: bool) -> None:
        """Remove it.

        Raises:
            OtherVersionError: It is not what was read any more.
            ClusterlinkError: It cannot be removed.
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

    def _kept(self, secret: Object) -> Kept:
        return Kept(unpack(secret.get("data") or {}, str(self.ref)), secret)

    def _written(self, files: Files, write: Callable[[], Object]) -> Kept:
        try:
            return self._kept(write())
        except ApiError as error:
            if error.status != HTTP_CONFLICT and (error.status != HTTP_NOT_FOUND or error.missing_namespace):
                raise
            # A try whose answer was lost is tried again, and then meets what it wrote itself.
            found = self.read()
            if found is None or found.files != files:
                raise OtherVersionError from error
            return found
