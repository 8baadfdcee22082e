# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory of three clusters, and a service."""

from __future__ import annotations

from typing import Any

Data = dict[str, Any]

WEB = {
    "name": "web",
    "port": 80,
    "exported_by": ["east", "west"],
    "imported_by": ["north"],
    "allow": [{"from": {"app": "frontend"}}],
}


def inventory(**parts: Any) -> Data:
    """Three clusters; hosts' own variables by their names, and the group's."""
    hosts = {host: parts.pop(host, {}) for host in ("east", "west", "north")}
    return {"clusters": {"hosts": hosts, "vars": {"clusterlink_fabric": "demo", **parts}}}
