# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired gateway, as options.py reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..kube.pod_settings import PodSettings

NODE_PORTS = range(30000, 32768)
"""The default range of node ports in Kubernetes."""

INGRESS_PORT = 443
"""The default port of the ingress Service, and the upstream operator's."""

LOG_LEVELS = ("fatal", "error", "warn", "info", "debug")

DEFAULT_RESOURCES = {"requests": {"cpu": "100m", "memory": "64Mi"}}
"""The default resources of a component.

A busy node serves pods without requests last, and Envoy refuses a connection that the control plane has not decided
within 200 ms (v0.4.1, cmd/cl-dataplane/app/envoyconf.go sets no other limit).
"""

CONTROLPLANE_DRAIN_SECONDS = 90
"""How long a control plane keeps serving when it is replaced, by default.

A data plane keeps its connection, and a control plane that ends does not answer on it any more (v0.4.1 handles no
SIGTERM). A pending decision is lost then, and a request with it. The control plane does not release its lease either:
for 17 s (measured) nobody tells imports where data planes are, so data planes must not change in that time. With 45 s,
3 of 4031 requests were lost, all as control planes ended (one gateway of three with a go data plane, a busy machine).
The price is room: the pod's requests count on its node until it ends.
"""
DATAPLANE_DRAIN_SECONDS = 15
"""The same for a data plane. Connections that last longer are cut."""
DRAIN_SECONDS = range(5, 3601)
"""The allowed values besides 0. The least is how long new connections still reach a pod that has left its Service."""


@dataclass(frozen=True)
class Autoscaling:
    """By which use of the requested CPU, in percent, a Deployment has how many pods."""

    least: int
    most: int
    cpu: int


@dataclass(frozen=True)
class Component:
    """One of the two Deployments.

    Attributes:
        image: The whole reference, with a tag or a digest.
        replicas: At least 1.
        resources: C(requests) and C(limits) with quantities; empty for none.
        drain_seconds: How long a pod keeps serving when it is replaced; 0 where it ends at once.
        autoscaling: How an autoscaler sets the number of pods; None for a fixed one.
    """

    image: str
    replicas: int
    resources: Mapping[str, Mapping[str, str]]
    drain_seconds: int
    autoscaling: Autoscaling | None = None

    @property
    def most(self) -> int:
        """The greatest number of pods."""
        return self.autoscaling.most if self.autoscaling else self.replicas


@dataclass(frozen=True)
class Ingress:
    """The Service through which other peers come in.

    Attributes:
        type: One of INGRESS_TYPES; with C(none) the Service serves its own cluster only.
        port: The Service's port.
        node_port: The port of every node, or None to let the cluster choose; only for NodePort.
        annotations: For a load balancer's controller.
        load_balancer_class: The controller that makes the load balancer; empty for the cluster's default.
        source_ranges: From where the load balancer takes connections; empty for everywhere.
        traffic_policy: C(externalTrafficPolicy), C(Cluster) or C(Local); empty for the cluster's default, as below.
        ip_family_policy: C(ipFamilyPolicy).
        ip_families: C(ipFamilies), C(IPv4) and C(IPv6), the first one for good.
    """

    type: str
    port: int
    node_port: int | None
    annotations: Mapping[str, str]
    load_balancer_class: str = ""
    source_ranges: tuple[str, ...] = ()
    traffic_policy: str = ""
    ip_family_policy: str = ""
    ip_families: tuple[str, ...] = ()


@dataclass(frozen=True)
class GatewaySpec:
    """The desired gateway.

    Attributes:
        fabric: The fabric's name.
        peer: The cluster's name in it.
        namespace: The gateway's namespace.
        labels: The peer's labels, on which access policies select.
        version: Of ClusterLink.
        controlplane: The control plane.
        dataplane: The data plane.
        dataplane_kind: C(envoy) or C(go).
        log_level: One of LOG_LEVELS.
        pods: Where its pods may run, and what the cluster requires of them.
        ingress: The Service through which other peers come in.
        public_host: The host that other peers use; empty for the ingress's own.
        public_port: The port that they use; None for the ingress's own.
        network_policy: Whether it has NetworkPolicies of its own.
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
    pods: PodSettings
    ingress: Ingress
    public_host: str
    public_port: int | None
    install: str
    network_policy: bool = False
