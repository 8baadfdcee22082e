# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube import retry, transport
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.errors import ApiError, Request
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.transport import ClusterUnreachableError

if TYPE_CHECKING:
    from tests.unit.fakes import Api, Time

PEER = {"apiVersion": "clusterlink.net/v1alpha1", "kind": "Peer", "metadata": {"name": "p", "namespace": "a"}}


def page(*names: str, **metadata: str) -> dict[str, Any]:
    return {"items": [{"metadata": {"name": name}} for name in names], "metadata": metadata}


def query(path: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(path).query)


def test_list_goes_on_to_the_last_page_and_fills_in_the_kind(api: Api) -> None:
    api.will(200, page("a", "b", resourceVersion="10", **{"continue": "next"}))
    api.will(200, page("c", resourceVersion="12"))
    listing = api.cluster().list("Import", "ns", label_selector="x=y")
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in listing] == [("Import", name) for name in "abc"]
    assert listing.resource_version == "10"
    assert query(api.asked[0].path)["labelSelector"] == ["x=y"]
    assert query(api.asked[1].path)["continue"] == ["next"]


def test_list_begins_again_when_the_token_of_its_next_page_has_expired(api: Api) -> None:
    expired = {"kind": "Status", "code": 410, "reason": "Expired", "message": "the continue parameter is too old"}
    for name in ("a", "b"):
        api.will(200, page(name, resourceVersion="10", **{"continue": "next"}))
        api.will(410, expired)
    api.will(200, page("a", "b", resourceVersion="12"))
    found = api.cluster().list("Service")
    assert [each["metadata"]["name"] for each in found] == ["a", "b"]
    assert found.resource_version == "12"
    assert ["limit" in query(each.path) for each in api.asked] == [True, True, True, True, False]
    assert ["continue" in query(each.path) for each in api.asked] == [False, True, False, True, False]


def test_list_of_a_kind_that_is_not_served_is_empty_and_says_so(api: Api) -> None:
    api.will(404, b"404 page not found\n")
    listing = api.cluster().list("Import")
    assert listing == []
    assert not listing.served


def test_object_that_is_not_there_is_none(api: Api) -> None:
    api.will(404, {"kind": "Status", "message": "not found"})
    assert api.cluster().get("Peer", "p", "a") is None


def test_delete_tells_whether_there_was_something_and_can_mean_one_very_object(api: Api) -> None:
    api.will(200, {"kind": "Status"})
    api.will(404, {"kind": "Status", "message": "not found"})
    cluster = api.cluster()
    assert cluster.delete("Peer", "p", "a", uid="u-1", dry_run=True)
    assert not cluster.delete("Peer", "p", "a")
    assert api.asked[0].body["preconditions"] == {"uid": "u-1"}
    assert api.asked[0].body["dryRun"] == ["All"]
    assert "dryRun" not in api.asked[1].body


def test_delete_can_mean_one_version_of_an_object(api: Api) -> None:
    api.will(200, {"kind": "Status"})
    api.cluster().delete("Secret", "s", "a", uid="u-1", version="7")
    assert api.asked[0].body["preconditions"] == {"uid": "u-1", "resourceVersion": "7"}


def test_create_and_replace_send_the_whole_object_as_ours(api: Api) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "a", "resourceVersion": "7"}}
    api.will(201, secret)
    api.will(200, secret)
    cluster = api.cluster()
    assert cluster.create(secret, dry_run=True) == secret
    assert cluster.replace(secret) == secret
    made, written = api.asked
    assert (made.method, urlsplit(made.path).path) == ("POST", "/api/v1/namespaces/a/secrets")
    assert (written.method, urlsplit(written.path).path) == ("PUT", "/api/v1/namespaces/a/secrets/s")
    assert [each.body for each in api.asked] == [secret, secret]
    ours = {"fieldManager": ["skyshift.clusterlink"], "fieldValidation": ["Strict"]}
    assert query(made.path) == {**ours, "dryRun": ["All"]}
    assert query(written.path) == ours


