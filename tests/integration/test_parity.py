# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module gives the same result in Ansible's worker and in a process of its own.

One playbook with a call of every module runs twice: with this collection, and with a copy that has no actions, where
Ansible runs every module in a process. More calls run both ways in the test's process, where each takes milliseconds.
No cluster is needed: what connects is refused by a port that nothing listens on.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Task
from ansible_collections.skyshift.clusterlink.plugins.modules import fabric_ca, peer_certificate
from tests.support.direct import run_as_module, run_directly
from tests.support.environment import ansible_environment
from tests.support.paths import ROOT
from tests.support.playbooks import keep

Data = dict[str, Any]

MODULES = sorted(path.stem for path in ROOT.glob("plugins/modules/*.py") if path.stem != "__init__")
SECRETS = ("token-of-the-test", "password-of-the-test", "passphrase-of-the-test", "sample-secret")
REFUSED = {
    "host": "http://127.0.0.1:1",
    "api_key": SECRETS[0],
    "password": SECRETS[1],
    "proxy_headers": {"basic_auth": SECRETS[1]},
    "verify_ssl": False,
    "ca_cert": "one.pem",
    "ssl_ca_cert": "two.pem",
    "retry_timeout": 0,
}
"""A connection that is refused, with secrets, an alias, and an option that is given twice, which is warned of."""
FOLDER = {"path": "pki", "fabric": "demo"}
DECLARATION = {
    "link_mode": "mesh",
    "peers": {
        "east": {"exports": [{"name": "web", "port": 80}]},
        "west": {"imports": [{"name": "web", "port": 80, "sources": [{"peer": "east"}]}]},
    },
}
INFOS: Data = {host: {"peers": [], "imports": [], "exports": []} for host in ("east", "west")}
LINK = {"declaration": DECLARATION, "infos": INFOS, "addresses": {}, "name": "x", "source": "east"}
POLICY = {"name": "all", "namespace": "default", "from": [{}], "to": [{}]}
ENROL = {**FOLDER, "name": "west"}
VALID: dict[str, list[Data]] = {
    "access_policy": [{**REFUSED, **POLICY}],
    "certificate_info": [{**FOLDER, "cluster": False}, {**REFUSED}],
    "enrolment_install": [{**ENROL, "response": "absent.json"}],
    "enrolment_response": [{**ENROL, "request": "absent.json", "dest": "out", "ca_privatekey_passphrase": SECRETS[2]}],
    "enrolment_request": [{**ENROL, "gateways": ["no port"]}],
    "fabric_apply": [{**REFUSED, "objects": []}],
    "fabric_ca": [
        FOLDER,
        {**FOLDER, "state": "absent", "force": True},
        {**FOLDER, "privatekey_passphrase": SECRETS[2]},
    ],
    "fabric_ca_rotation": [{**FOLDER, "peers": ["east"], "phase": "distribute"}],
    "fabric_impact": [{"declaration": DECLARATION, "peers": ["east"], "force": force} for force in (False, True)],
    "fabric_info": [REFUSED],
    "fabric_lock": [],  # it is for the worker alone, whose run it locks
    "fabric_plan": [{"declaration": DECLARATION}, {"declaration": {"peers": {"East": {}}}}],
    "fabric_preflight": [{"declaration": DECLARATION}],
    "fabric_store": [{**REFUSED, **FOLDER, "state": "present", "namespace": "store"}],
    "gateway": [{**REFUSED, "state": "absent"}, {**REFUSED, "peer": "east", "certificate_path": "absent.pem"}],
    "gateway_certificate": [
        {**REFUSED, "peer": "east", "certificate_path": "a", "privatekey_path": "b", "ca_path": "c"}
    ],
    "gateway_handshake": [
        {"gateway_host": "127.0.0.1", "gateway_port": 1, "peer": "a", "certificate_path": "a", "privatekey_path": "b"}
    ],
    "gateway_info": [REFUSED],
    "link_info": [{"declaration": DECLARATION, "infos": INFOS}, {"declaration": DECLARATION, "infos": {}, "name": "x"}],
    "link_plan": [{**LINK, "target": target} for target in ("wets", "west")],
    "peer": [{**REFUSED, "name": "west", "gateways": [{"host": "gateway", "port": 443}]}],
    "peer_eviction": [{**FOLDER, "name": "west"}],
    "peer_certificate": [{**FOLDER, "name": "east", "return_content": True}, {**FOLDER, "peers": [{"name": "East"}]}],
    "probe": [{**REFUSED, "name": "web", "port": 80}],
    "run_report": [{"clusters": {"east": {}}, "findings": {"fabric_plan": "no change"}}, {}],
    "service_export": [{**REFUSED, "name": "web", "port": 80}],
    "service_import": [{**REFUSED, "name": "web", "port": 80, "sources": [{"peer": "east"}]}],
    "service_info": [{**REFUSED, "namespaces": ["default"]}],
}
SAMPLE = '''
    """Everything that Ansible says for a module."""
    from ..module_utils.module import run_module
    from ..module_utils.outcome import Outcome, Task
    DOCUMENTATION = "module: sample"
    def run(params, mode):
        values = {"mode": [mode.check, mode.diff], "said": f"the secret is {params['secret']}", "msg": "some"}
        return Outcome(True, values, {"before": "", "after": params["secret"]}, ["one", "two"], failed=params["fail"])
    TASK = Task(
        {
            "secret": {"type": "str", "no_log": True},
            "fail": {"type": "bool", "default": False},
            "old": {"type": "str", "removed_in_version": "9.0.0", "removed_from_collection": "skyshift.clusterlink"},
            "new": {
                "type": "str",
                "aliases": ["former"],
                "deprecated_aliases": [
                    {"name": "former", "version": "9.0.0", "collection_name": "skyshift.clusterlink"}
                ],
            },
            "below": {"type": "list", "elements": "dict", "options": {"number": {"type": "int", "required": True}}},
            "msg": {"type": "str"},
        },
        run,
        constraints={"mutually_exclusive": [("old", "msg")], "required_by": {"msg": ("new",)}},
    )
    def main():
        run_module(TASK)
    if __name__ == "__main__":
        main()
'''
SAMPLES: list[Data] = [
    {"secret": SECRETS[3], "old": "x", "former": "y"},
    {"secret": SECRETS[3], "fail": True, "below": [{"number": "7"}]},
    {"old": "x", "msg": "y"},
    {"msg": "y"},
    {"below": [{"number": "seven"}]},
    {"below": [{}]},
    {"below": [{"number": 7, "nonsense": 1}]},
]


