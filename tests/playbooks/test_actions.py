# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One action serves many modules, and each is still a module of its own for Ansible."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.environment import ansible_environment
from tests.support.forked_ansible import ansible_playbook

CLUSTER = {"host": "http://127.0.0.1:1", "api_key": "x", "retry_timeout": 0}
LOADED = """
import json, sys
from ansible.plugins.loader import action_loader, init_plugin_loader
init_plugin_loader()
module = "ansible_collections.skyshift.clusterlink.plugins.modules.peer"
wanted = ("kubernetes.client.api_client", module, "cryptography.x509")
before = [name in sys.modules for name in wanted]
action_loader.get("skyshift.clusterlink.peer", class_only=True)
print(json.dumps([before, [name in sys.modules for name in wanted]]))
"""


def messages(folder: Path, *tasks: dict[str, Any], **play: Any) -> list[str]:
    """What each task says when it fails, but for how long it tried, in a play with defaults for modules."""
    named = [{**task, "register": f"r{number}", "ignore_errors": True} for number, task in enumerate(tasks)]
    names = ", ".join(f"r{number}.msg | default('')" for number in range(len(tasks)))
    write = {"content": f"{{{{ [{names}] | to_json }}}}", "dest": str(folder / "messages.json"), "mode": "0600"}
    tasks = (*named, {"ansible.builtin.copy": write})
    steps = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        **play,
        "tasks": list(tasks),
    }
    (folder / "play.yml").write_text(yaml.safe_dump([steps]), encoding="utf-8")
    arguments = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", "play.yml"]
    run = ansible_playbook(arguments, cwd=folder, env=ansible_environment())
    assert run.returncode == 0, run.stdout + run.stderr
    found: list[str] = json.loads((folder / "messages.json").read_text(encoding="utf-8"))
    return [re.sub(r" \(after \d+ s\)", "", each) for each in found]


def test_defaults_of_the_group_and_of_a_module_reach_those_modules_alone(tmp_path: Path) -> None:
    absent = {"path": "pki", "name": "east", "state": "absent"}
    defaults = {"group/skyshift.clusterlink.cluster": CLUSTER, "skyshift.clusterlink.peer": {"name": "from defaults"}}
    whole, short, peer, other, outside = messages(
        tmp_path,
        {"skyshift.clusterlink.service_info": {"namespaces": ["default"]}},
        {"service_info": {"namespaces": ["default"]}},
        {"skyshift.clusterlink.peer": {}},
        {"skyshift.clusterlink.service_export": {}},
        {"skyshift.clusterlink.peer_certificate": absent},
        collections=["skyshift.clusterlink"],
        module_defaults=defaults,
    )
    assert whole.startswith("http://127.0.0.1:1: the API server is unreachable")
    assert short == whole
    assert "from defaults" in peer
    assert other == "missing required arguments: name"
    assert outside == ""


def test_the_process_that_forks_the_workers_imports_the_libraries_and_the_module() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], env=ansible_environment(), check=True, capture_output=True, text=True
    )
    before, after = json.loads(done.stdout)
    assert before[:2] == [False] * 2, "ansible-core before 2.19 imports cryptography itself"
    assert after == [True] * 3