def test_apply_is_server_side_with_our_field_manager_and_strict(api: Api) -> None:
    api.will(200, PEER)
    api.will(200, PEER)
    cluster = api.cluster()
    cluster.apply(PEER)
    cluster.apply(PEER, force=True, dry_run=True)
    assert api.asked[0].header("Content-Type") == ["application/apply-patch+yaml"]
    assert api.asked[0].body == PEER
    assert query(api.asked[0].path) == {"fieldManager": ["skyshift.clusterlink"], "fieldValidation": ["Strict"]}
    assert query(api.asked[1].path)["force"] == ["true"]
    assert query(api.asked[1].path)["dryRun"] == ["All"]


def test_status_is_patched_in_its_own_place(api: Api) -> None:
    api.will(200, PEER)
    api.cluster().patch_status("Service", "s", "a", {"loadBalancer": {}})
    assert urlsplit(api.asked[0].path).path == "/api/v1/namespaces/a/services/s/status"
    assert api.asked[0].body == {"status": {"loadBalancer": {}}}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_call_is_tried_again_when_the_server_is_overloaded_or_restarts(api: Api, status: int) -> None:
    api.will(status)
    api.will_break()
    api.will(200, PEER)
    assert api.cluster().get("Peer", "p", "a") == PEER
    assert len(api.asked) == 3


def test_call_is_given_up_at_the_limit_and_says_how_often_it_was_tried(api: Api) -> None:
    for _turn in range(50):
        api.will(503, {"kind": "Status", "message": "apiserver is shutting down"})
    with pytest.raises(ApiError, match=r"apiserver is shutting down \(\d+ attempts in \d+ s\)") as raised:
        api.cluster(limit=9.0).get("Peer", "p", "a")
    assert raised.value.status == 503
    assert len(api.asked) == len(api.time.slept) + 1 > 5
    assert 5 < sum(api.time.slept) < 9


def test_limit_of_nothing_means_one_try(api: Api) -> None:
    api.will(500, {"message": "broken"})
    with pytest.raises(ApiError, match=r"\(found: broken\)"):
        api.cluster(limit=0).get("Peer", "p", "a")
    assert len(api.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 422])
def test_refusal_is_not_tried_again(api: Api, status: int) -> None:
    api.will(status, {"kind": "Status", "message": "no"})
    with pytest.raises(ApiError):
        api.cluster().apply(PEER)
    assert len(api.asked) == 1


def test_fields_against_the_schema_are_refused_at_once_and_not_taken_for_an_overload(api: Api) -> None:
    message = (
        "failed to create typed patch object (a/p; clusterlink.net/v1alpha1, Kind=Peer): .spec.x: field not declared"
    )
    api.will(500, {"kind": "Status", "message": f"{message} in schema", "code": 500})
    with pytest.raises(ApiError, match=r"Peer a/p: the API server does not accept its fields \(found: failed"):
        api.cluster().apply(PEER)
    assert len(api.asked) == 1
    api.will(500, {"kind": "Status", "message": "etcdserver: leader changed", "code": 500})
    api.will(200, PEER)
    assert api.cluster().apply(PEER) == PEER


def test_server_says_how_long_to_wait_and_is_not_waited_for_too_long(api: Api) -> None:
    api.will(429, Retry_After="7")
    api.will(200, PEER)
    api.cluster().get("Peer", "p", "a")
    assert api.time.slept == [7.1]

    api.will(429, {"message": "busy"}, Retry_After="3600")
    with pytest.raises(ApiError, match="busy"):
        api.cluster().get("Peer", "p", "a")
    assert api.time.slept == [7.1]


