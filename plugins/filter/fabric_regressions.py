# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links, exports and imports of a fabric that have stopped working."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fabric_regressions
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: The links, exports and imports of a fabric that have stopped working
description:
  - Compares the results of M(skyshift.clusterlink.fabric_info) for each cluster with its earlier results.
  - A link, export or import that did not work before, or that is new, is no regression.
positional: before
options:
  _input:
    description: The later results by cluster. A cluster that cannot be read is a regression.
    type: dict
    required: true
  before:
    description: The earlier results by cluster.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Require that everything that worked still works
  ansible.builtin.assert:
    that: regressions | length == 0
    fail_msg: "{{ regressions }}"
  vars:
    regressions: "{{ {'east': east_now} | skyshift.clusterlink.fabric_regressions({'east': east_before}) }}"
"""

RETURN = r"""
_value:
  description: A sentence for each regression.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any


def fabric_regressions(now: Mapping[str, Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each regression, which begins with the cluster.

    Args:
        now: The later results of fabric_info, by cluster.
        before: The earlier results; clusters without one are left out.
    """
    from ..module_utils.mesh.regressions import worse  # noqa: PLC0415  # Ansible loads every filter to find one

    known = [cluster for cluster in now if cluster in before]
    return [f"{cluster}: {sentence}" for cluster in known for sentence in worse(before[cluster], now[cluster])]


class FilterModule:
    """The entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"fabric_regressions": fabric_regressions}
