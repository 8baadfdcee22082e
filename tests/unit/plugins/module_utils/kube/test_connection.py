# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import os
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.doc_fragments.connection import ModuleDocFragment
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import CONNECTION_SPEC, connect
from tests.support.tls import key_and_certificate

if TYPE_CHECKING:
    from tests.unit.fakes import Api

PEER = {"metadata": {"name": "p"}}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No kubeconfig, no connection variable and no service account of the machine that the tests run on."""
    for name in [*os.environ]:
        if name.startswith(("K8S_AUTH_", "KUBE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def validated(arguments: dict[str, Any]) -> dict[str, Any]:
    result = ArgumentSpecValidator(CONNECTION_SPEC).validate(arguments)
    assert result.error_messages == []
    parameters: dict[str, Any] = result.validated_parameters
    return parameters


def kubeconfig(server: str, user: dict[str, Any] | None = None, name: str = "one") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


@pytest.fixture
def ask(api: Api) -> Callable[..., dict[str, list[str]]]:
    """Ask the server something with the given connection options; the headers that it got."""

    def call(**options: Any) -> dict[str, list[str]]:
        api.will(200, PEER)
        with connect(validated(options)) as cluster:
            assert cluster.get("Peer", "p", "a") == PEER
        names = ("Authorization", "Impersonate-User", "Impersonate-Group")
        return {name: api.asked[-1].header(name) for name in names if api.asked[-1].header(name)}

    return call


def test_options_are_documented_as_they_are() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert documented.keys() == CONNECTION_SPEC.keys()
    for name, spec in CONNECTION_SPEC.items():
        assert documented[name]["type"] == spec["type"]
        assert documented[name].get("aliases", []) == spec.get("aliases", [])
        assert documented[name].get("elements") == spec.get("elements")
        assert documented[name].get("suboptions", {}).keys() == spec.get("options", {}).keys()


@pytest.mark.parametrize(
    ("option", "variable", "value", "expected"),
    [
        ("kubeconfig", "K8S_AUTH_KUBECONFIG", "/k", "/k"),
        ("context", "K8S_AUTH_CONTEXT", "c", "c"),
        ("host", "K8S_AUTH_HOST", "https://h", "https://h"),
        ("api_key", "K8S_AUTH_API_KEY", "t", "t"),
        ("username", "K8S_AUTH_USERNAME", "u", "u"),
        ("password", "K8S_AUTH_PASSWORD", "p", "p"),
        ("validate_certs", "K8S_AUTH_VERIFY_SSL", "false", False),
        ("validate_certs", "K8S_AUTH_VALIDATE_CERTS", "no", False),
        ("ca_cert", "K8S_AUTH_SSL_CA_CERT", "/ca", "/ca"),
        ("client_cert", "K8S_AUTH_CERT_FILE", "/c", "/c"),
        ("client_key", "K8S_AUTH_KEY_FILE", "/k", "/k"),
        ("proxy", "K8S_AUTH_PROXY", "http://p", "http://p"),
        ("no_proxy", "K8S_AUTH_NO_PROXY", "a,b", "a,b"),
        ("persist_config", "K8S_AUTH_PERSIST_CONFIG", "true", True),
        ("impersonate_user", "K8S_AUTH_IMPERSONATE_USER", "u", "u"),
        ("impersonate_groups", "K8S_AUTH_IMPERSONATE_GROUPS", "a,b", ["a", "b"]),
    ],
)
def test_kubernetes_cores_variables_count_where_the_option_is_not_given(
    monkeypatch: pytest.MonkeyPatch, option: str, variable: str, value: str, expected: Any
) -> None:
    monkeypatch.setenv(variable, value)
    assert validated({})[option] == expected


def test_proxy_headers_variables_count_without_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH", "u:p")
    assert validated({})["proxy_headers"]["proxy_basic_auth"] == "u:p"


def test_aliases_of_kubernetes_core_are_taken() -> None:
    given = {"verify_ssl": False, "ssl_ca_cert": "/ca", "cert_file": "/c", "key_file": "/k"}
    names = {"validate_certs": False, "ca_cert": "/ca", "client_cert": "/c", "client_key": "/k"}
    assert validated(given).items() >= names.items()


def test_host_and_token_need_no_kubeconfig(ask: Callable[..., Any], api: Api) -> None:
    assert ask(host=f"{api.url}/", api_key="t") == {"Authorization": ["Bearer t"]}


@pytest.mark.parametrize(
    "given", [{"kubeconfig": kubeconfig("https://h")}, {"context": "one"}], ids=["file", "context"]
)
@pytest.mark.parametrize(
    "variable", ["HOST", "API_KEY", "USERNAME", "PASSWORD", "CLIENT_CERT", "CERT_FILE", "CLIENT_KEY", "KEY_FILE"]
)
def test_the_environment_outranks_no_kubeconfig_and_no_context(
    monkeypatch: pytest.MonkeyPatch, variable: str, given: dict[str, Any]
) -> None:
    monkeypatch.setenv(f"K8S_AUTH_{variable}", "~/hunter2")
    with pytest.raises(ClusterlinkError, match=f"overridden by the environment .*K8S_AUTH_{variable}") as error:
        connect(validated(given))
    assert "hunter2" not in str(error.value)


def test_the_environments_context_outranks_no_kubeconfigs(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Any], api: Api, tmp_path: Path
) -> None:
    monkeypatch.setenv("K8S_AUTH_CONTEXT", "one")
    with pytest.raises(ClusterlinkError, match=r"kubeconfig would be overridden by the environment .*K8S_AUTH_CONTEXT"):
        connect(validated({"kubeconfig": kubeconfig(api.url)}))
    path = tmp_path / "config"
    path.write_text(json.dumps(kubeconfig(api.url, {"token": "t"})), encoding="utf-8")
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(path))
    assert ask() == ask(context="one") == {"Authorization": ["Bearer t"]}


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This runs in a pod with a service account."""
    for constant, name, content in (
        ("SERVICE_TOKEN_FILENAME", "token", b"hunter2"),
        ("SERVICE_CERT_FILENAME", "ca.crt", key_and_certificate()[1]),
    ):
        (tmp_path / name).write_bytes(content)
        monkeypatch.setattr(f"kubernetes.config.incluster_config.{constant}", str(tmp_path / name))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")


