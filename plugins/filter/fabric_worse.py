# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a fabric is worse than it was."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fabric_worse
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: Which links, exports and imports are worse than they were
description:
  - Compares what M(skyshift.clusterlink.fabric_info) returned for each cluster with what it returned earlier.
  - What was out of order before may stay so, and what is new may be as it is.
positional: before
options:
  _input:
    description: The later results by cluster. One without contents, of a cluster that could not be read, is worse.
    type: dict
    required: true
  before:
    description: The earlier results by cluster.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Nothing is worse than before
  ansible.builtin.assert:
    that: worse | length == 0
    fail_msg: "{{ worse }}"
  vars:
    worse: "{{ {'east': east_now} | skyshift.clusterlink.fabric_worse({'east': east_before}) }}"
"""

RETURN = r"""
_value:
  description: A sentence for each thing that was in order and is not any more. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils.mesh.regressions import worse


def fabric_worse(now: Mapping[str, Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What was in order and is not any more, by cluster.

    Args:
        now: What fabric_info returns now, by cluster.
        before: What it returned before; other clusters are left out.
    """
    known = [cluster for cluster in now if cluster in before]
    return [f"{cluster}: {sentence}" for cluster in known for sentence in worse(before[cluster], now[cluster])]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter by its name."""
        return {"fabric_worse": fabric_worse}
