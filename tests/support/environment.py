# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of a run of Ansible."""

from __future__ import annotations

import os

from tests.support.paths import PROGRAMS, ROOT


def ansible_environment(**more: str) -> dict[str, str]:
    """The environment of a run of Ansible: ours without any connection option, and without colour.

    Results have the arguments of their tasks, where a secret might be, as they always had before ansible-core 2.21.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("K8S_AUTH_")}
    return {
        **ours,
        "PATH": f"{PROGRAMS}{os.pathsep}{ours['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_INJECT_INVOCATION": "1",
        "ANSIBLE_NOCOLOR": "1",
        **more,
    }
