# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged and random input ends in Problems, and none of them repeats a secret that is in it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timezone
from functools import partial
from importlib import import_module
from typing import Any

import pytest
import urllib3
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.document import Span
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.record import read_record
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.request import (
    RequestedPeer,
    make_request,
    read_request,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.enrolment.response import (
    make_response,
    read_response,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.retry import RetryPolicy
from ansible_collections.skyshift.clusterlink.plugins.module_utils.module import run_in_worker
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Outcome, run_guarded
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.ca import CaRequest, make_ca
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem, load_chain
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import (
    KeySpec,
    Passphrase,
    key_pem,
    load_key,
)
from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.cluster import read_cluster
from ansible_collections.skyshift.clusterlink.plugins.module_utils.store.snapshot import unpack
from tests.support.examples import examples
from tests.support.paths import ROOT
from tests.unit.plugins.module_utils.enrolment.conftest import cached_key

SECRET = "Hunter2Hunter2Hunter2"  # noqa: S105
NOW = datetime(2025, 1, 31, 12, tzinfo=timezone.utc)
UNKNOWN = "an error that the collection does not know"
SERVER = "http://127.0.0.1:9"

quick = examples(60, derandomize=True)

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 99999),
    st.floats(),
    st.just(SECRET),
    st.text(max_size=8),
    st.sampled_from([[], {}, [SECRET], {"name": SECRET}, {"token": {"token": SECRET}}, [[None]], "\n", "\0", "é", "~"]),
)
"""Values of every shape that YAML and JSON have."""


def problems(work: Callable[[], object], *secrets: str) -> str:
    """What the work says; it may succeed, and else raises nothing but Problems, which hold no secret."""

    def run(_params: dict[str, Any], _mode: Mode) -> Outcome:
        work()
        return Outcome()

    try:
        run_guarded(run, {}, Mode())
    except ClusterlinkError as error:
        found = error
    else:
        return ""
    assert found.problems
    shown = str(found) + repr([problem.as_dict() for problem in found.problems])
    assert not [each for each in (SECRET, *secrets) if each in shown]
    return str(found)


@st.composite
def damaged(draw: Any, whole: Any) -> Any:
    """The data with one value, at any place, replaced or removed."""
    data = deepcopy(whole)
    place, key, turns = data, None, draw(st.integers(1, 5))
    for turn in range(turns):
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return data
        key = draw(st.sampled_from(keys))
        if turn == turns - 1 or not isinstance(place[key], dict | list):
            break
        place = place[key]
    if draw(st.booleans()):
        place[key] = draw(ODD)
    else:
        del place[key]
    return data


@st.composite
def cut(draw: Any, text: bytes) -> bytes:
    """The text with some bytes removed, changed or doubled."""
    changed = bytearray(text)
    for _turn in range(draw(st.integers(1, 3))):
        if not changed:
            break
        start = draw(st.integers(0, len(changed) - 1))
        end = draw(st.sampled_from([start + 1, start + 7, len(changed)]))
        changed[start:end] = draw(
            st.sampled_from([b"", b"\n", b"A", b"\xff\xfe", b"-----", bytes(changed[start:end]) * 2])
        )
    return bytes(changed)


KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "clusters": [{"name": "c", "cluster": {"server": SERVER, "certificate-authority-data": "LS0t"}}],
    "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
    "users": [
        {
            "name": "u",
            "user": {
                "token": SECRET,
                "password": SECRET,
                "username": "someone",
                "client-key-data": base64.b64encode(SECRET.encode()).decode(),
                "as": "other",
                "as-groups": ["a"],
            },
        }
    ],
}
ENCODED = KUBECONFIG["users"][0]["user"]["client-key-data"]


def ask(params: dict[str, Any]) -> None:
    """Send a request, to a port where nothing listens, with all headers of the connection."""
    with connect(params, RetryPolicy(0)) as cluster:
        cluster.get("Namespace", "kube-system")


def names_of_contexts(content: dict[str, Any]) -> list[Any]:
    contexts = content.get("contexts")
    return [each.get("name") for each in contexts if isinstance(each, dict)] if isinstance(contexts, list) else []


