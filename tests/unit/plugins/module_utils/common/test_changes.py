# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why each object was written or removed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.changes import change_reasons


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({}, {"kind": "Role", "spec": {}}, "it does not exist"),
        ({"kind": "Role", "spec": {}}, {}, "it exists and must be absent"),
        ({}, {"spec": {"replicas": 2}}, "spec.replicas differs"),
        ({"metadata": {"managedFields": {"us": ["spec.x"]}}}, {}, "metadata.managedFields.us differs"),
        ({"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, "spec.replicas differs"),
        (
            {"spec": {"a": 1}},
            {"spec": {"a": 2}, "metadata": {"labels": {"x": "y"}}},
            "metadata.labels.x, spec.a differ",
        ),
        ({"spec": {"ports": [1]}}, {"spec": {"ports": []}}, "spec.ports differs"),
        ({"rules": {}}, {"rules": None}, "rules differs"),
    ],
)
def test_a_change_has_a_reason(before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
    change = {"before": before, "after": after, "before_header": "Role a/b", "after_header": "Role a/b"}
    assert change_reasons([change]) == [f"Role a/b: {reason}"]
