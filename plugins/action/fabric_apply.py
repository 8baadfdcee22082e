# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of every module that needs nothing but its options; the modules' names are symlinks to this file."""

from __future__ import annotations

from importlib import import_module

from ..plugin_utils.task_action import TaskAction


class ActionModule(TaskAction):
    """Runs the task of the module that this file's name, or the symlink's, stands for."""

    task = import_module(f"..modules.{__name__.rpartition('.')[2]}", __package__).TASK
