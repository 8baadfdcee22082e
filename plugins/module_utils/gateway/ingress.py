# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ingress Service: its options, its manifest, and what can be set only when it is created. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from ..clusterlink import names
from ..clusterlink.gateway_kinds import INGRESS_TYPES, IP_FAMILIES, IPV6, LOAD_BALANCER, NO_INGRESS, NODE_PORT
from ..clusterlink.versions import GO
from ..common.fields import Item
from ..common.kinds import Ref
from ..common.naming import label_key_fault
from ..common.types import Object
from ..errors import Problem
from ..kube.compare import applied_part
from .spec import INGRESS_PORT, NODE_PORTS, Ingress

TRAFFIC_POLICIES = ("Cluster", "Local")
IP_FAMILY_POLICIES = ("SingleStack", "PreferDualStack", "RequireDualStack")

INGRESS_SPEC: dict[str, Any] = {
    "ingress_type": {"type": "str", "choices": list(INGRESS_TYPES), "default": INGRESS_TYPES[0]},
    "ingress_port": {"type": "int"},
    "ingress_annotations": {"type": "dict"},
    "ingress_load_balancer_class": {"type": "str"},
    "ingress_load_balancer_source_ranges": {"type": "list", "elements": "str"},
    "ingress_external_traffic_policy": {"type": "str", "choices": list(TRAFFIC_POLICIES)},
    "ingress_ip_family_policy": {"type": "str", "choices": list(IP_FAMILY_POLICIES)},
    "ingress_ip_families": {"type": "list", "elements": "str", "choices": list(IP_FAMILIES)},
}
"""The options of module C(gateway) for its ingress; a list that is missing is left to the cluster."""

_CLASS = "ingress_load_balancer_class"
_RANGES = "ingress_load_balancer_source_ranges"
_TRAFFIC = "ingress_external_traffic_policy"
_FAMILIES = "ingress_ip_families"


def read_ingress(item: Item, public_host: str, *, ipv4_only: bool) -> Ingress:
    """Read and check the options of C(INGRESS_SPEC).

    Args:
        item: The module's options.
        public_host: The host that other peers use; empty for the ingress's own.
        ipv4_only: The data plane does not listen on IPv6.
    """
    kind = item.choice("ingress_type", INGRESS_TYPES, NODE_PORT)
    port = item.port("ingress_port")
    if kind == NODE_PORT and port and port not in NODE_PORTS:
        what = f"is outside the range of node ports, {NODE_PORTS[0]} to {NODE_PORTS[-1]}"
        item.problem("ingress_port", what, port, "Choose a port in the range, or none to let the cluster choose")
    if kind == NO_INGRESS and public_host and item.get("gateway_port") is None:
        item.problem("gateway_port", "is required where gateway_host is given and ingress_type is none")
    ingress = Ingress(
        type=kind,
        port=port if port and kind == LOAD_BALANCER else INGRESS_PORT,
        node_port=port if port and kind == NODE_PORT else None,
        annotations=item.annotations("ingress_annotations"),
        load_balancer_class=item.name(_CLASS, fault=label_key_fault),
        source_ranges=_source_ranges(item),
        traffic_policy=item.choice(_TRAFFIC, TRAFFIC_POLICIES),
        ip_family_policy=item.choice("ingress_ip_family_policy", IP_FAMILY_POLICIES),
        ip_families=_ip_families(item),
    )
    _check_together(item, ingress, ipv4_only=ipv4_only)
    return ingress


def _check_together(item: Item, ingress: Ingress, *, ipv4_only: bool) -> None:
    for option, value in ((_CLASS, ingress.load_balancer_class), (_RANGES, ingress.source_ranges)):
        if value and ingress.type != LOAD_BALANCER:
            item.problem(option, f"needs ingress_type {LOAD_BALANCER}", value)
    if ingress.traffic_policy and ingress.type == NO_INGRESS:
        item.problem(_TRAFFIC, f"needs ingress_type {NODE_PORT} or {LOAD_BALANCER}", ingress.traffic_policy)
    if len(ingress.ip_families) > 1 and ingress.ip_family_policy not in IP_FAMILY_POLICIES[1:]:
        fix = f"Set ingress_ip_family_policy to {' or '.join(IP_FAMILY_POLICIES[1:])}, or name one family"
        item.problem(_FAMILIES, "names two families, which a Service with one address cannot have", fix=fix)
    if ipv4_only and IPV6 in ingress.ip_families[:1]:
        what = "has IPv6 first, on which this data plane does not listen"
        fix = f"Name IPv4 first, or set dataplane to {GO}"
        item.problem(_FAMILIES, what, list(ingress.ip_families), fix)


