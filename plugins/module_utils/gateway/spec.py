# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway shall be, read from plain options and checked as a whole before anything is written."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..clusterlink import api
from ..clusterlink.versions import DATAPLANES, DEFAULT_REGISTRY, DEFAULT_VERSION, Release, release
from ..common.fields import Item, Report
from ..common.naming import label_key_fault
from ..errors import ClusterlinkError
from .operator.identity import DIRECT, OPERATOR
from .operator.limits import operator_problems
from .quantities import amount

NODE_PORT = "NodePort"
LOAD_BALANCER = "LoadBalancer"
NO_INGRESS = "none"
INGRESS_TYPES = (NODE_PORT, LOAD_BALANCER, NO_INGRESS)

NODE_PORTS = range(30000, 32768)
"""Where Kubernetes takes node ports from unless its API server is told otherwise."""

INGRESS_PORT = 443
"""The ingress Service's port unless it is chosen; the upstream operator's too."""

INSTALLS = (DIRECT, OPERATOR)

LOG_LEVELS = ("fatal", "error", "warn", "info", "debug")

DEFAULT_RESOURCES = {"requests": {"cpu": "100m", "memory": "64Mi"}}
"""What a component asks for unless told otherwise.

A pod that asks for nothing comes last when a node is busy, and Envoy refuses a connection that the control plane has
not decided within 200 ms (v0.4.1, cmd/cl-dataplane/app/envoyconf.go sets no other limit).
"""

CONTROLPLANE_DRAIN_SECONDS = 90
"""How long a control plane keeps serving when it is replaced, by default.

A data plane keeps its connection, and a control plane that ends answers nothing more on it (v0.4.1 handles no SIGTERM),
so that a decision which is under way would be lost, and a request with it. Nor does it give its lease back: for 17 s
(measured) nobody tells imports where data planes are, so they are not to change then. With 45 s, 3 of 4031
requests were lost, all as control planes ended (one gateway of three with a go data plane, a busy machine). It costs
room: what such a pod requests counts on its node until it ends.
"""
DATAPLANE_DRAIN_SECONDS = 15
"""The same for a data plane: until connections that nobody keeps for longer have ended; others are cut."""
DRAIN_SECONDS = range(5, 3601)
"""What may be chosen: at least until nothing new is sent to a pod that has left its Service."""

_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_LIMITS = ("requests", "limits")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*", re.I)

# The parts of an image's name as registries take them (distribution's reference grammar).
_REGISTRY = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Address:
    """Where other peers reach a gateway: a DNS name or an IP address, and a TCP port."""

    host: str
    port: int

    def as_dict(self) -> dict[str, Any]:
        """The address as plain data."""
        return {"host": self.host, "port": self.port}


@dataclass(frozen=True)
class Component:
    """One of the two Deployments.

    Attributes:
        image: The whole reference, with a tag or a digest.
        replicas: At least 1.
        resources: C(requests) and C(limits) with quantities; empty for none.
        drain_seconds: How long a pod keeps serving when it is replaced; 0 where it ends at once.
    """

    image: str
    replicas: int
    resources: Mapping[str, Mapping[str, str]]
    drain_seconds: int


@dataclass(frozen=True)
class Ingress:
    """The Service through which other peers come in.

    Attributes:
        type: One of INGRESS_TYPES; with C(none) it is there for the cluster itself only.
        port: The Service's port.
        node_port: The port of every node, or None to let the cluster choose; only for NodePort.
        annotations: What a load balancer's controller is told.
    """

    type: str
    port: int
    node_port: int | None
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class GatewaySpec:
    """What a gateway shall be.

    Attributes:
        fabric: The fabric's name.
        peer: The cluster's name in it.
        namespace: Where the gateway lives.
        labels: The peer's labels, that access policies select on.
        version: Of ClusterLink.
        controlplane: The control plane.
        dataplane: The data plane.
        dataplane_kind: C(envoy) or C(go).
        log_level: One of LOG_LEVELS.
        pull_secrets: Secrets in the namespace with a registry's credentials.
        ingress: How other peers come in.
        public_host: The host that other peers are told, whatever the ingress; empty to take the ingress's.
        public_port: The port that they are told; None to take the ingress's.
        install: C(operator.DIRECT), or C(operator.OPERATOR) for Deployments that ClusterLink's operator makes.
    """

    fabric: str
    peer: str
    namespace: str
    labels: Mapping[str, str]
    version: str
    controlplane: Component
    dataplane: Component
    dataplane_kind: str
    log_level: str
    pull_secrets: tuple[str, ...]
    ingress: Ingress
    public_host: str
    public_port: int | None
    install: str


