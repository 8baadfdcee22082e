# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as the API of Kubernetes writes them."""

from __future__ import annotations

from datetime import datetime


def parse_time(text: str) -> datetime:
    """The moment of a time such as C(2030-06-15T12:00:00Z), or with a fraction of six digits.

    Raises:
        ValueError: It is no time.
    """
    # Python 3.10 does not know Z.
    return datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)