@quick
@given(content=damaged(KUBECONFIG), as_text=st.booleans())
def test_a_damaged_kubeconfig(content: Any, as_text: bool) -> None:
    assume(SECRET not in names_of_contexts(content))  # they are shown to whoever asks for another
    text = yaml.safe_dump(content) if as_text else content
    assert UNKNOWN not in problems(lambda: ask({"kubeconfig": text}), ENCODED)


@quick
@given(text=cut(yaml.safe_dump(KUBECONFIG["users"]).encode()))
def test_a_kubeconfig_that_is_no_yaml(text: bytes) -> None:
    whole = text.decode(errors="replace") + "\nclusters: [\n"
    assert UNKNOWN not in problems(lambda: ask({"kubeconfig": whole}), ENCODED)


LINES = st.sampled_from(["", "\n", "\r\nX-Injected: yes", " ", "é", "☃", "\0", "\x7f", "%", "@", "]"])


@quick
@given(
    before=LINES,
    after=LINES,
    option=st.sampled_from(["api_key", "password", "username", "impersonate_user", "kubeconfig", "proxy_headers"]),
)
def test_credentials_that_no_header_can_carry(before: str, after: str, option: str) -> None:
    value = f"{before}{SECRET}{after}"
    params: dict[str, Any] = {"host": SERVER, "username": "someone", "password": "else"}
    if option == "kubeconfig":
        config = deepcopy(KUBECONFIG)
        del config["clusters"][0]["cluster"]["certificate-authority-data"]
        config["users"][0]["user"] = {"token": value}
        params = {"kubeconfig": config}
    elif option == "proxy_headers":
        params |= {"proxy": "http://127.0.0.1:9", "proxy_headers": {"proxy_basic_auth": value}}
    else:
        params[option] = value
    assert UNKNOWN not in problems(lambda: ask(params))


@quick
@given(
    option=st.sampled_from(["host", "proxy"]),
    start=st.sampled_from(["http://", "https://", "socks5://", "", "ftp://", "http://[", "//"]),
    end=st.one_of(st.text(max_size=6), st.sampled_from(["host:99999999", "host:port", "[::1", "\n", "é.\0"])),
)
def test_addresses_that_are_none(option: str, start: str, end: str) -> None:
    """A URL may hold a password."""
    params = {"host": SERVER, "api_key": "x", option: f"{start}someone:{SECRET}@{end}"}
    assert UNKNOWN not in problems(lambda: ask(params))


