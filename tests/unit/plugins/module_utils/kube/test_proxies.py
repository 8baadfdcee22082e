# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and commands in containers go through the same proxies, which are real ones on loopback."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.exec import Container, run_in_container
from tests.support.tls import key_and_certificate
from tests.unit.exec_server import ExecServer
from tests.unit.proxy import Proxy

CONTAINER = Container("default", "frontend-0", "app")
USER, PASSWORD = "ada", "p@ss:w/rd"  # what a URL must encode
IN_URL = "ada:p%40ss%3Aw%2Frd"
SCHEMES = ("http", "https", "socks5", "socks5h")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The files of a certificate for 127.0.0.1 and of its key."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key, pem = key_and_certificate()
    (folder / "key.pem").write_bytes(key)
    (folder / "cert.pem").write_bytes(pem)
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.fixture
def tls(certificate: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def server(tls: ssl.SSLContext) -> Iterator[ExecServer]:
    made = ExecServer(tls)
    yield made
    made.close()


@pytest.fixture
def start(tls: ssl.SSLContext) -> Iterator[Callable[[str], Proxy]]:
    made: list[Proxy] = []

    def build(scheme: str) -> Proxy:
        made.append(Proxy(scheme, USER, PASSWORD, tls if scheme == "https" else None))
        return made[-1]

    yield build
    for proxy in made:
        proxy.close()


@pytest.fixture
def options(server: ExecServer, certificate: tuple[str, str]) -> dict[str, Any]:
    return {"host": server.url, "api_key": "t", "ca_cert": certificate[0], "retry_timeout": 0}


def run(options: dict[str, Any]) -> str:
    with connect(options) as cluster:
        return run_in_container(cluster, CONTAINER, ["true"], timeout=5).stdout


def get(options: dict[str, Any]) -> object:
    with connect(options) as cluster:
        return cluster.get("Peer", "p", "a")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("in_url", [True, False], ids=["url", "headers"])
def test_commands_go_through_the_proxy(
    server: ExecServer, start: Callable[[str], Proxy], options: dict[str, Any], scheme: str, in_url: bool
) -> None:
    proxy = start(scheme)
    server.messages = [b"\x01done", b'\x03{"status":"Success"}']
    options["proxy"] = f"{scheme}://{IN_URL + '@' if in_url else ''}{proxy.address}"
    if not in_url:
        options["proxy_headers"] = {"proxy_basic_auth": f"{USER}:{PASSWORD}"}
    assert run(options) == "done"
    assert proxy.targets == [server.url.removeprefix("https://")]
    assert "proxy-authorization" not in server.request.lower()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("in_url", [True, False], ids=["url", "headers"])
def test_requests_go_through_the_proxy(
    server: ExecServer, start: Callable[[str], Proxy], options: dict[str, Any], scheme: str, in_url: bool
) -> None:
    proxy = start(scheme)
    server.response = (200, {"kind": "Peer"})
    options["proxy"] = f"{scheme}://{IN_URL + '@' if in_url else ''}{proxy.address}"
    if not in_url:
        options["proxy_headers"] = {"proxy_basic_auth": f"{USER}:{PASSWORD}"}
    assert get(options) == {"kind": "Peer"}
    assert proxy.targets == [server.url.removeprefix("https://")]
    assert "proxy-authorization" not in server.request.lower()


def test_names_are_looked_up_by_a_socks_proxy_as_kubectl_does(
    server: ExecServer, start: Callable[[str], Proxy], options: dict[str, Any]
) -> None:
    proxy = start("socks5")
    port = server.url.rpartition(":")[2]
    options |= {"host": f"https://no.such.host.invalid:{port}", "proxy": f"socks5://{IN_URL}@{proxy.address}"}
    for ask in (run, get):
        with pytest.raises(ClusterlinkError):
            ask(options)
    assert proxy.targets == [f"no.such.host.invalid:{port}"] * 2


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("ask", [run, get], ids=["command", "request"])
def test_a_proxy_that_refuses_is_an_error_without_the_password(
    start: Callable[[str], Proxy], options: dict[str, Any], scheme: str, ask: Callable[[dict[str, Any]], object]
) -> None:
    proxy = start(scheme)
    options["proxy"] = f"{scheme}://ada:hunter2@{proxy.address}"
    with pytest.raises(ClusterlinkError) as raised:
        ask(options)
    assert "hunter2" not in str(raised.value)
    assert (proxy.refused, proxy.targets) == (1, [])


def test_commands_go_around_the_proxy_where_requests_do(
    server: ExecServer, start: Callable[[str], Proxy], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = start("http")
    monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
    server.messages = [b"\x01done", b'\x03{"status":"Success"}']
    assert run({**options, "proxy": f"http://{proxy.address}", "no_proxy": "127.0.0.0/8"}) == "done"
    assert (proxy.refused, proxy.targets) == (0, [])


def in_kubeconfig(options: dict[str, Any], proxy: str) -> dict[str, Any]:
    """The same server and token by a kubeconfig whose cluster names a proxy."""
    cluster = {"server": options["host"], "certificate-authority": options["ca_cert"], "proxy-url": proxy}
    context = {"cluster": "c", "user": "u"}
    content = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": options["api_key"]}}],
        "contexts": [{"name": "c", "context": context}],
    }
    return {"kubeconfig": content, "retry_timeout": 0}


def ask_both(server: ExecServer, options: dict[str, Any], ask: str) -> None:
    """Make a request, or run a command."""
    if ask == "request":
        server.response = (200, {"kind": "Peer"})
        assert get(options) == {"kind": "Peer"}
    else:
        server.messages = [b"\x01done", b'\x03{"status":"Success"}']
        assert run(options) == "done"


@pytest.mark.parametrize("ask", ["command", "request"])
def test_a_kubeconfigs_proxy_is_used(
    server: ExecServer, start: Callable[[str], Proxy], options: dict[str, Any], ask: str
) -> None:
    proxy = start("http")
    ask_both(server, in_kubeconfig(options, f"http://{IN_URL}@{proxy.address}"), ask)
    assert proxy.targets == [server.url.removeprefix("https://")]


@pytest.mark.parametrize("ask", ["command", "request"])
@pytest.mark.parametrize("no_proxy", ["", "127.0.0.1"])
def test_the_environments_proxy_is_used_but_for_hosts_that_it_excepts(  # noqa: PLR0917
    server: ExecServer,
    start: Callable[[str], Proxy],
    options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    ask: str,
    no_proxy: str,
) -> None:
    proxy = start("http")
    for name, value in (("https_proxy", f"http://{IN_URL}@{proxy.address}"), ("no_proxy", no_proxy)):
        monkeypatch.setenv(name, value)
        monkeypatch.delenv(name.upper(), raising=False)
    ask_both(server, options, ask)
    assert proxy.targets == ([] if no_proxy else [server.url.removeprefix("https://")])


def test_a_tls_proxy_must_be_trusted(
    server: ExecServer, start: Callable[[str], Proxy], options: dict[str, Any]
) -> None:
    proxy = start("https")
    server.messages = [b"\x01done", b'\x03{"status":"Success"}']
    options["proxy"] = f"https://{IN_URL}@{proxy.address}"
    with pytest.raises(ClusterlinkError, match=r"(?i)certificate"):
        run({**options, "ca_cert": None})
    assert proxy.targets == []
    assert run({**options, "ca_cert": None, "validate_certs": False}) == "done"
