# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to say of clusters that cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..common.table import table
from ..fabric.model import Declaration

_HEADINGS = ("HOST", "ADDRESS OR CONTEXT", "REASON")


def unread_warnings(declaration: Declaration, unread: Mapping[str, str]) -> list[str]:
    """One warning: a sentence for one cluster, a table for several.

    Args:
        declaration: The whole fabric's.
        unread: By host, why its cluster cannot be read.
    """
    if len(unread) == 1:
        return [f"The cluster of {host} is not checked: {reason}" for host, reason in unread.items()]
    addresses = {peer.host: _address(peer.api_server.variable()) for peer in declaration.peers.values()}
    rows = table(_HEADINGS, [(host, addresses[host], reason) for host, reason in sorted(unread.items())])
    return ["\n".join([f"{len(unread)} clusters are not checked:", *rows])] if rows else []


def _address(variable: tuple[str, str | None]) -> str:
    """The context or URL; the variable's name where its value may hold a secret."""
    name, value = variable
    return value or name