@dataclass(frozen=True)
class Call:
    """One task of the playbook."""

    module: str
    args: Mapping[str, Any]
    how: Mapping[str, Any] = field(default_factory=dict)


def invalid(module: str, way: int) -> Data:
    """Arguments that the specification refuses, in one of four ways."""
    spec = task_of(module).argument_spec
    required = {name: "x" for name, each in spec.items() if each.get("required")}
    typed = {name: "nonsense" for name, each in spec.items() if each.get("type") in ("int", "bool", "float", "dict")}
    choices = {name: "nonsense" for name, each in spec.items() if each.get("choices")} or typed
    ways: list[Data] = [{"nonsense": 1}, {**required, "nonsense": 1}, {**required, **typed}, {**required, **choices}]
    return ways[way]


def task_of(module: str) -> Task:
    task: Task = importlib.import_module(f"ansible_collections.skyshift.clusterlink.plugins.modules.{module}").TASK
    return task


PRINTED = re.compile(r"^localhost \| (SUCCESS|CHANGED|FAILED!) => ", re.MULTILINE)
CHECK = {"check_mode": True, "diff": True}
EVERY = [
    Call(module, args, CHECK if args.get("state") == "absent" or number % 2 else {})
    for module in MODULES
    for number, args in enumerate(VALID[module])
]
# A process takes more than half a second, so one call of each module has one, and sample has what Ansible says for it.
CALLS = [
    *(next(call for call in (*EVERY, Call(module, invalid(module, 0))) if call.module == module) for module in MODULES),
    *(Call("sample", args) for args in SAMPLES),
    Call("sample", SAMPLES[0], CHECK),
]
DIRECT = [*EVERY, *(Call(module, invalid(module, way)) for module in MODULES for way in range(4))]


