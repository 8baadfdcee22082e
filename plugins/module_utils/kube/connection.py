# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's connection options, and the connection that they describe.

The options and their precedence are those of kubernetes.core (plugins/module_utils/args_common.py and
plugins/module_utils/k8s/client.py there). The C(kubernetes) package reads kubeconfig files and supports every way to
authenticate that they can name (certificates, tokens, exec plugins, OIDC).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import env_fallback

from ..errors import ClusterlinkError, Problem
from . import exec_plugin, kubeconfig
from .client import Cluster
from .proxies import basic, connection_pool, use_environment
from .retry import DEFAULT_LIMIT, RetryPolicy
from .tls import tls_context
from .transport import Transport

try:
    import urllib3
    from kubernetes.client.configuration import Configuration
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.config.incluster_config import load_incluster_config
except ImportError:
    pass  # reported by libraries.library_problems: the kubernetes package brings them all

REQUIRES = ("kubernetes", "urllib3")
"""For C(outcome.Task.requires) of every module with these options."""


def _option(*variables: str, **spec: Any) -> dict[str, Any]:
    return {"fallback": (env_fallback, [f"K8S_AUTH_{variable}" for variable in variables]), **spec}


CONNECTION_SPEC: dict[str, Any] = {
    "kubeconfig": _option("KUBECONFIG", type="raw"),
    "context": _option("CONTEXT", type="str"),
    "host": _option("HOST", type="str"),
    "api_key": _option("API_KEY", type="str", no_log=True),
    "username": _option("USERNAME", type="str"),
    "password": _option("PASSWORD", type="str", no_log=True),
    "validate_certs": _option("VALIDATE_CERTS", "VERIFY_SSL", type="bool", aliases=["verify_ssl"]),
    "ca_cert": _option("CA_CERT", "SSL_CA_CERT", type="path", aliases=["ssl_ca_cert"]),
    "client_cert": _option("CLIENT_CERT", "CERT_FILE", type="path", aliases=["cert_file"]),
    # The path of a key is not secret, the key is.
    "client_key": _option("CLIENT_KEY", "KEY_FILE", type="path", aliases=["key_file"], no_log=False),
    "proxy": _option("PROXY", type="str"),
    "no_proxy": _option("NO_PROXY", type="str"),
    "proxy_headers": {
        "type": "dict",
        # Makes Ansible read the suboptions' environment variables when the option is not given.
        "apply_defaults": True,
        "options": {
            "proxy_basic_auth": _option("PROXY_HEADERS_PROXY_BASIC_AUTH", type="str", no_log=True),
            "basic_auth": _option("PROXY_HEADERS_BASIC_AUTH", type="str", no_log=True),
            "user_agent": _option("PROXY_HEADERS_USER_AGENT", type="str"),
        },
    },
    "persist_config": _option("PERSIST_CONFIG", type="bool"),
    "impersonate_user": _option("IMPERSONATE_USER", type="str"),
    "impersonate_groups": _option("IMPERSONATE_GROUPS", type="list", elements="str"),
    # kubernetes.core has nothing of the kind.
    "retry_timeout": {"type": "float", "default": DEFAULT_LIMIT},
    "exec_plugin_timeout": {"type": "float", "default": exec_plugin.DEFAULT_LIMIT},
}


_PLAIN = (
    ("ca_cert", "ssl_ca_cert"),
    ("client_cert", "cert_file"),
    ("client_key", "key_file"),
    ("proxy", "proxy"),
)
"""Options that are copied as they are, and the configuration's name for each."""


_OUTRANKING = ("context", "host", "api_key", "username", "password", "client_cert", "client_key")
"""Options that outrank what a kubeconfig says: its current context, its server and its credentials."""


_POD_SERVERS = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
_POD_DOMAIN = "kubernetes.default.svc."
"""The names of a pod's own API server, besides its address."""


