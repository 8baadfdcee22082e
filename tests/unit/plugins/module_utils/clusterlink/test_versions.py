# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of supported versions."""

from __future__ import annotations

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.versions import (
    DATAPLANES,
    DEFAULT_VERSION,
    RELEASES,
    release,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError


def test_the_default_version_is_supported() -> None:
    assert release(DEFAULT_VERSION).version == DEFAULT_VERSION


def test_an_unknown_version_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ClusterlinkError) as raised:
        release("v0.2.1", "clusterlink_version")
    [problem] = raised.value.problems
    assert (problem.where, problem.found) == ("clusterlink_version", "v0.2.1")
    assert "v0.4.1" in problem.fix


@pytest.mark.parametrize("version", sorted(RELEASES))
def test_every_version_has_an_image_for_every_kind_of_data_plane(version: str) -> None:
    assert tuple(release(version).dataplane_images) == DATAPLANES
