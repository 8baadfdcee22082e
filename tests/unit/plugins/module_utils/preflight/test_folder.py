# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs whose folder does not last are told so."""

from __future__ import annotations

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.folder import folder_warning

JOB = {"AWX_PRIVATE_DATA_DIR": "/tmp/awx_7_x"}  # noqa: S108  # the name that AWX gives it


@pytest.mark.parametrize("path", ["/runner/project/pki", "/runner", "/tmp/awx_7_x/project/pki"])  # noqa: S108
def test_a_folder_of_the_job_without_a_store_is_warned_of(path: str) -> None:
    assert f"{path} is removed with this job" in folder_warning(path, "", JOB)
    assert "clusterlink_store_namespace" in folder_warning(path, "", JOB)
    assert not folder_warning(path, "Secret store/fabric", JOB)
    assert not folder_warning(path, "", {})


def test_a_folder_elsewhere_lasts() -> None:
    assert not folder_warning("/var/lib/pki", "", JOB)
    assert not folder_warning("/runners/pki", "", JOB)