@pytest.mark.usefixtures("pod")
def test_a_pods_token_is_sent_to_its_own_cluster_alone(ask: Callable[..., Any], api: Api) -> None:
    assert ask(host=api.url, api_key="t") == {"Authorization": ["Bearer t"]}
    with pytest.raises(ClusterlinkError, match="host: gives no way to authenticate, and gets no token of the pod"):
        connect(validated({"host": api.url}))
    for own in (
        None,
        "https://10.96.0.1",
        "https://kubernetes.default.svc",
        "https://kubernetes.default.svc.cluster.local",
    ):
        connect(validated({"host": own})).close()


def test_user_name_and_password_are_sent_as_basic_authentication(ask: Callable[..., Any], api: Api) -> None:
    encoded = base64.b64encode(b"u:u").decode()
    assert ask(host=api.url, **dict.fromkeys(["username", "password"], "u")) == {"Authorization": [f"Basic {encoded}"]}


def test_every_group_is_impersonated(ask: Callable[..., Any], api: Api) -> None:
    headers = ask(host=api.url, api_key="t", impersonate_user="bob", impersonate_groups=["a", "b"])
    assert headers["Impersonate-User"] == ["bob"]
    assert headers["Impersonate-Group"] == ["a", "b"]


def test_kubeconfig_may_be_a_file_or_a_dictionary(ask: Callable[..., Any], api: Api, tmp_path: Path) -> None:
    content = kubeconfig(api.url, {"token": "from-file"})
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert ask(kubeconfig=str(file)) == ask(kubeconfig=content) == {"Authorization": ["Bearer from-file"]}


def test_kubeconfig_may_be_text_and_is_never_shown(ask: Callable[..., Any], api: Api) -> None:
    content = kubeconfig(api.url, {"token": "from-text"})
    for text in (yaml.safe_dump(content), json.dumps(content)):
        assert ask(kubeconfig=text) == {"Authorization": ["Bearer from-text"]}
    for text in ("users:\n- token: hunter2\n", "token: hunter2\n  broken: [", "{hunter2"):
        assert "hunter2" not in refused(kubeconfig=text, context="x")


def test_whom_a_kubeconfigs_user_impersonates_is_who_asks(ask: Callable[..., Any], api: Api) -> None:
    content = kubeconfig(api.url, {"token": "t", "as": "ada", "as-groups": ["ops", "dev"]})
    assert ask(kubeconfig=content) == {
        "Authorization": ["Bearer t"],
        "Impersonate-User": ["ada"],
        "Impersonate-Group": ["ops", "dev"],
    }
    assert ask(kubeconfig=content, impersonate_user="bob")["Impersonate-User"] == ["bob"]
    assert "Impersonate-Group" not in ask(kubeconfig=content, impersonate_user="bob")


