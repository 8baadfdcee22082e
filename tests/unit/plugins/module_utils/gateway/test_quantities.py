# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amounts of CPU and memory."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.quantities import amount


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", "0"),
        ("500m", "0.5"),
        (".5", "0.5"),
        ("2", "2"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1G", "1000000000"),
        ("1e3", "1000"),
        ("5E-3", "0.005"),
        ("1E", "1000000000000000000"),
    ],
)
def test_a_quantity_is_read_as_kubernetes_reads_it(text: str, expected: str) -> None:
    assert amount(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["", "much", "1 Gi", "1gi", "-1", "1.2.3", "1KiB", "10E", "9999999999e90", "²"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        amount(text)
