# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises on speed, as ratios measured in one run: ``make bench``.

    python -m tests.bench [unchanged] [bare] [memory] [certificates] [plan]

The lab of ``make demo`` must be up for ``unchanged`` and ``memory``; ``bare`` makes and removes clusters of its own;
``certificates`` needs only the clusterlink CLI in the lab's cache, and ``plan`` nothing.
"""

from __future__ import annotations

import sys

from tests.bench import bare, certificates, memory, plan, unchanged

BENCHES = {
    "unchanged": unchanged.main,
    "bare": bare.main,
    "memory": memory.main,
    "certificates": certificates.main,
    "plan": plan.main,
}


def main() -> int:
    """Run the benches that are named, or all; returns how many limits were not kept."""
    return sum(not BENCHES[name]() for name in sys.argv[1:] or BENCHES)


if __name__ == "__main__":
    sys.exit(main())
