# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that take the path of a file or its content, such as a kubeconfig."""

from __future__ import annotations


def is_content(value: object) -> bool:
    """Whether a file is given by its content, not by its path."""
    return not isinstance(value, str) or "\n" in value.strip() or value.lstrip().startswith("{")
