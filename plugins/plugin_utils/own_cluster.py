# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each of several hosts names its own cluster. Else all of them would be the cluster of the environment, that of the
default kubeconfig, or the one in whose pod Ansible runs, whatever the inventory calls them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.fabric.declaration import DEFAULT_GROUP

NAMING = ("kubeconfig", "context", "host")
"""The connection options that name a cluster."""


def nameless(host: str) -> Problem:
    """The problem of a host that names no cluster of its own."""
    fix = "Set clusterlink_context, clusterlink_host or clusterlink_kubeconfig in its variables"
    return Problem("connection", "the host names no cluster of its own", fix=fix, host=host)


def require_own_cluster(
    host: str, options: Mapping[str, Any], variables: Mapping[str, Any], others: Collection[str] = ()
) -> None:
    """Refuse connection options that name no cluster where the host is one of several.

    Args:
        host: The host whose cluster is meant.
        options: The connection options, without those of the environment.
        variables: The host's, with C(groups).
        others: What the host is one of when the fabric's group does not have it.

    Raises:
        ClusterlinkError: The options name no cluster.
    """
    if any(options.get(option) for option in NAMING):
        return
    group = (variables.get("groups") or {}).get(str(variables.get("clusterlink_group", DEFAULT_GROUP))) or ()
    if len(group if host in group else others) > 1:
        raise ClusterlinkError(nameless(host))