def _source_ranges(item: Item) -> tuple[str, ...]:
    found = []
    for value, path in item.values(_RANGES):
        try:
            found.append(str(ipaddress.ip_network(value)) if "/" in value else "")
        except (TypeError, ValueError) as error:
            item.problem(path, "is not a range of addresses", value, str(error))
            continue
        if not found[-1]:
            item.problem(path, "is not a range of addresses", value, "Write it as 192.0.2.0/24, one address with /32")
    return tuple(found)


def _ip_families(item: Item) -> tuple[str, ...]:
    found: list[str] = []
    for value, path in item.values(_FAMILIES):
        if value not in IP_FAMILIES:
            item.problem(path, f"must be one of {', '.join(IP_FAMILIES)}", value)
        elif value in found:
            item.problem(path, "is named twice", value)
        else:
            found.append(str(value))
    return tuple(found)


def ingress_spec(ingress: Ingress) -> dict[str, Any]:
    """The C(spec) of the ingress Service. Fields of options that are not set are left to the cluster."""
    port: dict[str, Any] = {
        "name": "https",
        "port": ingress.port,
        "targetPort": names.DATAPLANE_PORT,
        "protocol": "TCP",
    }
    if ingress.node_port:
        port["nodePort"] = ingress.node_port
    fields = {
        "loadBalancerClass": ingress.load_balancer_class,
        "loadBalancerSourceRanges": list(ingress.source_ranges),
        "externalTrafficPolicy": ingress.traffic_policy,
        "ipFamilyPolicy": ingress.ip_family_policy,
        "ipFamilies": list(ingress.ip_families),
    }
    return {
        "type": ingress.type if ingress.type in (NODE_PORT, LOAD_BALANCER) else "ClusterIP",
        "selector": names.pod_labels(names.DATAPLANE),
        "ports": [port],
        **{name: value for name, value in fields.items() if value},
    }


def ingress_options(service: Object) -> dict[str, Any]:
    """The options that make an ingress Service.

    Of a Service that we applied, only the applied fields count, not those that the cluster or a load balancer's
    controller filled in. A node port that the cluster chose is returned, too, since another one would cut links.
    """
    kind = service["spec"].get("type")
    port = (service["spec"].get("ports") or [{}])[0]
    ports = {NODE_PORT: port.get("nodePort"), LOAD_BALANCER: port.get("port")}
    asked = applied_part(service)
    spec = asked.get("spec") or {}
    metadata = asked.get("metadata") or {} if asked else service["metadata"]
    return {
        "ingress_type": kind if kind in ports else NO_INGRESS,
        "ingress_port": ports.get(kind),
        "ingress_annotations": dict(metadata.get("annotations") or {}),
        _CLASS: spec.get("loadBalancerClass"),
        _RANGES: spec.get("loadBalancerSourceRanges"),
        _TRAFFIC: spec.get("externalTrafficPolicy"),
        "ingress_ip_family_policy": spec.get("ipFamilyPolicy"),
        _FAMILIES: spec.get("ipFamilies"),
    }


def immutable_problems(ingress: Ingress, service: Object | None) -> Iterator[Problem]:
    """Why the existing Service cannot become the desired one.

    Args:
        ingress: The desired ingress.
        service: The ingress Service in the cluster; None when it does not exist.
    """
    if service is None:
        return
    spec, where = service["spec"], str(Ref.of(service))
    asked = (applied_part(service).get("spec") or {}).get("loadBalancerClass", "")
    stays = spec.get("type") == ingress.type == LOAD_BALANCER
    # A class that the cluster's own webhook has set is not ours to remove.
    wanted = ingress.load_balancer_class or ("" if asked else spec.get("loadBalancerClass", ""))
    if stays and wanted != spec.get("loadBalancerClass", ""):
        what = (
            "its load balancer class cannot change, since Kubernetes sets it only when a Service becomes a LoadBalancer"
        )
        fix = (
            f"Keep it in clusterlink_{_CLASS}, or delete the Service with kubectl and run again: the gateway is not "
            "reachable meanwhile, and its address may change"
        )
        yield Problem(where, what, _of(spec.get("loadBalancerClass"), ingress.load_balancer_class), fix)
    first = next(iter(spec.get("ipFamilies") or ()), "")
    if ingress.ip_families and first and ingress.ip_families[0] != first:
        what = "its first address family cannot change"
        fix = f"Name {first} first in clusterlink_{_FAMILIES}, or delete the Service with kubectl and run again"
        yield Problem(where, what, _of(first, ingress.ip_families[0]), fix)


def _of(found: object, wanted: str) -> str:
    return f"{found or 'none'} instead of {wanted or 'none'}"