def collection(folder: Path, *, actions: bool) -> Path:
    """The collection with one more module; without actions every module runs in a process."""
    ours = folder / "collections" / "ansible_collections" / "skyshift" / "clusterlink"
    (ours / "plugins").mkdir(parents=True)
    for name in ("galaxy.yml", "meta"):
        (ours / name).symlink_to(ROOT / name)
    for name in ("module_utils", "plugin_utils", "doc_fragments"):
        (ours / "plugins" / name).symlink_to(ROOT / "plugins" / name)
    for name in ("modules", *(("action",) if actions else ())):
        shutil.copytree(ROOT / "plugins" / name, ours / "plugins" / name, symlinks=True)
    (ours / "plugins" / "modules" / "sample.py").write_text(f"#!/usr/bin/python\n{textwrap.dedent(SAMPLE)}")
    if actions:
        (ours / "plugins" / "action" / "sample.py").symlink_to("fabric_apply.py")
    return folder / "collections"


def run(folder: Path, collections: Path) -> tuple[list[Data], str]:
    """The results of all calls, with the folder's own name taken out, and everything that Ansible printed."""
    tasks = [
        {f"skyshift.clusterlink.{call.module}": call.args, "register": f"r{number}", "ignore_errors": True, **call.how}
        for number, call in enumerate(CALLS)
    ]
    names = ", ".join(f"r{number}" for number in range(len(CALLS)))
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [*tasks, keep(f"[{names}]", folder / "results.json")],
    }
    (folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "-vvv", "-i", "localhost,", "-c", "local", "play.yml"],
        cwd=folder,
        env=ansible_environment(
            ANSIBLE_COLLECTIONS_PATH=str(collections),
            ANSIBLE_STDOUT_CALLBACK="minimal",
            ANSIBLE_CALLBACK_RESULT_FORMAT="json",
            ANSIBLE_PIPELINING="1",
            PYTHONHASHSEED="0",  # messages list choices in the order of a set
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert (folder / "results.json").exists(), output
    text = (folder / "results.json").read_text(encoding="utf-8")
    # Ansible leaves the invocation out of what a task registers, and prints it.
    printed = (json.JSONDecoder().raw_decode(output, match.end())[0] for match in PRINTED.finditer(output))
    results = [{**each, "invocation": next(printed).get("invocation")} for each in json.loads(text)]
    return json.loads(json.dumps(results).replace(str(folder), "FOLDER")), output


@pytest.mark.long
def test_results_are_equal_and_without_secrets(tmp_path: Path) -> None:
    # One test: the runs take long, and test processes would each repeat them.
    folders = {name: tmp_path / name for name in ("worker", "process")}
    make_pki(folders["worker"] / "pki")
    shutil.copytree(folders["worker"] / "pki", folders["process"] / "pki")
    runs = [(folder, collection(folder, actions=name == "worker")) for name, folder in folders.items()]
    with ThreadPoolExecutor() as pool:
        (worker, worker_output), (process, process_output) = pool.map(lambda each: run(*each), runs)

    pairs = zip(CALLS, worker, process, strict=True)
    assert [(call, ours, theirs) for call, ours, theirs in pairs if ours != theirs] == []
    said = json.dumps(worker) + worker_output + process_output
    assert [secret for secret in SECRETS if secret in said] == []
    masked = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    sample = worker[-1]
    assert sample["warnings"] == ["one", "two"]
    assert [each["version"] for each in sample["deprecations"]] == ["9.0.0", "9.0.0"]
    assert (sample["said"], sample["diff"]) == ("the secret is ********", {"before": "", "after": masked})
    assert {"secret": masked, "new": "y", "fail": False}.items() <= sample["invocation"]["module_args"].items()


def test_results_are_equal_for_more_calls_than_have_a_process(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("worker", "process")]
    make_pki(folders[0] / "pki")
    shutil.copytree(folders[0] / "pki", folders[1] / "pki")
    for call in DIRECT:
        worker, process = (
            way(call.module, call.args, folder, check=call.how == CHECK)
            for way, folder in zip((run_directly, run_as_module), folders, strict=True)
        )
        said = [
            json.dumps(result).replace(str(folder), "FOLDER")
            for result, folder in zip((worker, process), folders, strict=True)
        ]
        assert json.loads(said[0]) == json.loads(said[1]), call
        assert [secret for secret in SECRETS if secret in "".join(said)] == [], call


def make_pki(path: Path) -> None:
    """A folder with a CA and the certificate of one peer."""
    for task, more in ((fabric_ca.TASK, {}), (peer_certificate.TASK, {"name": "east"})):
        defaults = {name: each.get("default") for name, each in task.argument_spec.items()}
        task.run({**defaults, "path": str(path), "fabric": "demo", **more}, Mode())


def test_every_module_is_called() -> None:
    assert sorted(VALID) == MODULES
