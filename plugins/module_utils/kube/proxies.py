# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to an API server, direct or through a proxy: pooled for requests, and single ones for websockets."""

from __future__ import annotations

import base64
import socket
import ssl
from typing import Any, cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

from ..errors import ClusterlinkError, Problem
from .tls import proxy_tls_context

try:
    import urllib3
    from kubernetes.client.configuration import Configuration
    from kubernetes.client.rest import should_bypass_proxies
except ImportError:
    pass  # reported by libraries.library_problems: the kubernetes package brings them

_PARALLEL = 8
"""Connections that are kept open for reuse."""
_AUTHORIZATION = "proxy-authorization"
_PORTS = {"http": 80, "https": 443}


def basic(credentials: str) -> str:
    """The header for HTTP basic authentication, in UTF-8 as kubectl sends it."""
    return f"Basic {base64.b64encode(credentials.encode(errors='surrogateescape')).decode()}"


def use_environment(configuration: Configuration) -> None:
    """Set the environment's proxy and the hosts without one, where nothing else names them.

    The package does so only in its later releases, and each in its own way.
    """
    found = getproxies_environment()
    if configuration.proxy is None:
        configuration.proxy = found.get(urlsplit(configuration.host).scheme) or found.get("all")
    if configuration.no_proxy is None:
        configuration.no_proxy = found.get("no")


def connection_pool(configuration: Configuration, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
    """The pool of connections to the configuration's server.

    Raises:
        ClusterlinkError: The proxy cannot be used; its URL, which may have a password, is not shown.
    """
    settings: dict[str, Any] = {"maxsize": _PARALLEL, "ssl_context": tls}
    if configuration.tls_server_name:
        settings["server_hostname"] = configuration.tls_server_name
    if configuration.assert_hostname is not None:
        settings["assert_hostname"] = configuration.assert_hostname
    try:
        if not configuration.proxy or should_bypass_proxies(configuration.host, configuration.no_proxy or ""):
            return urllib3.PoolManager(**settings)
        return _through_proxy(configuration, settings)
    except (urllib3.exceptions.HTTPError, ImportError, ValueError) as error:
        fix = "Give a URL such as http://proxy:3128; socks5:// needs the Python package PySocks, too"
        # A URL that cannot be parsed is repeated in the message, with its password.
        found = "" if isinstance(error, ValueError) else str(error)
        raise ClusterlinkError(Problem(where="proxy", what="it cannot be used", found=found, fix=fix)) from None


def _through_proxy(configuration: Configuration, settings: dict[str, Any]) -> urllib3.PoolManager:
    headers = dict(configuration.proxy_headers or {})
    scheme, separator, rest = configuration.proxy.partition("://")
    user, at, address = rest.rpartition("@")
    proxy = f"{scheme}{separator}{address}"
    name, _colon, password = (unquote(part) for part in user.partition(":"))
    if scheme.startswith("socks"):
        from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415  # needs PySocks, an optional package

        given = headers.get(_AUTHORIZATION, "").removeprefix("Basic ")
        if given and not at:
            name, _colon, password = base64.b64decode(given).decode(errors="surrogateescape").partition(":")
        # The proxy looks the server's name up, as for kubectl; urllib3 does so only for socks5h.
        proxy = f"socks5h{separator}{address}" if scheme == "socks5" else proxy
        return SOCKSProxyManager(proxy, username=name or None, password=password or None, **settings)
    if at and _AUTHORIZATION not in headers:
        headers[_AUTHORIZATION] = basic(f"{name}:{password}")
    own_tls = proxy_tls_context(configuration) if scheme == "https" else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, proxy_ssl_context=own_tls, **settings)


def open_socket(pool: urllib3.PoolManager, server: str, timeout: float) -> socket.socket:
    """A connection of its own to the API server, through the pool's proxy and with its TLS settings.

    Args:
        pool: The pool of C(connection_pool).
        server: The API server's URL.
        timeout: Seconds for connecting, and afterwards for each operation.

    Raises:
        OSError: It cannot be opened, or TLS fails.
        HTTPError: Of urllib3, for the same reasons.
    """
    hosts = pool.connection_from_url(server)
    # The parts of urlopen without a request: urllib3 has no public way to them.
    connection = hosts._new_conn()
    connection.timeout = timeout
    target = urlsplit(server)
    if hosts.proxy is not None and target.scheme == "http":
        # Unlike a request, a websocket needs a tunnel.
        port = target.port or _PORTS[target.scheme]
        connection.set_tunnel(str(target.hostname), port, headers=hosts.proxy_headers)
        connection.connect()
    elif hosts.proxy is not None:
        hosts._prepare_proxy(connection)
    else:
        connection.connect()
    opened = cast("socket.socket", cast("Any", connection).sock)
    opened.settimeout(timeout)
    return opened
