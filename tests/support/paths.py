# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the repository, the virtual environment's programs and the lab's cache are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
LAB_CACHE = Path(os.environ.get("LAB_CACHE") or Path.home() / ".cache" / "clusterlink-lab")
