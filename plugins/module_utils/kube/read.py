# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read many things of one cluster side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .client import Cluster, Object
from .parallel import gather


class Query(NamedTuple):
    """One object, or without a name all of its kind.

    Attributes:
        kind: A key of C(kinds.KINDS).
        name: The object; empty for all.
        namespace: Where; empty for a cluster-wide kind, and for all namespaces.
        label_selector: Which of all, as the API takes it.
    """

    kind: str
    name: str = ""
    namespace: str = ""
    label_selector: str = ""


def read(cluster: Cluster, queries: Sequence[Query]) -> list[Sequence[Object]]:
    """What is there of each query, in their order; none where the object or the kind is not there.

    Raises:
        ClusterlinkError: With all queries that the API server refuses.
    """

    def answer(query: Query) -> Sequence[Object]:
        if not query.name:
            return cluster.list(query.kind, query.namespace, label_selector=query.label_selector)
        obj = cluster.get(query.kind, query.name, query.namespace)
        return [] if obj is None else [obj]

    return gather(answer, queries)
