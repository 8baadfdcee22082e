# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of playbooks and of files of tasks, as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


def tasks_in(found: Any) -> Iterator[dict[str, Any]]:
    """All plays, blocks and tasks in a list of these, however deep."""
    for each in found if isinstance(found, list) else []:
        yield each
        for part in ("pre_tasks", "tasks", "post_tasks", "block", "rescue", "always"):
            yield from tasks_in(each.get(part))


def tasks_of(path: Path) -> list[dict[str, Any]]:
    """All plays, blocks and tasks of a file."""
    return list(tasks_in(yaml.safe_load(path.read_text(encoding="utf-8"))))
