# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real clusters for tests of the modules, kubectl to look at them with, and Ansible to run the modules.

CLUSTERLINK_TEST_KUBECONFIG and CLUSTERLINK_TEST_CONTEXTS (separated by commas) name clusters that are there, which the
tests then use and leave there. Otherwise the role lab makes three bare ones, and removes them at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds as crd_objects
from tests.integration.gateways import Fabric, bring, standing

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("cl-test-a", "cl-test-b", "cl-test-c")
OWN_KUBECONFIG = ROOT / ".build" / "integration" / "kubeconfig"
PROGRAMS = Path(sys.executable).parent

_own: list[Path] = []
"""The kubeconfig of clusters that were made here, while they are there."""


@dataclass(frozen=True)
class Clusters:
    """The clusters to test on: their kubeconfig and contexts."""

    kubeconfig: Path
    contexts: tuple[str, ...]


def ansible_environment(**more: str) -> dict[str, str]:
    """The environment of a run of Ansible: ours without any connection option, and without colour."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("K8S_AUTH_")}
    return {
        **ours,
        "PATH": f"{PROGRAMS}{os.pathsep}{ours['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        **more,
    }


def _lab(state: str) -> None:
    """Have the role lab make or remove our own clusters."""
    settings = {
        "lab_state": state,
        "lab_clusters": list(NAMES),
        "lab_kubeconfig": str(OWN_KUBECONFIG),
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    command = ["ansible-playbook", "-i", "localhost,", "playbooks/lab.yml", "-e", json.dumps(settings)]
    run = subprocess.run(
        command,
        cwd=ROOT,
        env=ansible_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        pytest.fail(f"the test clusters could not be made {state}:\n{run.stdout}", pytrace=False)


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    """The clusters to test on."""
    kubeconfig = os.environ.get("CLUSTERLINK_TEST_KUBECONFIG")
    contexts = tuple(name for name in os.environ.get("CLUSTERLINK_TEST_CONTEXTS", "").split(",") if name)
    if kubeconfig and contexts:
        yield Clusters(Path(kubeconfig), contexts)
        return
    if kubeconfig or contexts:
        pytest.fail("CLUSTERLINK_TEST_KUBECONFIG and CLUSTERLINK_TEST_CONTEXTS go together: set both, or none")
    _own.append(OWN_KUBECONFIG)
    try:
        _lab("present")
        yield Clusters(OWN_KUBECONFIG, tuple(f"kind-{name}" for name in NAMES))
    finally:
        _remove_own()


def _remove_own() -> None:
    if _own:
        _own.clear()
        _lab("absent")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None]:
    """Remove our own clusters after the last test that may use them: what comes then has the machine to itself."""
    try:
        return (yield)
    finally:
        if nextitem is None or not nextitem.path.is_relative_to(Path(__file__).parent):
            _remove_own()


@pytest.fixture(scope="session")
def context(clusters: Clusters) -> str:
    """The context of the cluster for tests that need one."""
    return clusters.contexts[0]


class Kubectl:
    """Runs kubectl, the outside tool that results are proven with.

    Attributes:
        command: kubectl with its kubeconfig.
    """

    def __init__(self, clusters: Clusters) -> None:
        cache = Path(os.environ.get("LAB_CACHE") or Path.home() / ".cache" / "clusterlink-lab")
        lab = cache / "bin" / "kubectl"
        program = os.environ.get("CLUSTERLINK_TEST_KUBECTL") or (str(lab) if lab.exists() else shutil.which("kubectl"))
        if not program:
            pytest.fail("there is no kubectl: set CLUSTERLINK_TEST_KUBECTL to its path")
        self.command = [program, "--kubeconfig", str(clusters.kubeconfig)]
        self._context = clusters.contexts[0]

    def __call__(self, *arguments: str, context: str = "", stdin: str = "", check: bool = True) -> str:
        """What kubectl prints.

        Args:
            arguments: Its arguments.
            context: The cluster's context; by default the first cluster's.
            stdin: What it reads.
            check: Fail the test when kubectl fails; otherwise its error is returned, too.
        """
        run = subprocess.run(
            [*self.command, "--context", context or self._context, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and run.returncode != 0:
            pytest.fail(f"kubectl {' '.join(arguments)}: {run.stderr}")
        return run.stdout if check else run.stdout + run.stderr

    def json(self, *arguments: str, context: str = "") -> dict[str, Any]:
        """What kubectl prints with C(--output=json), decoded."""
        decoded: dict[str, Any] = json.loads(self(*arguments, "--output=json", context=context))
        return decoded

    def apply(self, *objects: Mapping[str, Any], context: str = "", manager: str = "") -> None:
        """Make objects, with server-side apply as C(manager) when one is named."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        how = ["--server-side", f"--field-manager={manager}"] if manager else []
        self("apply", *how, "--filename=-", context=context, stdin=items)

    def remove_namespace(self, *names: str, context: str = "") -> None:
        """Remove namespaces that may be there, with pods that would serve on for a while."""
        self("delete", "namespace", *names, "--ignore-not-found", "--wait=false", context=context)
        for name in names:
            self.hurry(name, context=context)
        self("delete", "namespace", *names, "--ignore-not-found", "--wait", context=context)

    def hurry(self, namespace: str, *pods: str, context: str = "") -> None:
        """Let pods end within a second, all of a namespace unless some are named."""
        which = pods or ("--all",)
        now = ("--grace-period=1", "--wait=false", "--ignore-not-found")
        self("delete", "pods", *which, "-n", namespace, *now, context=context)