def gateway_spec(options: Mapping[str, Any]) -> GatewaySpec:
    """Read and check a gateway's options.

    Args:
        options: As module C(gateway) names them; a missing or null one takes its default.

    Raises:
        ClusterlinkError: With every problem there is.
    """
    report = Report()
    item = Item(options, "", report)
    known = _release(item)
    kind = item.choice("dataplane", DATAPLANES, DATAPLANES[0])
    public_host, public_port = _public(item)
    ingress = _ingress(item, public_host)
    install = item.choice("install", INSTALLS, DIRECT)
    # The operator's pods ask for nothing, and end at once.
    resources = DEFAULT_RESOURCES if install == DIRECT else {}
    drain = (CONTROLPLANE_DRAIN_SECONDS, DATAPLANE_DRAIN_SECONDS) if install == DIRECT else (0, 0)
    spec = GatewaySpec(
        fabric=item.name("fabric", "fabric"),
        peer=item.name("peer", required=True),
        namespace=item.name("namespace", api.SYSTEM_NAMESPACE),
        labels=item.labels("labels"),
        version=known.version,
        controlplane=Component(
            image=_image(item, "controlplane", known.controlplane_image, known),
            replicas=_replicas(item, "controlplane_replicas"),
            resources=_resources(item, "controlplane_resources", resources),
            drain_seconds=_drain_seconds(item, "controlplane_drain_seconds", drain[0]),
        ),
        dataplane=Component(
            image=_image(item, "dataplane", known.dataplane_images[kind], known),
            replicas=_replicas(item, "dataplane_replicas"),
            resources=_resources(item, "dataplane_resources", resources),
            drain_seconds=_drain_seconds(item, "dataplane_drain_seconds", drain[1]),
        ),
        dataplane_kind=kind,
        log_level=item.choice("log_level", LOG_LEVELS, "info"),
        pull_secrets=_pull_secrets(item),
        ingress=ingress,
        public_host=public_host,
        public_port=public_port,
        install=install,
    )
    item.item("images").finish(("controlplane", "dataplane"))
    if install == OPERATOR:
        report.problems += operator_problems(spec)
    report.raise_any()
    return spec


def _release(item: Item) -> Release:
    version = item.text("version", DEFAULT_VERSION)
    try:
        return release(version)
    except ClusterlinkError as error:
        item.report.problems += error.problems
        return release(DEFAULT_VERSION)


def _image(item: Item, component: str, name: str, known: Release) -> str:
    """The component's image: given whole, or composed of registry, name and tag."""
    given = item.item("images").text(component)
    if given:
        base, at, digest = given.partition("@")
        path, colon, tag = base.rpartition(":")
        if not colon or "/" in tag:
            path, tag = base, ""
        right = _REGISTRY.fullmatch(path) and (not tag or _TAG.fullmatch(tag)) and (not at or _DIGEST.fullmatch(digest))
        if not right or not (tag or digest):
            what = "must be an image with a tag or a digest"
            item.problem(f"images.{component}", what, given, "Write registry/name:tag or registry/name@sha256:...")
        return given
    registry = item.text("image_registry", DEFAULT_REGISTRY)
    if not _REGISTRY.fullmatch(registry):
        fix = "Write it without a scheme and without a slash at the end, as registry.example.com/mirror"
        item.problem("image_registry", "is not the name of a registry", registry, fix)
    tag = item.text("image_tag", known.version)
    if not _TAG.fullmatch(tag):
        fix = "To pin by digest, name both images in option images" if "sha256:" in tag else ""
        item.problem("image_tag", "is not an image's tag", tag, fix)
    return f"{registry}/{name}:{tag}"


