# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that keep one object."""

from __future__ import annotations


class ModuleDocFragment:
    """Options C(labels), C(state) and C(force_conflicts)."""

    DOCUMENTATION = r"""
options:
  labels:
    description:
      - Labels of the object, beside C(app.kubernetes.io/managed-by), which is always C(skyshift.clusterlink).
      - Those that an earlier run has set and that are no longer given are removed; labels that others have set stay.
    type: dict
  state:
    description:
      - V(present) makes the object, or sets the fields that are asked for and nothing else of it.
      - V(absent) removes it.
    type: str
    choices: [present, absent]
    default: present
  force_conflicts:
    description:
      - Whether to take over fields that another field manager (C(kubectl), another tool) has set to something else.
        Otherwise such fields are an error that names the manager.
    type: bool
    default: false
notes:
  - The object is written by server-side apply, and only when it is not yet as asked for.
  - An object that was made from a fabric's declaration (by M(skyshift.clusterlink.fabric_apply)) keeps the labels that
    say so. A change to it is made, with a warning, since the declaration will undo it.
"""
