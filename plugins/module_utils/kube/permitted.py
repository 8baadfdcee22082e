# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds that a user need not be allowed to list, as long as nothing depends on them."""

from __future__ import annotations

from collections.abc import Sequence

from ..common.types import Object
from .client import Cluster
from .errors import HTTP_FORBIDDEN, ApiError


def list_permitted(cluster: Cluster, kind: str, namespace: str, *, needed: bool = False) -> Sequence[Object] | None:
    """The objects of a kind in a namespace; None where they may not be listed.

    Args:
        cluster: Where.
        kind: The kind.
        namespace: The namespace.
        needed: Whether something depends on them, so that a missing permission is an error.

    Raises:
        ClusterlinkError: They cannot be listed.
    """
    try:
        return cluster.list(kind, namespace)
    except ApiError as error:
        if needed or error.status != HTTP_FORBIDDEN:
            raise
        return None
