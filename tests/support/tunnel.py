# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tunnel to an API server that can go silent, as a network that drops packets: connections stay, nothing comes."""

from __future__ import annotations

import copy
import socket
import threading
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit


class Tunnel:
    """The tunnel to the only cluster of a kubeconfig, for use with C(with).

    Attributes:
        kubeconfig: The same kubeconfig through the tunnel.
    """

    def __init__(self, kubeconfig: dict[str, Any]) -> None:
        self.kubeconfig = copy.deepcopy(kubeconfig)
        cluster = self.kubeconfig["clusters"][0]["cluster"]
        target = urlsplit(cluster["server"])
        self._target = (str(target.hostname), int(target.port or 443))
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        cluster["server"] = f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def silence(self) -> None:
        """Pass nothing more on, in any connection."""
        self._open.clear()

    def resume(self) -> None:
        """Pass everything on."""
        self._open.set()

    def __enter__(self) -> Tunnel:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(self._target)
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()
