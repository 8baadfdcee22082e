# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS settings for all connections to one API server."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from ..errors import ClusterlinkError, Problem

if TYPE_CHECKING:
    from kubernetes.client.configuration import Configuration


class SharedContext(ssl.SSLContext):
    """TLS settings that threads share while they connect.

    urllib3 sets the application protocol again in the context for each connection (2.8.0, util/ssl_.py). OpenSSL then
    frees the old name while it may copy it for a connection of another thread: CPython holds no lock there (SSL_new in
    Modules/_ssl.c). The server receives a broken hello and refuses it with decode_error (measured: one in a thousand
    where threads do nothing else).
    """

    def set_alpn_protocols(self, _alpn_protocols: object) -> None:
        """Do nothing: C(tls_context) has set the protocol."""


def tls_context(configuration: Configuration) -> SharedContext:
    """One context for all connections: it reads certificates once and needs no file later.

    Raises:
        ClusterlinkError: A certificate or key file cannot be read.
    """
    context = SharedContext(ssl.PROTOCOL_TLS_CLIENT)
    ssl.SSLContext.set_alpn_protocols(context, ["http/1.1"])
    context.hostname_checks_common_name = False  # as every other client of Kubernetes
    if configuration.verify_ssl:
        context.check_hostname = configuration.assert_hostname is not False
        _load_authorities(context, configuration)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        try:
            # Without a password, OpenSSL prompts for one at the terminal.
            context.load_cert_chain(configuration.cert_file, configuration.key_file, password="")
        except (OSError, ssl.SSLError) as error:
            where = f"client_cert {configuration.cert_file}, client_key {configuration.key_file}"
            fix = "Give a PEM certificate and its own unencrypted private key"
            raise _unusable(where, "they cannot be used", error, fix) from None
    return context


def proxy_tls_context(configuration: Configuration) -> SharedContext:
    """The context for connections to an https proxy itself.

    The API server's CA may vouch for it, as for kubectl, and public ones. It gets no client certificate.

    Raises:
        ClusterlinkError: The CA's file cannot be read.
    """
    context = SharedContext(ssl.PROTOCOL_TLS_CLIENT)
    ssl.SSLContext.set_alpn_protocols(context, ["http/1.1"])
    if configuration.verify_ssl:
        context.load_default_certs()
        _load_authorities(context, configuration)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_authorities(context: ssl.SSLContext, configuration: Configuration) -> None:
    if not configuration.ssl_ca_cert:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cafile=configuration.ssl_ca_cert)
    except (OSError, ssl.SSLError) as error:
        fix = "Give the CA certificates of the API server as a PEM file"
        raise _unusable(f"ca_cert {configuration.ssl_ca_cert}", "it cannot be used", error, fix) from None


def _unusable(where: str, what: str, error: OSError, fix: str) -> ClusterlinkError:
    found = error.strerror or getattr(error, "reason", "") or type(error).__name__
    return ClusterlinkError(Problem(where=where, what=what, found=found, fix=fix))
