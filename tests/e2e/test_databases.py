# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL and a Redis behind gateways pass without any setting, and refuse who may not call.

Each is imported twice: with its own port, where a probe knows the protocol, and with another, where it asks HTTP first.
Their image is made from Debian's packages, as the lab's are.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.clusters import Clusters, node_of
from tests.support.environment import ansible_environment
from tests.support.fabrics import EAST, WEST, DeclaredFabric, populated
from tests.support.paths import ROOT
from tests.support.workloads import client, stranger

if TYPE_CHECKING:
    from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SPACE = "databases"
IMAGE = "clusterlink-test/databases:v1"
PACKAGES = ("systemd", "postgresql", "redis-server", "ca-certificates")
PORTS = {"postgres": 5432, "redis": 6379}
OTHER_PORTS = {"postgres": 15432, "redis": 16379}
SERVE = {
    "postgres": (
        "cd /tmp && B=$(echo /usr/lib/postgresql/*/bin) && runuser -u postgres -- $B/initdb -D /tmp/db --auth=trust"
        " && exec runuser -u postgres -- $B/postgres -D /tmp/db -k /tmp -c listen_addresses='*'"
    ),
    "redis": "exec redis-server --bind 0.0.0.0 --protected-mode no --save '' --dir /tmp",
}


def make_image(folder: Path, *nodes: str) -> None:
    """Make the image of both servers, and load it into the nodes."""

    def run(*command: str, **options: Any) -> None:
        done = subprocess.run(command, cwd=folder, env=ansible_environment(), check=False, **options)
        assert done.returncode == 0, command

    run(str(ROOT / "roles/lab/files/build-debian"), "", "bookworm", *PACKAGES)
    run("docker", "import", "rootfs.tar", IMAGE)
    run("docker", "save", "--output", "image.tar", IMAGE)
    for node in nodes:
        with (folder / "image.tar").open("rb") as image:
            load = ("docker", "exec", "--interactive", node, "ctr", "--namespace", "k8s.io", "images", "import", "-")
            run(*load, stdin=image)


class Databases(DeclaredFabric):
    """A fabric whose one cluster has both servers, and whose other has a client and a stranger."""

    def __init__(self, clusters: Clusters, folder: Path) -> None:
        super().__init__(clusters, (EAST, WEST), folder, SPACE)
        allow = [{"from": {"app": "frontend"}}]
        common = {"namespace": SPACE, "exported_by": [EAST], "imported_by": [WEST], "allow": allow}
        self.variables["clusterlink_services"] = [
            {**common, "name": name, "port": port} for name, port in PORTS.items()
        ] + [
            {
                **common,
                "name": f"{name}-elsewhere",
                "port": PORTS[name],
                "host": f"{name}.{SPACE}.svc.cluster.local",
                "import_as": {"port": port},
            }
            for name, port in OTHER_PORTS.items()
        ]

    def populate(self) -> None:
        """Make the servers in one cluster, and the clients in the other."""
        self.inhabit({EAST: [obj for name in PORTS for obj in server(name)], WEST: [*client(SPACE), *stranger(SPACE)]})


def server(name: str) -> list[dict[str, Any]]:
    """A server's pod, which is ready when it takes connections, and its Service."""
    metadata = {"name": name, "namespace": SPACE, "labels": {"app": name}}
    container = {
        "name": "server",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", SERVE[name]],
        "readinessProbe": {"tcpSocket": {"port": PORTS[name]}, "periodSeconds": 2},
    }
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    ports = {"selector": {"app": name}, "ports": [{"port": PORTS[name]}]}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": ports},
    ]


@pytest.fixture(scope="module")
def fabric(clusters: Clusters, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    made = Databases(clusters, tmp_path_factory.mktemp("fabric"))
    make_image(tmp_path_factory.mktemp("image"), node_of(made.contexts[EAST]))
    with populated(made, kubectl):
        yield made


def test_databases_pass_without_a_setting_and_refuse_a_stranger(fabric: Databases) -> None:
    _before, _task, responses = fabric.must("site").output.partition("Show the responses")
    said = " ".join(responses.split())
    for name in (*PORTS, *(f"{each}-elsewhere" for each in OTHER_PORTS)):
        assert f"{SPACE}/{name} accepts connections" in said, said
        assert f"{SPACE}/{name} is refused, as expected (from Pod {SPACE}/stranger container main)" in said, said


def test_database_that_is_gone_fails(fabric: Databases, kubectl: Kubectl) -> None:
    """The gateway still accepts connections to it, and then closes them."""
    kubectl("delete", "pod", "redis", "--namespace", SPACE, context=fabric.contexts[EAST])
    run = fabric.must("site", code=2)
    assert f"{SPACE}/redis: 1 of 1 requests were not answered" in " ".join(run.output.split())