@pytest.mark.parametrize("groups", [True, "system:masters", {"ops": 1}])
def test_groups_to_impersonate_that_are_no_list_are_refused(groups: object, api: Api) -> None:
    content = kubeconfig(api.url, {"token": "t", "as": "ada", "as-groups": groups})
    assert "as-groups of the context's user is not a list" in refused(kubeconfig=content)


def test_a_token_may_end_with_a_line_break_and_have_none_within(ask: Callable[..., Any], api: Api) -> None:
    assert ask(host=api.url, api_key="token\n") == {"Authorization": ["Bearer token"]}
    message = refused(host=api.url, api_key="hunter2\nX-Header: 1")
    assert message.startswith("api_key: is not a token")
    assert "hunter2" not in message


def test_token_option_wins_over_the_kubeconfigs(ask: Callable[..., Any], api: Api) -> None:
    assert ask(kubeconfig=kubeconfig(api.url, {"token": "old"}), api_key="new") == {"Authorization": ["Bearer new"]}


def test_context_option_wins_over_the_current_context(ask: Callable[..., Any], api: Api) -> None:
    content, other = kubeconfig("http://127.0.0.1:1", {"token": "one"}), kubeconfig(api.url, {"token": "two"}, "two")
    for key in ("clusters", "users", "contexts"):
        content[key] += other[key]
    assert ask(kubeconfig=content, context="two") == {"Authorization": ["Bearer two"]}


def test_of_several_files_the_first_wins_and_missing_ones_are_passed_over(
    ask: Callable[..., Any], api: Api, tmp_path: Path
) -> None:
    first = kubeconfig(api.url, {"token": "first"})
    second = kubeconfig("http://127.0.0.1:1", {"token": "second"})
    (tmp_path / "first").write_text(yaml.safe_dump(first), encoding="utf-8")
    (tmp_path / "second").write_text(yaml.safe_dump(second), encoding="utf-8")
    files = os.pathsep.join(str(tmp_path / name) for name in ("missing", "first", "second"))
    assert ask(kubeconfig=files) == {"Authorization": ["Bearer first"]}


@pytest.mark.parametrize("place", ["~", "$HOME", "${HOME}"])
def test_a_kubeconfigs_path_may_begin_with_the_home_folder(ask: Callable[..., Any], api: Api, place: str) -> None:
    home = Path(os.environ["HOME"])
    home.mkdir(exist_ok=True)
    (home / "config").write_text(yaml.safe_dump(kubeconfig(api.url, {"token": "mine"})), encoding="utf-8")
    assert ask(kubeconfig=f"{place}/config") == {"Authorization": ["Bearer mine"]}


def test_files_named_in_a_kubeconfig_are_relative_to_it(ask: Callable[..., Any], api: Api, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "token").write_text("from-token-file", encoding="utf-8")
    (folder / "config").write_text(yaml.safe_dump(kubeconfig(api.url, {"tokenFile": "token"})), encoding="utf-8")
    assert ask(kubeconfig=str(folder / "config")) == {"Authorization": ["Bearer from-token-file"]}


def test_exec_plugin_gives_the_token(ask: Callable[..., Any], api: Api, tmp_path: Path) -> None:
    script = tmp_path / "plugin"
    script.write_text(
        '#!/bin/sh\necho \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
        '"status":{"token":"from-plugin"}}\'\n',
        encoding="utf-8",
    )
    script.chmod(0o700)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}
    (tmp_path / "config").write_text(yaml.safe_dump(kubeconfig(api.url, {"exec": plugin})), encoding="utf-8")
    assert ask(kubeconfig=str(tmp_path / "config")) == {"Authorization": ["Bearer from-plugin"]}


def refused(**options: Any) -> str:
    with pytest.raises(ClusterlinkError) as raised:
        connect(validated(options))
    return str(raised.value)


def test_failing_exec_plugin_is_named() -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "false"}
    message = refused(kubeconfig=kubeconfig("http://h", {"exec": plugin}))
    assert "user one: its exec plugin false gives no credentials" in message
    assert "it returned 1" in message


def test_wrong_context_names_the_option_and_the_contexts_that_there_are() -> None:
    message = refused(kubeconfig=kubeconfig("http://h"), context="two")
    assert message.startswith("context: ")
    assert "(found: one)" in message
    content = {**kubeconfig("http://h"), "current-context": ""}
    assert "none is given" in refused(kubeconfig=content)


