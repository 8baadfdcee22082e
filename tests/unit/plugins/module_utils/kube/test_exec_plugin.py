# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exec plugins of kubeconfigs, as real programs."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common import progress
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.exec_plugin import (
    ExecPlugin,
    tail_without_secrets,
)
from tests.support.tls import key_and_certificate
from tests.support.waiting import wait_until

API = "client.authentication.k8s.io/v1"
Write = Callable[..., ExecPlugin]


def credential(text: str = "", expires: str = "", **status: str) -> str:
    """What a plugin prints for a token."""
    found = {"token": text, "expirationTimestamp": expires, **status}
    return json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": found})


@pytest.fixture
def plugin(tmp_path: Path) -> Write:
    """A plugin that is a shell script."""

    def write(script: str, limit: float = 5.0, cluster: dict[str, Any] | None = None, **config: Any) -> ExecPlugin:
        path = tmp_path / "plugin"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o700)
        settings = {"apiVersion": API, "command": str(path), **config}
        return ExecPlugin(settings, cluster or {}, "kubeconfig k, user ada", limit)

    return write


def refused(plugin: ExecPlugin) -> str:
    with pytest.raises(ClusterlinkError) as raised:
        plugin.run()
    return str(raised.value)


def test_a_plugin_that_waits_for_a_person_ends_with_its_stderr_after_the_limit(plugin: Write) -> None:
    began = time.monotonic()
    message = refused(plugin("echo To sign in, open https://login.example and enter ABCD >&2; sleep 300 & wait", 2))
    assert time.monotonic() - began < 200
    assert message.startswith("kubeconfig k, user ada: ")
    assert "plugin" in message
    assert "gives no credentials within 2 s" in message
    assert "To sign in, open https://login.example and enter ABCD" in message
    assert "exec_plugin_timeout" in message


def test_who_waits_for_a_slow_plugin_is_told(plugin: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.05)
    said: list[str] = []
    with progress.progress_to(said.append):
        assert plugin(f"sleep 0.3; echo '{credential('t')}'").run()
        assert said
        assert said[0].startswith("kubeconfig k, user ada: its exec plugin ")
        assert said[0].endswith("/plugin gives no credentials yet")
        assert "gives no credentials within 0.3 s" in refused(plugin("sleep 30", 0.3))


def test_what_a_plugin_has_started_ends_with_it(plugin: Write, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    refused(plugin(f"sleep 300 & echo $! > {mark}; wait", 2))
    child = int(mark.read_text(encoding="utf-8"))
    state = Path(f"/proc/{child}/stat")
    wait_until(
        "the plugin's child has ended",
        lambda: not state.exists() or state.read_text(encoding="utf-8").split(")")[1].split()[0] == "Z",
        100,
    )


def test_a_plugin_reads_nothing_and_has_no_terminal(plugin: Write) -> None:
    script = "read answer; (: < /dev/tty) 2>/dev/null && exit 3; readlink /proc/$$/fd/0 >&2; exit 4"
    message = refused(plugin(script))
    assert "it returned 4: /dev/null" in message


def test_a_plugin_that_needs_a_terminal_is_not_started(plugin: Write, tmp_path: Path) -> None:
    message = refused(plugin(f"touch {tmp_path}/started", interactiveMode="Always"))
    assert "needs a person at a terminal" in message
    assert not (tmp_path / "started").exists()


def test_a_token_and_its_end_are_read(plugin: Write) -> None:
    text = credential("t", expires="2030-01-01T00:00:00Z")
    found = plugin(f"echo '{text}'").run()
    assert (found.token, found.expires) == ("t", datetime(2030, 1, 1, tzinfo=timezone.utc))


def test_a_plugin_gets_its_arguments_environment_and_cluster(plugin: Write, tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("CA", encoding="utf-8")
    cluster = {
        "server": "https://h",
        "certificate-authority": str(tmp_path / "ca"),
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}],
    }
    made = plugin(
        f'cd {tmp_path}; printf %s "$KUBERNETES_EXEC_INFO" > info; echo "$1 $A" > said; echo \'{credential("t")}\'',
        cluster=cluster,
        args=["one"],
        env=[{"name": "A", "value": "two"}],
        provideClusterInfo=True,
    )
    made.run()
    info = json.loads((tmp_path / "info").read_text(encoding="utf-8"))
    assert (info["apiVersion"], info["kind"], info["spec"]["interactive"]) == (API, "ExecCredential", False)
    assert info["spec"]["cluster"] == {
        "server": "https://h",
        "certificate-authority-data": base64.b64encode(b"CA").decode(),
        "config": {"audience": "x"},
    }
    assert (tmp_path / "said").read_text(encoding="utf-8") == "one two\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo hunter2", "prints no credential"),
        ("echo '[]'", "prints no credential"),
        (f"echo '{credential()}'", "has neither a token nor a certificate with its key"),
        (f"echo '{credential(clientCertificateData='hunter2')}'", "neither a token nor a certificate with its key"),
        ("echo '" + credential("hunter2").replace("/v1", "/v1beta1") + "'", "v1beta1 instead of"),
        (f"echo '{credential('hunter2', expires='soon')}'", "its end cannot be read"),
        ("echo gone wrong >&2; exit 7", "it returned 7: gone wrong"),
        ("kill -9 $$", "it was ended by signal 9"),
    ],
)
def test_why_there_are_no_credentials_is_told_without_them(plugin: Write, script: str, reason: str) -> None:
    message = refused(plugin(script))
    assert reason in message
    assert "hunter2" not in message