@pytest.fixture(scope="session")
def kubectl(clusters: Clusters) -> Kubectl:
    """kubectl on the test clusters."""
    return Kubectl(clusters)


@dataclass(frozen=True)
class Call:
    """One task.

    Attributes:
        name: The module, without the collection's name.
        args: Its arguments; kubeconfig and context are those of the first cluster unless given.
        check: In check mode.
        own_process: In a process of the module's own, rather than in Ansible's worker.
        connection: Add kubeconfig and context, for a module that has these options.
    """

    name: str
    args: Mapping[str, Any]
    check: bool = False
    own_process: bool = False
    connection: bool = True


class Result(dict[str, Any]):
    """A task's result, which says all of itself where something is missing in it."""

    def __missing__(self, key: str) -> Any:
        pytest.fail(f"there is no {key!r} in {dict(self)}")


class Ansible:
    """Runs modules of this collection as the tasks of a real playbook.

    Attributes:
        output: What the last run printed, at verbosity 3.
    """

    def __init__(self, clusters: Clusters, folder: Path) -> None:
        self._clusters = clusters
        self._folder = folder
        self.output = ""

    def __call__(
        self, name: str, args: Mapping[str, Any], *, environment: Mapping[str, str] | None = None, **how: bool
    ) -> dict[str, Any]:
        """The result of one task, as a playbook would register it; a failed task is no error here.

        Args:
            name: As for C(Call).
            args: As for C(Call).
            environment: Variables of the Ansible process.
            how: The other attributes of C(Call).
        """
        return self.each(Call(name, args, **how), environment=environment)[0]

    @staticmethod
    def task(name: str, args: Mapping[str, Any], **how: bool) -> Call:
        """A task for C(each)."""
        return Call(name, args, **how)

    def each(self, *calls: Call, environment: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """The results of several tasks of one playbook, run one after another whether they fail or not."""
        results = self._folder / "results.json"
        results.unlink(missing_ok=True)
        variables = ", ".join(f"result_{number}" for number in range(len(calls)))
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": [
                *(self._task(call, number) for number, call in enumerate(calls)),
                {
                    "ansible.builtin.copy": {
                        "content": f"{{{{ [{variables}] | to_json }}}}",
                        "dest": str(results),
                        "mode": "0600",
                    }
                },
            ],
        }
        playbook = self._folder / "playbook.yml"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        run = subprocess.run(
            ["ansible-playbook", "-vvv", "-i", "localhost,", "-c", "local", str(playbook)],
            cwd=self._folder,
            env=ansible_environment(**(environment or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.output = run.stdout
        if not results.exists():
            pytest.fail(f"the playbook did not get to its end:\n{run.stdout}", pytrace=False)
        return [Result(each) for each in json.loads(results.read_text(encoding="utf-8"))]

    def _task(self, call: Call, number: int) -> dict[str, Any]:
        to_cluster = {"kubeconfig": str(self._clusters.kubeconfig), "context": self._clusters.contexts[0]}
        return {
            f"skyshift.clusterlink.{call.name}": {**(to_cluster if call.connection else {}), **call.args},
            "environment": {"CLUSTERLINK_TEST_OWN_PROCESS": "1"} if call.own_process else {},
            "register": f"result_{number}",
            "check_mode": call.check,
            "diff": True,
            "ignore_errors": True,
        }


@pytest.fixture
def run_module(clusters: Clusters, tmp_path: Path) -> Ansible:
    """Runs a module in a real playbook."""
    return Ansible(clusters, tmp_path)


@pytest.fixture
def crds(kubectl: Kubectl) -> None:
    """ClusterLink's kinds in the first cluster."""
    kubectl.apply(*crd_objects())
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{name}" for name in crd_names()))


@pytest.fixture
def no_crds(kubectl: Kubectl) -> None:
    """A first cluster that does not know ClusterLink's kinds."""
    kubectl("delete", "crd", "--ignore-not-found", "--wait", *crd_names())


def crd_names() -> list[str]:
    """The names of ClusterLink's CustomResourceDefinitions."""
    return [crd["metadata"]["name"] for crd in crd_objects()]


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace for one test in the first cluster."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Fabric:
    """A fabric's certificates, for all tests of a module."""
    return Fabric(tmp_path_factory.mktemp("fabric"))


@pytest.fixture(scope="module")
def address(
    request: pytest.FixtureRequest,
    clusters: Clusters,
    kubectl: Kubectl,
    fabric: Fabric,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Any]]:
    """Where a gateway is reached that stands in the namespace C(SPACE) of the module."""
    with standing(Ansible(clusters, tmp_path_factory.mktemp("run")), kubectl, fabric, request.module.SPACE) as address:
        yield address


@pytest.fixture
def present(run_module: Ansible, east: dict[str, str]) -> Callable[..., dict[str, Any]]:
    """Foretells a change of a module's C(east) in check mode, makes it, and runs again to see that nothing is left."""

    def change(*, changed: bool = True, **options: Any) -> dict[str, Any]:
        return bring(run_module, {**east, **options}, changed=changed)

    return change


@pytest.fixture
def installed(run_module: Ansible, east: dict[str, str]) -> dict[str, Any]:
    """A gateway as it is without any choice made, made or set back where it is not so."""
    result = run_module("gateway", east)
    assert not result.get("failed"), result["msg"]
    return result
