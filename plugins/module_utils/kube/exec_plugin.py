# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exec plugins of kubeconfigs: programs that print credentials, such as C(aws eks get-token) and C(kubelogin).

The C(kubernetes) package runs them without a time limit, lets them ask at the terminal, continues without credentials
when they fail, and keeps client certificates in files that another connection may have removed.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..common.progress import Progress
from ..common.times import parse_time
from ..errors import ClusterlinkError, Problem

DEFAULT_LIMIT = 60.0
"""Seconds."""

_EARLY = timedelta(seconds=15)
"""How long before its end a token is renewed: a request with it is still under way then."""
_LAST_WORDS = 1.0
"""Seconds for what a plugin has printed when it is ended."""
_SHOWN = 600
"""Characters of stderr that an error shows."""
_CLUSTER_FIELDS = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url", "disable-compression")
_CONFIG = "client.authentication.k8s.io/exec"
"""The extension of a cluster's entry that is meant for plugins."""


@dataclass(frozen=True)
class Credentials:
    """What a plugin printed.

    Attributes:
        token: A bearer token; empty for none.
        certificate: A client certificate as PEM; empty for none.
        key: Its private key as PEM.
        expires: When they end; None when that is unknown.
    """

    token: str = field(default="", repr=False)
    certificate: str = ""
    key: str = field(default="", repr=False)
    expires: datetime | None = None

    def user(self) -> dict[str, str]:
        """The settings of a kubeconfig's user that stand for them."""
        data = {"client-certificate-data": self.certificate, "client-key-data": self.key}
        encoded = {name: base64.b64encode(pem.encode()).decode() for name, pem in data.items() if pem}
        return {**encoded, **({"token": self.token} if self.token else {})}