def _refuse_mix(params: Mapping[str, Any]) -> None:
    """Refuse a server or credentials of the environment beside a kubeconfig or context that the task gives.

    They would send everything that is meant for the task's cluster to another one.

    Raises:
        ClusterlinkError: With each such option; values are not shown.
    """
    given = [name for name in ("kubeconfig", "context") if params.get(name) and not _foreign(params, name)]
    foreign = [variable for name in _OUTRANKING if (variable := _foreign(params, name))]
    if given and foreign:
        what = f"{' and '.join(given)} would be overridden by the environment"
        fix = f"Unset {', '.join(foreign)} (in AWX, remove the Kubernetes credential from the job template)"
        raise ClusterlinkError(Problem("connection", what, ", ".join(foreign), fix))


def _foreign(params: Mapping[str, Any], option: str) -> str:
    """The environment's variable that gives an option its value; empty where the task does."""
    for variable in CONNECTION_SPEC[option]["fallback"][1]:
        value = os.environ.get(variable)
        if value and params.get(option) in (value, os.path.expanduser(os.path.expandvars(value))):
            return str(variable)
    return ""


def connect(params: Mapping[str, Any], policy: RetryPolicy | None = None) -> Cluster:
    """A client for the cluster of the connection options. It sends no request yet.

    Args:
        params: A module's parameters, with those of C(CONNECTION_SPEC) among them.
        policy: How requests are retried; by default as C(retry_timeout) says.

    Raises:
        ClusterlinkError: The kubeconfig cannot be read, has no such context, or gives no way to authenticate;
            a certificate or key file cannot be read; the environment names another cluster; another cluster would get
            the token of the pod's service account.
    """
    _refuse_mix(params)
    # Inline keys of a kubeconfig pass through temporary files, since OpenSSL reads nothing else.
    with tempfile.TemporaryDirectory(prefix="clusterlink-") as scratch:
        configuration, impersonation = _configuration(params, scratch)
        _check_server(configuration.host)
        tls = tls_context(configuration) if urlsplit(configuration.host).scheme == "https" else None
    if tls and not configuration.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the user asks for it
    headers = _headers(params, configuration, impersonation)
    if tls is None and "authorization" in headers() and not _is_this_machine(configuration.host):
        raise _server_problem("has no TLS, so that everybody on the way could read the credentials")
    transport = Transport(
        server=configuration.host,
        pool=connection_pool(configuration, tls),
        tls=tls,
        headers=headers,
        policy=policy or RetryPolicy(params.get("retry_timeout", DEFAULT_LIMIT)),
    )
    return Cluster(transport)


def _configuration(params: Mapping[str, Any], scratch: str) -> tuple[Configuration, kubeconfig.Impersonation]:
    """The settings of a kubeconfig or service account, overridden by the options."""
    configuration, impersonation = Configuration(), kubeconfig.Impersonation()
    if params.get("no_proxy") is not None:
        configuration.no_proxy = params["no_proxy"]
    by_name = params.get("kubeconfig") or params.get("context")
    if not _complete(params) and (by_name or not _load_service_account(configuration, params.get("host"))):
        persist = bool(params.get("persist_config"))
        source, context = params.get("kubeconfig"), params.get("context")
        limit = params.get("exec_plugin_timeout", exec_plugin.DEFAULT_LIMIT)
        impersonation = kubeconfig.load(configuration, source, context, scratch, persist=persist, exec_limit=limit)

    if params.get("host"):
        _check_server(params["host"])  # the package parses it when it is set
        configuration.host = params["host"].rstrip("/")
    if params.get("api_key"):
        # The hook would restore the kubeconfig's own token.
        configuration.refresh_api_key_hook = None
        configuration.api_key = {"BearerToken": f"Bearer {_token(params['api_key'])}"}
    if params.get("validate_certs") is not None:
        configuration.verify_ssl = params["validate_certs"]
    for option, attribute in _PLAIN:
        if params.get(option):
            setattr(configuration, attribute, params[option])
    use_environment(configuration)
    headers = params.get("proxy_headers") or {}
    names = {"proxy_basic_auth": "proxy-authorization", "basic_auth": "authorization", "user_agent": "user-agent"}
    given = {name: headers[option] for option, name in names.items() if headers.get(option)}
    if given:
        configuration.proxy_headers = {
            name: value if name == "user-agent" else basic(value) for name, value in given.items()
        }
    return configuration, impersonation


