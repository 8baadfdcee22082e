# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab with a registry: clusters from images that were pulled, and nodes that pull from a mirror without TLS.

The registry is Debian's docker-registry, started here on loopback (and, for the nodes, on Docker's own network). What
it serves are the images of the lab of this machine, which is built first when it is not there yet.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.environment import ansible_environment

pytestmark = [pytest.mark.cluster, pytest.mark.long]

NAME = "cl-test-registry"
NODE = f"{NAME}-control-plane"
KEPT = "clusterlink-lab/node:kept-for-test"
PROGRAMS = ("cl-controlplane", "cl-dataplane", "cl-go-dataplane", "cl-operator")
GATEWAYS = tuple(f"ghcr.io/clusterlink-net/{program}:v0.4.1" for program in PROGRAMS)


def run(*command: str, stdin: str = "", check: bool = True) -> str:
    """What a command prints."""
    result = subprocess.run(
        command, env=ansible_environment(), input=stdin, capture_output=True, text=True, check=False
    )
    if check and result.returncode != 0:
        pytest.fail(f"{' '.join(command)}: {result.stdout}{result.stderr}", pytrace=False)
    return result.stdout.strip()


def image_id(name: str) -> str:
    """The id of an image in Docker; empty when there is none of that name."""
    return run("docker", "image", "ls", "--quiet", "--no-trunc", name)


class Lab:
    """Runs the role lab for one cluster with both workloads, or for none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kubeconfig = folder / "kubeconfig"
        self.kubectl = ""

    def __call__(self, *, clusters: bool = True, **settings: Any) -> str:
        """Run it and return the name of the node image that it wants."""
        found = self._folder / "found.json"
        wanted = [{"name": NAME, "workloads": ["web", "client"]}] if clusters else []
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": [
                {"ansible.builtin.include_role": {"name": "skyshift.clusterlink.lab", "public": True}},
                {
                    "ansible.builtin.copy": {
                        "content": "{{ {'image': lab_node_image | default(''), 'cache': lab_cache} | to_json }}",
                        "dest": str(found),
                        "mode": "0600",
                    }
                },
            ],
        }
        playbook = self._folder / "playbook.yml"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        settings = {"lab_clusters": wanted, "lab_kubeconfig": str(self._kubeconfig), **settings}
        run("ansible-playbook", "-i", "localhost,", "-c", "local", str(playbook), "-e", json.dumps(settings))
        result = json.loads(found.read_text(encoding="utf-8"))
        self.kubectl = f"{result['cache']}/bin/kubectl"
        return str(result["image"])

    def install_gateway(self, **settings: str) -> None:
        """Make the cluster a peer by the roles; returns when its gateway serves."""
        variables = {
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "clusterlink_kubeconfig": str(self._kubeconfig),
            "clusterlink_pki_dir": str(self._folder / "pki"),
            **{f"clusterlink_{name}": value for name, value in settings.items()},
        }
        play = {
            "hosts": "clusters",
            "gather_facts": False,
            "connection": "local",
            "roles": ["skyshift.clusterlink.fabric", "skyshift.clusterlink.gateway"],
        }
        inventory, playbook = self._folder / "inventory.json", self._folder / "gateway.yml"
        inventory.write_text(json.dumps({"clusters": {"hosts": {"solo": None}, "vars": variables}}), encoding="utf-8")
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        run("ansible-playbook", "-i", str(inventory), str(playbook))

    def in_cluster(self, *arguments: str, stdin: str = "") -> str:
        """What kubectl prints for the cluster."""
        return run(self.kubectl, "--kubeconfig", str(self._kubeconfig), *arguments, stdin=stdin)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """The lab of one cluster; the cluster goes at the end."""
    lab = Lab(tmp_path)
    yield lab
    lab(lab_state="absent", lab_stop_docker=False)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where registries keep their images: one folder for all tests, as what was pushed once is not compressed again."""
    return tmp_path_factory.mktemp("storage")


@pytest.fixture
def start_registry(tmp_path: Path, storage: Path) -> Iterator[Callable[[str], str]]:
    """Starts a registry at an IP address and returns its host and port."""
    program = shutil.which("docker-registry") or fetch_registry(tmp_path)
    processes: list[subprocess.Popen[bytes]] = []

    def start(address: str) -> str:
        with socket.socket() as probe:
            probe.bind((address, 0))
            host = f"{address}:{probe.getsockname()[1]}"
        config = tmp_path / f"registry-{len(processes)}.yml"
        settings = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(storage)}},
            "http": {"addr": host},
        }
        config.write_text(json.dumps(settings), encoding="utf-8")
        with (tmp_path / f"{config.stem}.log").open("wb") as log:
            processes.append(subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log))
        wait_until_it_answers(host)
        return host

    yield start
    for process in processes:
        process.terminate()
        process.wait(timeout=30)


def fetch_registry(folder: Path) -> str:
    """Unpack Debian's docker-registry into a folder, without installing it."""
    download = ["apt-get", "--quiet", "download", "docker-registry"]
    if subprocess.run(download, cwd=folder, check=False).returncode:  # apt's lists may be old, or emptied
        run("apt-get", "--quiet", "update")
        subprocess.run(download, cwd=folder, check=True)
    (package,) = folder.glob("docker-registry_*.deb")
    run("dpkg-deb", "--extract", str(package), str(folder))
    return str(folder / "usr" / "bin" / "docker-registry")


