# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter's arguments; the report itself is tested with module_utils/pki/report.py."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.skyshift.clusterlink.plugins.filter.certificate_report import FilterModule, certificate_report


def test_the_filter_has_its_name() -> None:
    assert FilterModule().filters() == {"certificate_report": certificate_report}


@pytest.mark.parametrize("days", [7, 7.5, "7"])
def test_days_may_come_from_the_command_line(days: float | str) -> None:
    assert certificate_report({}, days=days)["problems"] == []


@pytest.mark.parametrize("days", ["soon", "", None])
def test_days_that_are_no_number_are_refused(days: str) -> None:
    with pytest.raises(AnsibleFilterError, match="days is not a number"):
        certificate_report({}, days=days)
