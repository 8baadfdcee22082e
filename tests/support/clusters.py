# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clusters that tests run on, and how the role lab makes them."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.digests import digest_of
from tests.support.environment import ansible_environment
from tests.support.paths import LAB_CACHE, ROOT


@dataclass(frozen=True)
class Clusters:
    """The clusters to test on: their kubeconfig and contexts."""

    kubeconfig: Path
    contexts: tuple[str, ...]


def named_clusters() -> Clusters | None:
    """The clusters that the environment names to test on, which stay; None when it names none."""
    kubeconfig = os.environ.get("CLUSTERLINK_TEST_KUBECONFIG")
    contexts = tuple(name for name in os.environ.get("CLUSTERLINK_TEST_CONTEXTS", "").split(",") if name)
    if bool(kubeconfig) != bool(contexts):
        pytest.fail("CLUSTERLINK_TEST_KUBECONFIG and CLUSTERLINK_TEST_CONTEXTS go together: set both, or none")
    return Clusters(Path(kubeconfig), contexts) if kubeconfig else None


E2E_NAMES = ("e2e-a", "e2e-b", "e2e-c")
"""The clusters that all tests of gateways share: each costs a tenth of two cores while it does nothing."""
E2E_KUBECONFIG = ROOT / ".build" / "e2e" / "kubeconfig"


@contextmanager
def kind_clusters(
    names: Sequence[str], kubeconfig: Path, *, nodes: int = 1, ip_family: str = "ipv4", others: Sequence[str] = ()
) -> Iterator[Clusters]:
    """Bare kind clusters of the role lab while the body runs; what an earlier run has left of them goes first.

    Args:
        names: Of the clusters; their contexts are C(kind-NAME).
        kubeconfig: Where their access is written.
        nodes: How many each has.
        ip_family: Of their addresses, C(ipv4) or C(dual).
        others: Clusters that an earlier run may have left besides, which go, too.
    """
    clusters = [{"name": name, "nodes": nodes, "ip_family": ip_family} for name in names]
    left = [{"name": name} for name in {*names, *others}]
    variables: dict[str, object] = {"lab_clusters": clusters, "lab_kubeconfig": str(kubeconfig)}
    _play_lab({**variables, "lab_clusters": []})  # Docker runs now, and shows containers that an earlier run has left
    _play_lab({**variables, "lab_clusters": left, "lab_state": "absent", "lab_stop_docker": False})
    try:
        _play_lab(variables)
        yield Clusters(kubeconfig, tuple(f"kind-{name}" for name in names))
    finally:
        _play_lab({**variables, "lab_state": "absent"})


def together(program: str, kubeconfig: Path, *some: Clusters) -> Clusters:
    """The first cluster of each, in one kubeconfig.

    Args:
        program: kubectl.
        kubeconfig: Where their access is written.
        some: The clusters, each of a kubeconfig of its own.
    """
    files = {"KUBECONFIG": os.pathsep.join(str(each.kubeconfig) for each in some)}
    show = (program, "config", "view", "--raw", "--flatten")
    merged = subprocess.run(show, env=files, check=True, capture_output=True, text=True).stdout
    kubeconfig.touch(0o600)
    kubeconfig.write_text(merged, encoding="utf-8")
    return Clusters(kubeconfig, tuple(each.contexts[0] for each in some))


def node_of(context: str) -> str:
    """The container that is a kind cluster's node."""
    return f"{context.removeprefix('kind-')}-control-plane"


def on_node(context: str, *command: str, stdin: str = "") -> str:
    """Run a command on a kind cluster's node; what it printed.

    Raises:
        AssertionError: It failed; with what it said.
    """
    run = ("docker", "exec", "--interactive", node_of(context), *command)
    done = subprocess.run(run, check=False, input=stdin, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(run)}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def paused(context: str) -> Iterator[None]:
    """A cluster stands still while the body runs; its node is ready again after it, as far as its container goes."""
    subprocess.run(["docker", "pause", node_of(context)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["docker", "unpause", node_of(context)], check=True, capture_output=True)


_KILL = """
of_namespace="labels.\\"io.kubernetes.pod.namespace\\"==$1"
for each in $(ctr --namespace k8s.io containers ls --quiet "$of_namespace"); do
  ctr --namespace k8s.io tasks kill --all --signal KILL "$each" 2>/dev/null || :  # it has ended, or was never started
done
"""


def kill_containers(context: str, namespace: str) -> None:
    """Kill the containers of all pods of a namespace; those that Kubernetes wants to run begin anew."""
    on_node(context, "sh", "-ec", _KILL, "kill", namespace)


_ROUND_SECONDS = 6
"""In this time Kubernetes decides whether a node that it has not heard of is lost: it looks every 5 s."""


def wait_until_awake(clusters: Clusters, contexts: Sequence[str], *namespaces: str) -> None:
    """Wait until clusters that stood still are as before: their nodes, Kubernetes' own pods, and those of namespaces.

    A node that slept looks ready until Kubernetes finds its last sign too old. Then its pods take no new connections
    until it has given another.
    """
    time.sleep(_ROUND_SECONDS)
    pods = (("pods", f"--namespace={namespace}") for namespace in ("kube-system", *namespaces))
    awake = (("nodes",), *pods)
    for context in contexts:
        kubectl = (str(LAB_CACHE / "bin" / "kubectl"), "--kubeconfig", str(clusters.kubeconfig), "--context", context)
        for which in awake:
            wait = ("wait", *which, "--all", "--for=condition=Ready", "--timeout=120s")
            subprocess.run([*kubectl, *wait], check=True, capture_output=True)


_PROGRAMS = ("etcd", "clusterlink", "kube-apiserver", "kube-controller-manager", "kubectl-built")


def build_programs(*others: str) -> None:
    """Have the role lab build what API servers without nodes are made of, unless that is done, into the cache.

    To ask the role takes ten seconds of a core, so what it has made is noted in the cache, with a digest of the role.

    Args:
        others: Versions of Kubernetes, C(oldest) or C(newest), whose API servers are wanted besides the default's.
    """
    LAB_CACHE.mkdir(parents=True, exist_ok=True)
    note = LAB_CACHE / f"{'-'.join(['programs', *others])}.json"
    names = [*_PROGRAMS, *(f"kube-apiserver-{version}" for version in others)]
    with (LAB_CACHE / "programs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes of tests wait, and then find the note
        if not note.exists() or json.loads(note.read_text(encoding="utf-8")) != _made_programs(names):
            _play_lab({"lab_state": "programs", "lab_api_servers": others})
            note.write_text(json.dumps(_made_programs(names)), encoding="utf-8")


def _made_programs(names: Sequence[str]) -> dict[str, str]:
    """What the role made the programs from, and where they are now; a program that is gone is left out."""
    role = ROOT / "roles" / "lab"
    places = {name: LAB_CACHE / "bin" / name for name in names}
    return {
        "role": digest_of((path for path in role.rglob("*") if path.is_file()), role),
        **{name: str(place.resolve()) for name, place in places.items() if place.exists()},
    }


def _play_lab(variables: Mapping[str, object]) -> None:
    settings = {**variables, "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
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
        pytest.fail(f"role lab failed with {dict(variables)}:\n{run.stdout}", pytrace=False)
