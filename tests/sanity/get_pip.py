# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts pip into an environment that has none, as get-pip.py does for ansible-test, with nothing to download first.

The wheel that comes with Python's ensurepip installs what is asked for. It has no use for the two options that
only the real script knows, and it leaves out setuptools and wheel by itself.
"""

from __future__ import annotations

import ensurepip
import runpy
import sys
from pathlib import Path

BUNDLED = Path(ensurepip.__file__).parent / "_bundled"
DEBIAN = Path("/usr/share/python-wheels")
"""Debian takes the wheel out of ensurepip and keeps it here."""

wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
wheel = next(path for folder in (BUNDLED, DEBIAN) for path in sorted(folder.glob("pip-*.whl")))
sys.path.insert(0, str(wheel))
sys.argv = ["pip", "install", *wanted]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
