# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the fabric's folder outlives the run. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping

JOB_FOLDER = "/runner"
"""Where ansible-runner mounts a job's private data in an execution environment."""
JOB_VARIABLE = "AWX_PRIVATE_DATA_DIR"
"""The variable with which AWX names that folder, as it is outside the execution environment."""


def folder_warning(path: str, store: str, environment: Mapping[str, str]) -> str:
    """What to say of a folder that goes with its job and that no Secret keeps; empty when it lasts.

    Args:
        path: The directory that contains the fabric's folder.
        store: The Secret that contains it; empty when there is none.
        environment: The environment of the run.
    """
    if store or JOB_VARIABLE not in environment:
        return ""
    for job in (environment[JOB_VARIABLE], JOB_FOLDER):
        if os.path.abspath(path) == job or os.path.abspath(path).startswith(job.rstrip("/") + "/"):
            return (
                f"{path} is removed with this job, and the fabric's CA with it. Set clusterlink_store_namespace, so "
                "that a Secret in a management cluster keeps the folder"
            )
    return ""
