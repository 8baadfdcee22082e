# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module of this name, in Ansible's worker where it can be."""

from __future__ import annotations

from ..modules.certificate_info import TASK
from ..plugin_utils.in_process import InProcessAction


class ActionModule(InProcessAction):
    """Runs the module's task."""

    task = TASK
