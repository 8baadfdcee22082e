# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types that several rooms share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
"""A Kubernetes object as plain data."""


@dataclass(frozen=True, order=True)
class Address:
    """A gateway's address: a DNS name or an IP address, and a TCP port."""

    host: str
    port: int

    def as_dict(self) -> dict[str, Any]:
        """The address as plain data."""
        return {"host": self.host, "port": self.port}