class Pool:
    """Answers every request in the same way."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = (status, body)

    def request(self, *_arguments: Any, **_options: Any) -> urllib3.HTTPResponse:
        status, body = self._answer
        return urllib3.HTTPResponse(io.BytesIO(body), status=status, preload_content=False)

    def clear(self) -> None:
        """There are no connections."""


LISTED = {
    "kind": "SecretList",
    "metadata": {"resourceVersion": "1"},
    "items": [{"metadata": {"name": "a", "namespace": "b", "labels": {}}, "data": {"key.pem": SECRET}}],
    "data": {"key.pem": SECRET},
}


@quick
@given(body=st.one_of(damaged(LISTED).map(lambda each: json.dumps(each).encode()), cut(json.dumps(LISTED).encode())))
def test_answers_that_are_damaged(body: bytes) -> None:
    def work() -> None:
        with connect({"host": SERVER, "api_key": SECRET}, RetryPolicy(0)) as cluster:
            cluster._transport._pool = Pool(200, body)  # type: ignore[assignment]
            list(cluster.list("Secret", "b"))
            cluster.get("Secret", "a", "b")

    problems(work)


@quick
@given(
    status=st.sampled_from([301, 400, 401, 403, 404, 409, 422, 500, 503]), body=damaged({"kind": "Status", "code": 1})
)
def test_refusals_of_any_shape(status: int, body: Any) -> None:
    def work() -> None:
        with connect({"host": SERVER, "api_key": SECRET}, RetryPolicy(0)) as cluster:
            cluster._transport._pool = Pool(status, json.dumps(body).encode())  # type: ignore[assignment]
            cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": SECRET}})

    if SECRET not in json.dumps(body):  # a server that repeats what it was given is none of ours
        assert UNKNOWN not in problems(work)


KEY = cached_key(KeySpec())
CA = make_ca(CaRequest("demo"), NOW, KEY)
PEM = {"key": key_pem(KEY), "encrypted": key_pem(KEY, SECRET), "certificate": chain_pem(CA.certificate)}
BODIES = [line for name in ("key", "encrypted") for line in PEM[name].decode().splitlines()[1:-1]]


@quick
@given(text=st.one_of(cut(PEM["key"]), cut(PEM["encrypted"]), st.binary(max_size=40)), passphrase=st.booleans())
def test_a_damaged_key(text: bytes, passphrase: bool) -> None:
    given = Passphrase("privatekey_passphrase", SECRET) if passphrase else None
    assert UNKNOWN not in problems(lambda: load_key(text, "/pki/key.pem", given), *BODIES)


@quick
@given(text=st.one_of(cut(PEM["certificate"]), cut(PEM["key"]), cut(PEM["certificate"] + PEM["key"])))
def test_a_damaged_certificate_or_a_key_in_its_place(text: bytes) -> None:
    assert UNKNOWN not in problems(lambda: load_chain(text, "/pki/cert.pem"), *BODIES)


REQUEST = make_request(RequestedPeer("demo", "lyon"), KEY, Span.of(NOW, 7), "0" * 32)
RESPONSE = make_response(REQUEST, CA.certificate, Issuer(CA.certificate, KEY), {}, Span.of(NOW, 7))
DOCUMENTS = [json.loads(each.document.text) for each in (REQUEST, RESPONSE)]


@quick
@given(whole=st.sampled_from(DOCUMENTS).flatmap(damaged), text=st.sampled_from(DOCUMENTS), chance=st.data())
def test_damaged_requests_responses_and_records(whole: Any, text: Any, chance: Any) -> None:
    torn = chance.draw(cut(json.dumps(text).encode()))
    for each in (json.dumps(whole).encode(), torn):
        for read in (read_request, read_response, read_record):
            # These documents hold no secret: what they say may be repeated.
            assert UNKNOWN not in problems(partial(read, each.replace(SECRET.encode(), b"x"), "/a.json"))


@quick
@given(data=st.dictionaries(st.text(max_size=12), st.one_of(st.text(max_size=12), st.just(SECRET)), max_size=3))
def test_a_damaged_store(data: dict[str, str]) -> None:
    assert UNKNOWN not in problems(lambda: unpack(data, "Secret a/b"))


MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
PACKAGE = "ansible_collections.skyshift.clusterlink.plugins.modules"


@pytest.mark.parametrize("module", MODULES)
@examples(6, derandomize=True)
@given(chance=st.data())
def test_options_of_any_type(module: str, chance: Any) -> None:
    """Whatever is wrong with the options, those that are secret are in no part of the result."""
    task = import_module(f"{PACKAGE}.{module}").TASK
    spec = task.argument_spec
    secret = [name for name, option in spec.items() if option.get("no_log") or option.get("type") == "raw"]
    names = chance.draw(st.lists(st.sampled_from(sorted(spec)), max_size=4))
    arguments: dict[str, Any] = {name: chance.draw(ODD) for name in names}
    arguments = json.loads(json.dumps(arguments, default=str).replace(SECRET, "harmless"))
    arguments |= dict.fromkeys(secret, SECRET)
    if "kubeconfig" in secret:
        arguments["kubeconfig"] = chance.draw(st.sampled_from([KUBECONFIG, yaml.safe_dump(KUBECONFIG)]))

    def fail(params: dict[str, Any], _mode: Mode) -> Outcome:
        raise ValueError(str(params))

    result = run_in_worker(task, arguments, fail)
    assert result["failed"]
    assert SECRET not in json.dumps(result, default=str)
    assert ENCODED not in json.dumps(result, default=str)


def test_a_cluster_whose_answers_are_not_an_api_servers_is_a_problem() -> None:
    with pytest.raises(ClusterlinkError):
        read_cluster({"host": SERVER, "api_key": SECRET, "namespace": "a", "cluster_domain": "b", "retry_timeout": 0})
