# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common options of the modules that work in a fabric's folder."""

from __future__ import annotations


class ModuleDocFragment:
    """Options C(path) and C(fabric)."""

    DOCUMENTATION = r"""
options:
  path:
    description:
      - The folder of all fabrics, on the host that runs the task, as with module M(skyshift.clusterlink.fabric_ca).
    type: path
    required: true
  fabric:
    description:
      - The fabric's name, which is the name of its folder.
    type: str
    default: fabric
"""