@pytest.mark.parametrize("broken", [True, False], ids=["answer lost", "500"])
def test_what_a_try_with_a_lost_answer_deleted_counts_as_deleted(api: Api, broken: bool) -> None:
    gone = {"kind": "Status", "message": "not found"}
    for dry_run in (False, True):
        if broken:
            api.will_break()
        else:
            api.will(500)
        api.will(404, gone)
        assert api.cluster().delete("Peer", "p", "a", dry_run=dry_run) is not dry_run
    api.will(429)
    api.will(404, gone)
    assert not api.cluster().delete("Peer", "p", "a")


@pytest.mark.parametrize("failure", ["break", 500, 502, 503, 504])
def test_what_may_have_been_made_is_not_made_twice(api: Api, failure: str | int) -> None:
    api.will(429)
    if isinstance(failure, int):
        api.will(failure)
    else:
        api.will_break()
    with pytest.raises(ClusterlinkError):
        api.cluster()._transport.call(Request("create", "Peer", "p", "a"), "POST", "/apis/x", body=PEER)
    assert len(api.asked) == 2


def test_watch_that_cannot_begin_is_tried_again(api: Api) -> None:
    api.will(429)
    api.will_break()
    api.will(200, json.dumps({"type": "ADDED", "object": {"metadata": {"name": "p"}}}).encode() + b"\n")
    [event] = api.cluster().watch("Peer", "a", resource_version="5", seconds=3)
    assert event.object["metadata"]["name"] == "p"


def test_answer_that_breaks_off_is_asked_for_again(api: Api) -> None:
    api.will(200, b'{"half": ', Content_Length="100")
    api.will(200, PEER)
    assert api.cluster().get("Peer", "p", "a") == PEER


def test_answer_that_is_lost_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_READ_TIMEOUT", 0.2)
    answered: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answered.append(1)
            time.sleep(0.6)  # too late for the first try, soon enough for the second
            body = json.dumps(PEER).encode()
            with contextlib.suppress(OSError):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        there = connect({"host": f"http://127.0.0.1:{server.server_port}", "api_key": "x"}).get("Peer", "p", "a")
        server.shutdown()
    assert there == PEER
    assert len(answered) == 2


def test_refused_connection_names_the_server_and_the_reason(clock: Time) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        with pytest.raises(ClusterUnreachableError) as raised:
            connect({"host": url, "api_key": "x"}, clock.policy()).list("Peer")
    problem = raised.value.problems[0]
    assert problem.where == url
    assert problem.found == (
        f"Failed to establish a new connection: [Errno 111] Connection refused ({len(clock.slept) + 1} attempts in "
        f"{sum(clock.slept):.0f} s)"
    )
    assert 15 < sum(clock.slept) < 20


def test_server_that_does_not_answer_is_given_up_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT", 0.2)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _turn in range(4)]  # what the backlog holds; further connections get no answer
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        started = time.monotonic()
        with pytest.raises(ClusterUnreachableError, match=r"\(found: Connection to 127\.0\.0\.1 timed out"):
            connect({"host": f"http://127.0.0.1:{deaf.getsockname()[1]}", "api_key": "x", "retry_timeout": 1.0}).list(
                "Peer"
            )
        assert 0.2 < time.monotonic() - started < 20
        for filler in fillers:
            filler.close()


def test_server_that_accepts_and_stays_silent_is_given_up_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "SHORTEST_ATTEMPT", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        params = {"host": f"http://127.0.0.1:{silent.getsockname()[1]}", "api_key": "x", "retry_timeout": 0.2}
        started = time.monotonic()
        with pytest.raises(ClusterUnreachableError, match="timed out"):
            connect(params).list("Peer")
        assert 0.2 <= time.monotonic() - started < 20


def test_one_connection_serves_one_request_after_another(api: Api) -> None:
    cluster = api.cluster()
    for _turn in range(3):
        api.will(200, PEER)
        cluster.get("Peer", "p", "a")
    assert cluster._transport._pool.connection_from_url(api.url).num_connections == 1


