# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook in forks of a process that has imported Ansible, the actions' libraries and the modules.

To start it takes more than a second of a core, nearly all of it to import the same again. What runs is the same
otherwise: one process for each run, with the folder, environment and output of its own. Only module_utils/lock is
imported by each run, since its file belongs to one run.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from socketserver import ForkingMixIn, StreamRequestHandler, UnixStreamServer
from typing import IO, Any

from tests.support.paths import ROOT

IMPORTED = ("ansible.cli.playbook", "cryptography.x509", "kubernetes.client.api_client", "kubernetes.config")
MODULES = "ansible_collections.skyshift.clusterlink.plugins.modules"
WITH_THE_LOCK = "fabric_lock"
PLUGINS = ("cache", "callback", "connection", "inventory", "shell", "strategy")
"""The kinds of Ansible's own plugins that every run loads; reading their documentation takes most of its start."""
NOT_OF_A_RUN = ("PYTEST_CURRENT_TEST",)
READ_LATE = ("CLUSTERLINK_", "K8S_AUTH_")
"""What the names of variables begin with that nothing reads as it is imported."""

READY = "ready\n"

one_at_a_time = threading.Lock()
servers: list[subprocess.Popen[str]] = []


def ansible_playbook(
    arguments: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook; its exit code, output and errors, whatever they are.

    Args:
        arguments: What follows the program's name.
        cwd: Where it runs.
        env: Its environment. Each other environment takes a process that imports Ansible, but for what is read late.
    """
    late = {name: value for name, value in env.items() if name.startswith(READ_LATE)}
    variables = {name: value for name, value in env.items() if name not in (*NOT_OF_A_RUN, *late)}
    with one_at_a_time:
        path = _server(tuple(sorted(variables.items())))
    command = ["ansible-playbook", *map(str, arguments)]
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw", encoding="utf-8") as stream:
        connection.connect(path)
        stream.write(json.dumps([command, str(cwd), late]) + "\n")
        stream.flush()
        code, output, errors = json.load(stream)
    return subprocess.CompletedProcess(command, code, output, errors)


@functools.cache
def _server(environment: tuple[tuple[str, str], ...]) -> str:
    """The socket of a server with this environment; it ends soon after this process."""
    path = str(Path(tempfile.mkdtemp(prefix="ansible-")) / "socket")
    command = [sys.executable, "-m", "tests.support.forked_ansible", path]
    server = subprocess.Popen(
        command, cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    servers.append(server)
    assert server.stdout is not None
    if server.stdout.readline() != READY:
        raise RuntimeError(f"{' '.join(command)} ended with {server.wait()}")
    return path


class Run(StreamRequestHandler):
    """One run, in a process of its own."""

    def handle(self) -> None:
        """Read arguments, folder and variables as a line of JSON; answer with exit code, output and errors."""
        command, folder, variables = json.loads(self.rfile.readline())
        os.chdir(folder)
        os.environ.update(variables)
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            code: Any = 0
            try:
                importlib.import_module("ansible.cli.playbook").main(command)
            except SystemExit as end:
                code = end.code
            sys.stdout.flush()
            sys.stderr.flush()
            self.wfile.write(json.dumps([code, _whole(output), _whole(errors)]).encode())


class Server(ForkingMixIn, UnixStreamServer):
    """Forks for each run, as long as the process lives that started it."""

    max_children = 100
    parent = os.getppid()

    def service_actions(self) -> None:
        """Twice a second: end when nobody is left who could ask."""
        super().service_actions()
        if os.getppid() != self.parent:
            sys.exit()


def _whole(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _import_plugins() -> None:
    """Load Ansible's own plugins and this collection's modules, as its main process does for every play."""
    loader = importlib.import_module("ansible.plugins.loader")
    loader.init_plugin_loader()
    for kind in PLUGINS:
        list(getattr(loader, f"{kind}_loader").all(class_only=True))
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")  # as every run finds it
    for path in sorted(ROOT.glob("plugins/modules/*.py")):
        if path.stem not in ("__init__", WITH_THE_LOCK):
            importlib.import_module(f"{MODULES}.{path.stem}")


def serve(path: str) -> None:
    """Import what every run needs, say so by a line, and serve."""
    for name in IMPORTED:
        importlib.import_module(name)
    _import_plugins()
    gc.freeze()
    try:
        with Server(path, Run) as server:
            print(READY, end="", flush=True)
            server.serve_forever()
    finally:
        shutil.rmtree(Path(path).parent)


if __name__ == "__main__":
    serve(sys.argv[1])
