# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python packages that modules import: which are missing or too old, and how to install them."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Iterator

from ..errors import Problem

OLDEST = {"cryptography": "42.0.0", "kubernetes": "29.0.0", "urllib3": "2.0.2"}
"""The oldest release of each package that works, as in requirements.txt."""
_PACKAGES = {"websocket": "websocket-client"}
"""The packages that have another name than what is imported of them."""


def library_problems(names: Iterable[str]) -> Iterator[Problem]:
    """A problem for every package that cannot be imported, or that is too old.

    Args:
        names: What is imported, such as C(kubernetes).
    """
    for name in names:
        package, oldest = _PACKAGES.get(name, name), OLDEST.get(name)
        try:
            found = str(getattr(importlib.import_module(name), "__version__", ""))
        except ImportError as error:
            what, found = "cannot be imported", str(error)
        else:
            if not oldest or _numbers(found) >= _numbers(oldest):
                continue
            what = "is too old"
        wanted = f"'{package}>={oldest}'" if oldest else package
        yield Problem(f"Python package {package}", what, found, f"Run {sys.executable} -m pip install {wanted}")


def _numbers(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)[:3]]
