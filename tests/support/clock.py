# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real API server that seems to have another clock: a proxy passes requests on, and shifts the time in answers."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.support.kubectl import Kubectl

if TYPE_CHECKING:
    from tests.support.clusters import Clusters

_HOP = {"connection", "transfer-encoding", "content-length", "date"}
"""Headers that are the proxy's own."""


@contextmanager
def api_with_clock(clusters: Clusters, seconds: int) -> Iterator[dict[str, str]]:
    """The connection options of the first cluster, by a proxy by which its clock is so many seconds ahead."""
    with _kubectl_proxy(clusters) as port:

        class Shift(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                upstream = HTTPConnection("127.0.0.1", port, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                upstream.request(self.command, self.path, body, headers)
                answer = upstream.getresponse()
                content = answer.read()
                self.send_response_only(answer.status)
                said = parsedate_to_datetime(answer.getheader("Date", ""))
                self.send_header("Date", format_datetime(said + timedelta(seconds=seconds), usegmt=True))
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                upstream.close()

            do_GET = do_PATCH = do_POST = do_DELETE = pass_on  # noqa: N815 - the names that http.server calls

            def log_message(self, *_arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Shift)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield {"host": f"http://127.0.0.1:{server.server_port}"}
        finally:
            server.shutdown()
            server.server_close()


@contextmanager
def _kubectl_proxy(clusters: Clusters) -> Iterator[int]:
    """The port at which kubectl passes requests on, authenticated."""
    command = [*Kubectl(clusters).command, "--context", clusters.contexts[0], "proxy", "--port=0"]
    proxy = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert proxy.stdout is not None
        started = re.search(r":(\d+)", proxy.stdout.readline())
        assert started is not None
        yield int(started[1])
    finally:
        proxy.terminate()
        proxy.wait()