def test_a_plugin_that_is_not_installed_gives_its_own_hint() -> None:
    settings = {"apiVersion": API, "command": "no-such-plugin", "installHint": "Install it from example.org"}
    message = refused(ExecPlugin(settings, {}, "kubeconfig k, user ada", 5))
    assert "its exec plugin no-such-plugin cannot be started" in message
    assert "Install it from example.org" in message


@pytest.mark.parametrize(
    "text",
    [
        "Bearer hunter2",
        "password=hunter2",
        '{"client_secret": "hunter2"}',
        "https://ada:hunter2@example.org",
        "eyJhbGciOiJ9.hunter2.sig",
        "k8s-aws-v1.hunter2",
        "value hunter2 of the environment",
        "--client-secret hunter2",
        "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----",
        "A9" + "xhunter2" * 8,
    ],
)
def test_no_secret_of_stderr_is_shown(text: str) -> None:
    shown = tail_without_secrets(f"before {text}", ["hunter2"] if "environment" in text else [])
    assert shown.startswith("before ")
    assert "hunter2" not in shown


def test_only_the_end_of_a_long_stderr_is_shown_without_control_characters() -> None:
    shown = tail_without_secrets("x " * 2000 + "\x1b[31mthe\r\nend\x1b[0m\x07", [])
    assert shown.endswith("the end")
    assert len(shown) < 700
    assert shown.isprintable()


def test_secrets_of_the_plugins_own_settings_are_not_shown(plugin: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "correct horse")
    made = plugin(
        'echo "$SETTING, $AZURE_CLIENT_SECRET, $2" >&2; exit 1',
        env=[{"name": "SETTING", "value": "battery"}],
        args=["--client-secret", "staple"],
    )
    message = refused(made)
    assert not [secret for secret in ("correct horse", "battery", "staple") if secret in message]


def kubeconfig(plugin: ExecPlugin) -> dict[str, Any]:
    return {
        "clusters": [{"name": "one", "cluster": {"server": "https://h"}}],
        "users": [{"name": "ada", "user": {"exec": dict(plugin.config)}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "ada"}}],
        "current-context": "one",
    }


@pytest.mark.parametrize(("seconds", "turns"), [(5, 3), (3600, 1)])
def test_a_token_is_renewed_just_before_its_end(plugin: Write, tmp_path: Path, seconds: int, turns: int) -> None:
    end = (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = plugin(f"echo >> {tmp_path}/turns; echo '{credential('t', end)}'")
    cluster = connect({"kubeconfig": kubeconfig(made)})
    cluster.auth_headers()
    assert cluster.auth_headers()["authorization"] == "Bearer t"
    assert (tmp_path / "turns").read_text(encoding="utf-8").count("\n") >= turns
    assert turns > 1 or (tmp_path / "turns").read_text(encoding="utf-8") == "\n"


def test_a_client_certificate_of_a_plugin_is_used_again_and_again(plugin: Write) -> None:
    key, certificate = key_and_certificate()
    text = credential(clientCertificateData=certificate.decode(), clientKeyData=key.decode())
    made = plugin(f"cat <<'EOT'\n{text}\nEOT")
    for _turn in range(2):  # the kubernetes package remembers files that are gone
        cluster = connect({"kubeconfig": kubeconfig(made)})
        assert cluster.tls is not None
        assert "authorization" not in cluster.auth_headers()


def test_the_limit_is_an_option(plugin: Write) -> None:
    made = plugin("sleep 30")
    with pytest.raises(ClusterlinkError, match=r"within 0\.2 s"):
        connect({"kubeconfig": kubeconfig(made), "exec_plugin_timeout": 0.2})
    with pytest.raises(ClusterlinkError, match="exec_plugin_timeout"):
        connect({"kubeconfig": kubeconfig(made), "exec_plugin_timeout": 0})


def test_a_plugin_that_fails_later_is_named_then(plugin: Write) -> None:
    ended = credential("t", expires="2020-01-01T00:00:00Z")
    made = plugin(f"echo '{ended}'")
    cluster = connect({"kubeconfig": kubeconfig(made)})
    Path(made.config["command"]).write_text("#!/bin/sh\necho expired login >&2; exit 1\n", encoding="utf-8")
    with pytest.raises(ClusterlinkError, match="expired login"):
        cluster.auth_headers()
    assert os.environ.get("KUBERNETES_EXEC_INFO") is None
