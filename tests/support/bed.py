# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bed of real Kubernetes API servers without nodes: one etcd, and processes that end with whoever started them.

    python -m tests.support.bed [--servers 3]      prints the kubeconfig's path, and serves until it is interrupted

Every server has a context of its own, its own part of etcd, RBAC with a user who may do everything, and those
controllers that need no node: namespaces, owners, roles, Deployments. There are no pods. Three servers start in 5
seconds and take 250 MB each. Tests use it, and measurements of scale.
"""

from __future__ import annotations

import argparse
import base64
import json
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path

import urllib3

from tests.support.clusters import Clusters, build_programs
from tests.support.paths import LAB_CACHE

_SECONDS = 120
"""How long a server may take until it is ready; on two busy cores, twenty take 50."""

_CONTROLLERS = (
    *("namespace-controller", "garbage-collector-controller", "serviceaccount-controller"),
    *("clusterrole-aggregation-controller", "root-ca-certificate-publisher-controller"),
    *("deployment-controller", "replicaset-controller"),
)


@contextmanager
def bed(servers: int, folder: Path, version: str = "") -> Iterator[Clusters]:
    """API servers that are ready, while the body runs.

    Args:
        servers: How many.
        folder: An empty folder for their files; C(kubeconfig) in it has a context C(bed-N) for each.
        version: Of Kubernetes, C(oldest) or C(newest), instead of the default. The controllers are the default's.
    """
    build_programs(*filter(None, [version]))
    apiserver = f"kube-apiserver-{version}" if version else "kube-apiserver"
    token = secrets.token_hex(16)
    (folder / "tokens").write_text(f'{token},admin,admin,"system:masters"\n', encoding="utf-8")
    _run("openssl", "genrsa", "-out", str(folder / "accounts.key"), "2048")
    names = [f"bed-{number}" for number in range(1, servers + 1)]
    with ExitStack() as processes:
        etcd = _start_etcd(processes, folder)
        ports = {name: _start_apiserver(processes, folder / name, etcd, apiserver) for name in names}
        for name, port in ports.items():
            _wait_until_ready(port, token, folder / name)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(ports, token, folder)), encoding="utf-8")
        for name in names:
            _start_controllers(processes, folder / name, kubeconfig)
        yield Clusters(kubeconfig, tuple(names))


def _start_etcd(processes: ExitStack, folder: Path) -> str:
    client, peer = (f"http://127.0.0.1:{_free_port()}" for _each in range(2))
    _start(
        *(processes, folder / "etcd.log", "etcd", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
        *("--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer),
        *("--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
    )
    return client


def _start_apiserver(processes: ExitStack, folder: Path, etcd: str, program: str) -> int:
    """Start a server that signs its own certificate into its folder; returns its port."""
    port, shared = _free_port(), folder.parent
    _start(
        *(processes, shared / f"{folder.name}.log", program, f"--etcd-servers={etcd}"),
        *(f"--etcd-prefix=/{folder.name}", "--bind-address=127.0.0.1", f"--secure-port={port}"),
        *(f"--cert-dir={folder}", f"--token-auth-file={shared / 'tokens'}", "--authorization-mode=RBAC"),
        *("--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.0.0.0/24"),
        *(f"--service-account-{use}-file={shared / 'accounts.key'}" for use in ("key", "signing-key")),
        "--allow-privileged",
    )
    return port


def _start_controllers(processes: ExitStack, folder: Path, kubeconfig: Path) -> None:
    own = folder / "kubeconfig"
    own.write_text(
        json.dumps({**json.loads(kubeconfig.read_text(encoding="utf-8")), "current-context": folder.name}),
        encoding="utf-8",
    )
    _start(
        *(processes, folder / "controllers.log", "kube-controller-manager", f"--kubeconfig={own}"),
        *(f"--controllers={','.join(_CONTROLLERS)}", "--leader-elect=false", "--secure-port=0"),
        *(f"--root-ca-file={folder / 'apiserver.crt'}", "--concurrent-namespace-syncs=10"),
    )


def _kubeconfig(ports: dict[str, int], token: str, folder: Path) -> dict[str, object]:
    clusters = [
        {
            "name": name,
            "cluster": {
                "server": f"https://127.0.0.1:{port}",
                "certificate-authority-data": base64.b64encode((folder / name / "apiserver.crt").read_bytes()).decode(),
            },
        }
        for name, port in ports.items()
    ]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters,
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "admin"}} for name in ports],
    }


def _start(processes: ExitStack, log: Path, program: str, *arguments: str) -> None:
    """Start a program of the lab that the kernel kills when this process ends, however it does."""
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", str(LAB_CACHE / "bin" / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    processes.callback(process.wait)
    processes.callback(process.kill)


def _wait_until_ready(port: int, token: str, folder: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while (trouble := _trouble(port, token, folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if trouble:
        log = folder.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
        raise TimeoutError(
            "\n".join([f"{folder.name} is not ready after {_SECONDS} s: {trouble}", *log.splitlines()[-20:]])
        )


def _trouble(port: int, token: str, folder: Path) -> str:
    """Why a server is not ready; nothing when it is."""
    try:
        pool = urllib3.PoolManager(ca_certs=str(folder / "apiserver.crt"), retries=False, timeout=10)
        headers = {"Authorization": f"Bearer {token}"}
        answer = pool.request("GET", f"https://127.0.0.1:{port}/readyz", headers=headers)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return str(error)
    return "" if answer.status == HTTPStatus.OK else answer.data.decode(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.bed", description=__doc__)
    parser.add_argument("--servers", type=int, default=3)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, bed(asked.servers, Path(folder)) as clusters:
        print(clusters.kubeconfig, flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())