def wait_until_it_answers(host: str) -> None:
    """Wait until a registry answers; fail the test when it does not in time."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://{host}/v2/", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > deadline:
                pytest.fail(f"the registry at {host} does not answer: {error}")
            time.sleep(0.2)


def push(image: str, reference: str) -> None:
    """Push a local image to a registry, leaving no name behind."""
    run("docker", "tag", image, reference)
    run("docker", "push", "--quiet", reference)
    run("docker", "image", "rm", reference)


@pytest.fixture
def node_image(lab: Lab) -> Iterator[str]:
    """The node image of this machine's lab. A test may take its name away: it is kept under another one, too."""
    name = lab(clusters=False)
    run("docker", "tag", name, KEPT)
    yield name
    lab(lab_state="absent", lab_stop_docker=False)
    kept, after = image_id(KEPT), image_id(name)
    if kept:
        run("docker", "tag", KEPT, name)
        run("docker", "image", "rm", KEPT)
        if after not in ("", kept):
            run("docker", "image", "rm", after)


def answer(lab: Lab) -> str:
    """What the cluster's client hears from its web."""
    return lab.in_cluster("exec", "deployment/client", "--", "curl", "--silent", "--max-time", "5", "http://web")


def load_gateway_images() -> None:
    """Have the gateways' images in Docker, from the cluster's node if they are not there."""
    for image in GATEWAYS:
        if not image_id(image):
            run("bash", "-c", f"docker exec {NODE} ctr -n k8s.io images export - {image} | docker load")


def test_ready_node_image_is_pulled_and_nothing_is_built(
    lab: Lab, node_image: str, start_registry: Callable[[str], str]
) -> None:
    registry = f"{start_registry('127.0.0.1')}/ready"
    push(node_image, f"{registry}/{node_image}")
    pushed = image_id(node_image)
    run("docker", "image", "rm", "--force", node_image, KEPT)  # so that every byte has to come back

    lab(lab_image_source="pull", lab_registry=registry)

    assert image_id(node_image) == pushed
    assert run("docker", "inspect", "--format", "{{.Config.Image}}", NODE) == node_image
    assert f"hello from {NAME}, pod web-" in answer(lab)


def test_node_image_is_made_from_images_that_are_pulled(
    lab: Lab, node_image: str, start_registry: Callable[[str], str]
) -> None:
    if not all(image_id(image) for image in GATEWAYS):
        lab()
        load_gateway_images()
        lab(lab_state="absent", lab_stop_docker=False)
    registry = f"{start_registry('127.0.0.1')}/parts"
    # The lab's own node image has all that kind's has, so it stands in for that one.
    push(node_image, f"{registry}/kindest/node:{node_image.partition(':')[2].partition('-')[0]}")
    for image in GATEWAYS:
        push(image, image.replace("ghcr.io", registry))
    before = image_id(node_image)
    run("docker", "image", "rm", node_image)

    # This image runs without CAP_SYS_RESOURCE, other than the one that it stands for.
    lab(lab_image_source="pull", lab_registry=registry, lab_capable=True)

    assert image_id(node_image) not in ("", before)
    assert f"hello from {NAME}, pod web-" in answer(lab)


def test_registry_without_the_images_is_an_error_that_names_them(
    lab: Lab, node_image: str, start_registry: Callable[[str], str]
) -> None:
    registry = f"{start_registry('127.0.0.1')}/nothing"
    run("docker", "image", "rm", node_image)

    with pytest.raises(pytest.fail.Exception) as failure:
        lab(lab_image_source="pull", lab_registry=registry)

    assert f"{registry} did not give" in str(failure.value)
    assert node_image in str(failure.value)


def test_nodes_pull_from_a_mirror_that_has_no_tls(lab: Lab, start_registry: Callable[[str], str]) -> None:
    lab()
    load_gateway_images()
    loopback = start_registry("127.0.0.1")
    network = json.loads(run("docker", "network", "inspect", "kind"))[0]
    (address,) = [entry["Gateway"] for entry in network["IPAM"]["Config"] if "." in entry.get("Gateway", "")]
    mirror = start_registry(address)
    for image in GATEWAYS:
        push(image, image.replace("ghcr.io", loopback))

    lab(lab_insecure_registries=[mirror])

    for image in GATEWAYS:
        run("docker", "exec", NODE, "ctr", "-n", "k8s.io", "images", "rm", image)
    for dataplane, program in (("envoy", "cl-dataplane"), ("go", "cl-go-dataplane")):
        lab.install_gateway(image_registry=f"{mirror}/clusterlink-net", dataplane=dataplane)
        pods = json.loads(lab.in_cluster("get", "pods", "--namespace=clusterlink-system", "--output=json"))["items"]
        statuses = [pod["status"]["containerStatuses"][0] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        pulled = {status["imageID"].partition("@")[0] for status in statuses if status["ready"]}
        assert pulled == {f"{mirror}/clusterlink-net/{name}" for name in ("cl-controlplane", program)}