def _token(text: str) -> str:
    """The token without the line end that a file or lookup adds.

    Raises:
        ClusterlinkError: It has characters that no header can carry; it is not shown.
    """
    token = text.strip()
    if not token.isascii() or not token.isprintable():
        fix = "Give the token alone, without line breaks"
        raise ClusterlinkError(
            Problem("api_key", "is not a token: it has characters that no header can carry", fix=fix)
        )
    return token


def _complete(params: Mapping[str, Any]) -> bool:
    """Whether the options name both the server and the credentials, so that no kubeconfig is read."""
    ways = (("username", "password"), ("api_key",), ("client_cert", "client_key"))
    return bool(params.get("host")) and any(all(params.get(option) for option in way) for way in ways)


def _load_service_account(configuration: Configuration, host: str | None) -> bool:
    """Use the service account of the pod that this runs in; False when there is none.

    Args:
        configuration: The configuration to change.
        host: The API server's URL, if an option gives it.

    Raises:
        ClusterlinkError: The URL is another cluster's, which would get the account's token.
    """
    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException:
        return False
    if host:
        _check_server(host)
        name = urlsplit(host).hostname or ""
        if name not in (urlsplit(configuration.host).hostname, *_POD_SERVERS) and not name.startswith(_POD_DOMAIN):
            what = "gives no way to authenticate, and gets no token of the pod that this runs in"
            fix = "Give api_key, a client certificate, or a kubeconfig in place of host"
            raise ClusterlinkError(Problem("host", what, fix=fix))
    return True


def _check_server(url: str) -> None:
    """Refuse an API server's URL that is none, or that has a password, which messages would repeat.

    Without a scheme, a request and its credentials would be sent without TLS.

    Raises:
        ClusterlinkError: With the URL not shown.
    """
    if "@" in str(url):
        raise _server_problem("has a user or password, which is not sent")
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("https", "http") and bool(parts.hostname)
    except (ValueError, TypeError, AttributeError):
        known = False
    if not known:
        raise _server_problem("is not a URL that begins with https:// or http://")


def _server_problem(what: str) -> ClusterlinkError:
    fix = "Give host or the kubeconfig's server as https://HOST:PORT, and credentials by their own options"
    return ClusterlinkError(Problem("the API server's URL", what, fix=fix))


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _headers(
    params: Mapping[str, Any], configuration: Configuration, impersonation: kubeconfig.Impersonation
) -> Callable[[], urllib3.HTTPHeaderDict]:
    """A function that gives a request's authentication and impersonation headers and renews an expired token."""
    fixed = urllib3.HTTPHeaderDict()
    if params.get("username") and params.get("password") and not params.get("api_key"):
        fixed.add("authorization", basic(f"{params['username']}:{params['password']}"))
    user = params.get("impersonate_user") or impersonation.user
    groups = params.get("impersonate_groups") or ([] if params.get("impersonate_user") else impersonation.groups)
    if user:
        fixed.add("Impersonate-User", user)
    for group in groups:
        fixed.add("Impersonate-Group", group)

    def headers() -> urllib3.HTTPHeaderDict:
        # Releases of the package from 36 on put a token under the first name, others under the second.
        token = configuration.get_api_key_with_prefix("BearerToken")
        token = token or configuration.get_api_key_with_prefix("authorization")
        if not token or "authorization" in fixed:
            return fixed
        every = fixed.copy()
        every["authorization"] = token
        return every

    return headers