@pytest.mark.parametrize("content", ["", "[]", "a: [", "contexts: 5", "contexts: [{nam: x}]", "\x00"])
def test_malformed_kubeconfig_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config"
    file.write_text(content, encoding="utf-8")
    message = refused(kubeconfig=str(file), context="x")
    assert str(file) in message


def test_kubeconfig_with_a_key_that_cannot_be_decoded_is_refused_without_showing_it() -> None:
    content = kubeconfig("https://h", {"client-key-data": "c2VjcmV0!", "client-certificate-data": "***"})
    message = refused(kubeconfig=content)
    assert "c2VjcmV0" not in message


def test_missing_kubeconfig_is_named() -> None:
    assert refused(kubeconfig="/no/such/file").startswith("kubeconfig /no/such/file: there is no such file")
    assert refused().startswith("kubeconfig ~/.kube/config: there is no such file")


@pytest.mark.parametrize("option", ["ca_cert", "client_cert"])
def test_unusable_certificate_file_is_named(tmp_path: Path, option: str) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate", encoding="utf-8")
    assert f"{option} {broken}" in refused(host="https://h", api_key="t", **{option: str(broken)})
    assert "No such file" in refused(host="https://h", api_key="t", **{option: "/no/such/file"})


def test_inline_key_is_on_disk_no_longer_than_it_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    key, certificate = (base64.b64encode(part).decode() for part in key_and_certificate())
    content = kubeconfig("https://h", {"client-key-data": key, "client-certificate-data": certificate})
    for _turn in range(2):  # the kubernetes package remembers the files that it made
        cluster = connect(validated({"kubeconfig": content}))
        assert cluster.tls is not None
        assert list(tmp_path.iterdir()) == []


def test_certificates_are_verified_unless_asked_not_to() -> None:
    verified = connect(validated({"host": "https://h", "api_key": "t"})).tls
    trusting = connect(validated({"host": "https://h", "api_key": "t", "validate_certs": False})).tls
    assert verified is not None
    assert trusting is not None
    assert (verified.verify_mode.name, verified.check_hostname) == ("CERT_REQUIRED", True)
    assert (trusting.verify_mode.name, trusting.check_hostname) == ("CERT_NONE", False)


def test_threads_that_connect_do_not_change_what_they_share() -> None:
    """As urllib3 does for each connection: what another thread sends just then would be broken."""
    shared = connect(validated({"host": "https://h", "api_key": "t"})).tls
    assert shared is not None
    shared.set_alpn_protocols(["spoilt"])
    sent = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        shared.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="h").do_handshake()
    hello = sent.read()
    assert b"\x08http/1.1" in hello
    assert b"spoilt" not in hello


@pytest.mark.parametrize(
    "server", ["10.0.0.1:6443", "api.example.com", "//api.example.com", "ftp://h", "http://", "a b"]
)
def test_a_server_without_a_scheme_gets_no_request_without_tls(server: str) -> None:
    for options in ({"host": server, "api_key": "t"}, {"kubeconfig": kubeconfig(server, {"token": "t"})}):
        message = refused(**options)
        assert "is not a URL that begins with https:// or http://" in message
        assert "https://HOST:PORT" in message


@pytest.mark.parametrize("credentials", [{"api_key": "hunter2"}, {"username": "u", "password": "hunter2"}])
def test_credentials_are_sent_without_tls_to_this_machine_alone(credentials: dict[str, str]) -> None:
    for server in ("http://127.0.0.1:8001", "http://localhost:8001", "http://[::1]:8001"):
        connect(validated({"host": server, **credentials})).close()
    assert "everybody on the way could read" in refused(host="http://10.0.0.1:8080", **credentials)
    assert connect(validated({"host": "HTTPS://h", **credentials})).tls


def test_proxy_is_used_but_for_hosts_that_need_none() -> None:
    options = {"host": "https://h.example", "api_key": "t", "proxy": "http://proxy:3128"}
    through = connect(validated(options))._transport._pool
    around = connect(validated({**options, "no_proxy": ".example"}))._transport._pool
    assert through.proxy is not None
    assert through.proxy.host == "proxy"
    assert around.proxy is None


@pytest.mark.parametrize("proxy", ["ftp://proxy", "proxy:3128"])
def test_unusable_proxy_is_named(proxy: str) -> None:
    assert refused(host="https://h", api_key="t", proxy=proxy).startswith("proxy: it cannot be used")