def test_watch_gives_events_as_they_come_until_it_must_start_again(api: Api) -> None:
    gone = {"kind": "Status", "code": 410, "message": "too old resource version"}
    lines = [
        {"type": "ADDED", "object": {"metadata": {"name": "p"}}},
        {"type": "DELETED", "object": {"metadata": {"name": "p"}}},
        {"type": "ERROR", "object": gone},
    ]
    api.will(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    events = api.cluster().watch("Peer", "a", resource_version="5", seconds=3, field_selector="metadata.name=p")
    assert [(next(events).type, next(events).type)] == [("ADDED", "DELETED")]
    with pytest.raises(ApiError) as raised:
        next(events)
    assert raised.value.status == 410
    asked = query(api.asked[0].path)
    assert (asked["resourceVersion"], asked["timeoutSeconds"]) == (["5"], ["3"])


def test_watch_that_is_refused_names_the_permission(api: Api) -> None:
    message = 'peers is forbidden: User "bob" cannot watch resource "peers" in API group "clusterlink.net"'
    api.will(403, {"kind": "Status", "message": message})
    with pytest.raises(ApiError, match=r"not permitted to watch peers\.clusterlink\.net in namespace a"):
        next(api.cluster().watch("Peer", "a", resource_version="5", seconds=3))


@pytest.mark.parametrize("content", [b"<html>Please sign in</html>", b"[]"])
def test_server_that_is_no_api_server_is_distinguished_from_one(api: Api, content: bytes) -> None:
    api.will(200, content)
    with pytest.raises(ClusterUnreachableError, match="does not come from a Kubernetes API server"):
        api.cluster().list("Peer")


def test_redirect_is_not_followed_as_the_token_would_be_sent_there(api: Api) -> None:
    api.will(302, b"", Location="http://127.0.0.1:1/")
    with pytest.raises(ApiError, match="responds with status 302"):
        api.cluster().list("Peer")


@pytest.mark.parametrize("ahead", [0, 90, -7200])
def test_the_servers_clock_is_compared_with_this_machines(
    api: Api, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    monkeypatch.setattr(
        BaseHTTPRequestHandler, "date_time_string", lambda _handler: formatdate(time.time() + ahead, usegmt=True)
    )
    api.will(404, {"kind": "Status", "message": "not found"})
    cluster = api.cluster()
    assert cluster.clock is None
    cluster.get("Peer", "p", "a")
    assert cluster.clock is not None
    assert abs(cluster.clock - ahead) <= 1


@pytest.mark.parametrize(
    ("date", "took", "ahead"),
    [
        ("Tue, 01 Jan 2030 12:00:00 GMT", 0.1, 0),
        ("Tue, 01 Jan 2030 12:00:00 GMT", 30.0, 0),
        ("Tue, 01 Jan 2030 12:00:29 GMT", 30.0, 0),
        ("Tue, 01 Jan 2030 12:01:40 GMT", 0.1, 100),
        ("Tue, 01 Jan 2030 12:01:40 GMT", 30.0, 70),
        ("Tue, 01 Jan 2030 11:58:19 GMT", 30.0, -100),
        ("soon", 0.1, None),
    ],
)
def test_a_slow_answer_makes_no_clock_seem_off(date: str, took: float, ahead: int | None) -> None:
    asked = parsedate_to_datetime("Tue, 01 Jan 2030 12:00:00 GMT").timestamp()
    assert transport._clock(date, asked, asked + took) == ahead


def test_a_server_that_does_not_say_the_time_has_no_clock(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda _handler: "soon")
    api.will(200, PEER)
    cluster = api.cluster()
    cluster.get("Peer", "p", "a")
    assert cluster.clock is None


@pytest.mark.parametrize(("errno", "tried"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)])
def test_name_is_looked_up_again_only_when_the_look_up_failed(
    clock: Time, monkeypatch: pytest.MonkeyPatch, errno: int, tried: bool
) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(errno, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    cluster = connect({"host": "https://east.example.com", "api_key": "t"}, clock.policy())
    with pytest.raises(ClusterUnreachableError, match="no answer"):
        cluster.list("Service")
    assert bool(clock.slept) is tried
