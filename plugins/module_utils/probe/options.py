# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of module probe, checked as a whole and read as probes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..common.fields import Item, Report
from ..common.naming import service_name_fault
from ..fabric.resources import AUTO, DEFAULT_NAMESPACE, PROBE_SCHEMES
from ..fabric.selectors import OPERATORS
from ..kube.pod_settings import PodSettings, read_pod_settings
from .client_pod import Client
from .run import ANSWER, EXPECTATIONS, REFUSED, Probe
from .script import HTTP, Target

MAX_COUNT = 1000
MAX_TIMEOUT = 300

CLIENT_SPEC: dict[str, Any] = {
    "namespace": {"type": "str"},
    "pod": {"type": "str"},
    "labels": {"type": "dict"},
    "match_expressions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "key": {"type": "str", "required": True, "no_log": False},
            "operator": {"type": "str", "required": True, "choices": list(OPERATORS)},
            "values": {"type": "list", "elements": "str"},
        },
    },
    "container": {"type": "str"},
    "service_account": {"type": "str"},
}

REQUEST_SPEC: dict[str, Any] = {
    "namespace": {"type": "str", "default": DEFAULT_NAMESPACE},
    "scheme": {"type": "str", "choices": list(PROBE_SCHEMES), "default": AUTO},
    "path": {"type": "str", "default": "/"},
    "client": {"type": "dict", "options": CLIENT_SPEC},
    "count": {"type": "int"},
    "expect": {"type": "str", "choices": list(EXPECTATIONS), "default": ANSWER},
    "status": {"type": "list", "elements": "int"},
    "contains": {"type": "str"},
    "sources": {"type": "list", "elements": "str"},
}
"""The options of one probe, besides its name and port."""

_KEYS = ("name", "port", *REQUEST_SPEC)


def read_probes(params: Mapping[str, Any]) -> tuple[list[Probe], PodSettings]:
    """The probes, and the settings of temporary pods.

    The probes are the one that the options describe, or those of the list C(probes).

    Raises:
        ClusterlinkError: With all problems of the options.
    """
    report = Report()
    _within(Item({"timeout": params["timeout"]}, "", report), "timeout", MAX_TIMEOUT)
    if params["probes"] is None:
        probe = _read(Item({key: params[key] for key in _KEYS}, "", report))
        probes = [replace(probe, client=probe.client or Client(probe.namespace))]
    else:
        probes = [_read(entry) for entry in Item({"probes": params["probes"]}, "", report).items("probes")]
    settings = read_pod_settings(Item(params, "", report))
    report.raise_any()
    return probes, settings


def _read(item: Item) -> Probe:
    name = item.name(required=True, fault=service_name_fault)
    namespace = item.name("namespace", DEFAULT_NAMESPACE)
    sources = tuple(item.get("sources") or ())
    path = item.text("path", "/")
    if not path.startswith("/"):
        item.problem("path", "must start with '/'", path)
    scheme = item.text("scheme")
    if scheme == AUTO and (path != "/" or item.get("status") or item.get("contains")):
        scheme = HTTP  # nothing else has a path, a status or a text to expect
    target = Target(
        scheme=scheme,
        # As a client writes it; a pod's resolver appends the cluster's domain.
        host=f"{name}.{namespace}",
        port=item.port(required=True),
        path=path,
        count=_within(item, "count", MAX_COUNT) or max(1, len(sources)),
    )
    refused = item.text("expect") == REFUSED
    return Probe(
        name=name,
        namespace=namespace,
        target=target,
        client=_read_client(item.item("client"), namespace, strict=refused) if "client" in item else None,
        expect=item.text("expect"),
        status=tuple(item.get("status") or ()),
        contains=item.get("contains") or "",
        sources=sources,
    )


def _read_client(item: Item, namespace: str, *, strict: bool) -> Client:
    client = Client(
        namespace=item.name("namespace", namespace),
        pod=item.text("pod"),
        labels=item.labels(),
        expressions=tuple(item.get("match_expressions") or ()),
        container=item.text("container"),
        service_account=item.text("service_account"),
        strict=strict,
    )
    if client.pod and client.selector:
        item.problem("pod", "cannot be combined with labels", client.pod, "Name one pod, or labels")
    return client


def _within(item: Item, key: str, most: int) -> int:
    value = item.get(key)
    if value is not None and not 1 <= value <= most:
        item.problem(key, f"must be from 1 to {most}", value)
    return int(value or 0)