def _replicas(item: Item, key: str) -> int:
    value = item.get(key)
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        item.problem(key, "must be a number of pods, at least 1", value)
        return 1
    return value


def _drain_seconds(item: Item, key: str, default: int) -> int:
    value = item.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value not in DRAIN_SECONDS:
        what = f"must be a number of seconds from {DRAIN_SECONDS[0]} to {DRAIN_SECONDS[-1]}"
        item.problem(key, what, value)
        return default
    return value


def _resources(options: Item, key: str, default: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    if options.get(key) is None:
        return default
    item = options.item(key)
    resources = {group: _amounts(item.item(group)) for group in _LIMITS}
    item.finish(_LIMITS)
    for name, request in resources["requests"].items():
        limit = resources["limits"].get(name)
        if limit is not None and amount(request) > amount(limit):
            item.problem(f"requests.{name}", f"is more than its limit {limit}", request)
    return {group: amounts for group, amounts in resources.items() if amounts}


def _amounts(item: Item) -> dict[str, str]:
    amounts = {}
    for name in _RESOURCES:
        value = item.get(name)
        if value is None:
            continue
        text = "" if isinstance(value, bool) else str(value)
        try:
            amount(text)
        except ValueError:
            item.problem(name, "is not an amount", value, "Write it as 500m, 0.5, 256Mi or 1Gi")
        else:
            amounts[name] = text
    item.finish(_RESOURCES)
    return amounts


def _pull_secrets(item: Item) -> tuple[str, ...]:
    names = []
    for value, path in item.values("image_pull_secrets"):
        if not isinstance(value, str) or not _HOST.fullmatch(value) or value != value.lower():
            item.problem(path, "is not the name of a Secret", value)
        else:
            names.append(value)
    return tuple(names)


def _ingress(item: Item, public_host: str) -> Ingress:
    kind = item.choice("ingress_type", INGRESS_TYPES, NODE_PORT)
    port = item.port("ingress_port")
    if kind == NODE_PORT and port and port not in NODE_PORTS:
        what = f"is outside the range of node ports, {NODE_PORTS[0]} to {NODE_PORTS[-1]}"
        item.problem("ingress_port", what, port, "Choose a port in the range, or none to let the cluster choose")
    if kind == NO_INGRESS and public_host and item.get("gateway_port") is None:
        item.problem("gateway_port", "is required where gateway_host is given and ingress_type is none")
    return Ingress(
        type=kind,
        port=port if port and kind == LOAD_BALANCER else INGRESS_PORT,
        node_port=port if port and kind == NODE_PORT else None,
        annotations=_annotations(item),
    )


def _annotations(item: Item) -> dict[str, str]:
    annotations = {}
    for key, value in item.mapping("ingress_annotations").items():
        path = f"ingress_annotations.{key}"
        fault = label_key_fault(key)
        if fault:
            item.problem(path, f"the key {fault}", key)
        elif not isinstance(value, str):
            item.problem(path, "must be a string", value, "Put it in quotes")
        else:
            annotations[key] = str(value)
    return annotations


def _public(item: Item) -> tuple[str, int | None]:
    host = item.text("gateway_host")
    port = item.port("gateway_port")
    if host and not _is_address(host):
        item.problem("gateway_host", "is neither a DNS name nor an IP address", host, "Give the port as gateway_port")
    if port and not host:
        item.problem("gateway_host", "is required where gateway_port is given")
    return host, port or None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # A name of digits and dots only is an IP address with a mistake in it.
        return bool(_HOST.fullmatch(host)) and not re.fullmatch(r"[0-9.]+", host)
    return True
