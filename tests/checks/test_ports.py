# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table for firewalls has the ports that gateways have."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.names import (
    CONTROLPLANE_PORT,
    DATAPLANE_PORT,
    READINESS_PORT,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"


def test_the_table_has_the_ports_of_gateways() -> None:
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in PAGE.read_text(encoding="utf-8").partition("## Ports and firewalls")[2].splitlines()
        if line.startswith("|")
    ]
    ports = {(row[0], row[1]): row[2] for row in rows}
    assert ports["data plane and control plane of one cluster", "each other"] == (
        f"{DATAPLANE_PORT} and {CONTROLPLANE_PORT} TCP"
    )
    assert ports["kubelet", "control plane and data plane"] == f"{READINESS_PORT} TCP"
