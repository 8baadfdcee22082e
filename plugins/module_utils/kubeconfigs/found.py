# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that a kubeconfig or a Secret names: what it is called there, and how it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FoundCluster:
    """A cluster.

    Attributes:
        context: Its name where it was found: that of a context, or of a cluster of Argo CD or Cluster API.
        where: The kubeconfig or Secret, for problems.
        facts: What is known of it besides, without secrets, for expressions of the inventory.
        variables: The host variables that reach it; they may hold credentials.
        access: The same for contexts that differ in nothing but their namespace; empty when it is the only one.
        current: Whether it is its kubeconfig's current context.
    """

    context: str
    where: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    access: tuple[str, ...] = ()
    current: bool = False
