# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules for one object."""

from __future__ import annotations


class ModuleDocFragment:
    """Options C(labels), C(state) and C(force_conflicts)."""

    DOCUMENTATION = r"""
options:
  labels:
    description:
      - Labels of the object, in addition to C(app.kubernetes.io/managed-by), which is always C(skyshift.clusterlink).
      - Labels of an earlier run that are no longer given are removed; labels of other field managers stay.
    type: dict
  state:
    description:
      - V(present) creates the object, or sets only the given fields of an existing one.
      - V(absent) removes it.
    type: str
    choices: [present, absent]
    default: present
  force_conflicts:
    description:
      - Whether to take over fields that another field manager, such as C(kubectl), has set to other values. Without it,
        such fields are an error that names the manager.
    type: bool
    default: false
notes:
  - The module writes the object by server-side apply, and only when it differs.
  - An object of a fabric's declaration (see M(skyshift.clusterlink.fabric_apply)) keeps the labels of the fabric. A
    change of it gives a warning, since the next run of the declaration reverts it.
"""