@dataclass(frozen=True)
class ExecPlugin:
    """A plugin, as a kubeconfig's user names it.

    Attributes:
        config: The user's C(exec).
        cluster: The settings of the context's cluster, for a plugin that asks for them.
        where: What problems call it.
        limit: Seconds after which it is ended.
    """

    config: Mapping[str, Any] = field(repr=False)
    cluster: Mapping[str, Any] = field(repr=False)
    where: str
    limit: float

    def run(self) -> Credentials:
        """Run it, without input and without a terminal, and read its credentials.

        Raises:
            ClusterlinkError: It cannot be started, does not end in time, fails, or prints no credentials. Its output is
                not shown, and of its stderr the end without secrets.
        """
        if self.limit <= 0:
            what, fix = "is not a time", "Give the seconds for which an exec plugin may run"
            raise ClusterlinkError(Problem("exec_plugin_timeout", what, str(self.limit), fix))
        if self.config.get("interactiveMode") == "Always":
            raise self._problem("needs a person at a terminal (interactiveMode: Always)", fix=_ALONE)
        process = self._start()
        try:
            output, errors = self._communicate(process)
        except subprocess.TimeoutExpired:
            _end(process)
            words = self._shown(_last_words(process))
            what = f"gives no credentials within {self.limit:g} s, perhaps because it waits for a person"
            raise self._problem(what, words, f"{_ALONE}, or raise exec_plugin_timeout") from None
        finally:
            if process.poll() is None:
                _end(process)
        if process.returncode:
            code = process.returncode
            end = f"it returned {code}" if code > 0 else f"it was ended by signal {-code}"
            words = self._shown(errors)
            raise self._problem(_NONE, f"{end}: {words}" if words else end, _TRY)
        return self._credentials(output)

    def _communicate(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        """What it prints; says meanwhile that it is waited for."""
        deadline, progress = time.monotonic() + self.limit, Progress()
        while (left := deadline - time.monotonic()) > (window := progress.window(left)):
            with suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=window)
            progress.say(f"{self.where}: its exec plugin {self.config.get('command')} gives no credentials yet")
        return process.communicate(timeout=left)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [str(self.config.get("command") or ""), *map(str, self.config.get("args") or [])]
        info: dict[str, Any] = {"interactive": False}
        if self.config.get("provideClusterInfo"):
            info["cluster"] = self._cluster_info()
        document = {"apiVersion": self.config.get("apiVersion"), "kind": "ExecCredential", "spec": info}
        environment = {**os.environ, **self._own_environment(), "KUBERNETES_EXEC_INFO": json.dumps(document)}
        try:
            # In a session of its own it has no terminal to ask at, and can be ended with all that it has started, for
            # which a module's run_command has no options. The user's kubeconfig names the command.
            return subprocess.Popen(  # noqa: S603  # pylint: disable=ansible-bad-function
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            found = getattr(error, "strerror", None) or type(error).__name__
            hint = " ".join(str(self.config.get("installHint") or "").split())
            fix = f"Install it on the controller. {hint}".rstrip()
            raise self._problem("cannot be started", found, fix) from None

    def _own_environment(self) -> dict[str, str]:
        return {str(each["name"]): str(each["value"]) for each in self.config.get("env") or []}

    def _cluster_info(self) -> dict[str, Any]:
        """The cluster's settings as client-go tells them a plugin."""
        info = {name: self.cluster[name] for name in _CLUSTER_FIELDS if self.cluster.get(name)}
        data, file = self.cluster.get("certificate-authority-data"), self.cluster.get("certificate-authority")
        if data or file:
            info["certificate-authority-data"] = data or base64.b64encode(Path(str(file)).read_bytes()).decode()
        for each in self.cluster.get("extensions") or []:
            if each.get("name") == _CONFIG:
                info["config"] = each.get("extension")
        return info

    def _credentials(self, output: bytes) -> Credentials:
        try:
            document = json.loads(output)
            version, status = document["apiVersion"], document["status"]
            token, certificate, key, end = (
                str(status.get(name) or "")
                for name in ("token", "clientCertificateData", "clientKeyData", "expirationTimestamp")
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self._problem(_NONE, "it prints no credential as JSON", _TRY) from None
        if version != self.config.get("apiVersion"):
            found = f"it prints apiVersion {version} instead of {self.config.get('apiVersion')}"
            raise self._problem(_NONE, found, "Correct apiVersion in the kubeconfig, or update the plugin")
        if not token and not (certificate and key):
            raise self._problem(_NONE, "its output has neither a token nor a certificate with its key", _TRY)
        try:
            # Go prints up to nine digits of a second, and Python 3.10 reads six.
            expires = parse_time(re.sub(r"\.\d+", "", end)) if end else None
        except ValueError:
            raise self._problem(_NONE, "its end cannot be read", "Update the plugin") from None
        if expires is not None and expires.tzinfo is None:
            expires = expires.replace(tzinfo=timezone.utc)
        return Credentials(token, certificate, key, expires)

    def _shown(self, errors: bytes) -> str:
        args = [str(each) for each in self.config.get("args") or []]
        secrets = [*self._own_environment().values()]
        secrets += [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]
        secrets += [value for option, value in pairwise(args) if _SECRET_NAME.search(option)]
        secrets += [each.partition("=")[2] for each in args if _SECRET_NAME.search(each.partition("=")[0])]
        return tail_without_secrets(errors.decode(errors="replace"), secrets)

    def _problem(self, what: str, found: str = "", fix: str = "") -> ClusterlinkError:
        return ClusterlinkError(Problem(self.where, f"its exec plugin {self.config.get('command')} {what}", found, fix))


_NONE = "gives no credentials"
_TRY = "Run kubectl with this context on the controller, as the same user, to see why"
_ALONE = (
    "Log in on the controller as the same user before the run, or use a login that needs nobody, such as a service "
    "account's or a workload identity"
)


class Renewal:
    """The token of a plugin in a configuration of the C(kubernetes) package, renewed before its end; for its hook."""

    def __init__(self, plugin: ExecPlugin, credentials: Credentials) -> None:
        """Begin with the credentials of a first run."""
        self._plugin = plugin
        self._credentials = credentials
        self._lock = threading.Lock()

    def __call__(self, configuration: Any) -> None:
        """Set a token that is valid now.

        Raises:
            ClusterlinkError: The plugin gives no new one.
        """
        with self._lock:
            expires = self._credentials.expires
            if expires is not None and datetime.now(timezone.utc) + _EARLY >= expires:
                self._credentials = self._plugin.run()
            configuration.api_key = {"BearerToken": f"Bearer {self._credentials.token}"}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a plugin and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_words(process: subprocess.Popen[bytes]) -> bytes:
    """What a plugin that was ended has printed on stderr."""
    try:
        return process.communicate(timeout=_LAST_WORDS)[1]
    except subprocess.TimeoutExpired as error:  # a child in another session keeps it open
        return error.stderr or b""


_SECRET_NAME = re.compile(r"(?i)secret|token|passw|passphrase|credential|api_?key|access_?key|private_?key")
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_SECRETS = (
    re.compile(r"-----BEGIN .*?(-----END [A-Z ]+-----|$)", re.DOTALL),
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),
    re.compile(r"\beyJ[\w-]+(\.[\w-]*)*"),
    re.compile(r"k8s-aws-v1\.\S+"),
    re.compile(
        r"(?i)(?<![a-z])[\w-]*(secret|token|passw|passphrase|api[_-]?key|access[_-]?key)\w*[\"']?(\s*[:=]\s*|\s+)\S+"
    ),
    re.compile(r"(?=\S*[A-Z])(?=\S*[a-z])(?=\S*[0-9])[A-Za-z0-9+/_=-]{40,}"),
)
_SHORTEST_SECRET = 4
"""Characters; a shorter value would be found in ordinary words."""


def tail_without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The end of a program's messages in one line, with C(***) in place of what is, or looks like, a secret.

    Args:
        text: The messages.
        secrets: Values that must not be shown.
    """
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    text = _TERMINAL.sub("", text)
    for pattern in _SECRETS:
        text = pattern.sub("***", text)
    line = "".join(each if each.isprintable() else " " for each in text)
    line = " ".join(line.split())
    return line if len(line) <= _SHOWN else f"... {line[-_SHOWN:]}"
