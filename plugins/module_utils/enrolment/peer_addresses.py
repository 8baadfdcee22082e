# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers and their addresses in exchanged files, in the form of the inventory's C(clusterlink_peers)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from ..common.fields import Item, Report
from ..common.types import Address
from ..fabric.resources import read_address, read_peer

# Strict, because the text of another organisation is copied into an inventory, where braces are a template.
_HOST = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*")
_LONGEST_HOST = 253

Peers = dict[str, tuple[Address, ...]]
"""The addresses of peers by their names."""


def read_gateways(item: Item, key: str = "gateways") -> tuple[Address, ...]:
    """A list of addresses, each with host and port, which may be empty."""
    addresses = []
    for each in item.items(key):
        address = read_address(each)
        _check_host(each, address)
        addresses.append(address)
    return tuple(addresses)


def read_peers(item: Item, key: str = "peers") -> Peers:
    """A list of peers as in C(clusterlink_peers)."""
    peers: Peers = {}
    for each in item.items(key):
        entry = read_peer(each)
        for address in entry.gateways:
            _check_host(each, address)
        if entry.name in peers:
            each.problem("name", "is a duplicate", entry.name)
        peers[entry.name] = entry.gateways
    return peers


def given_gateways(values: object, where: str) -> tuple[Address, ...]:
    """The addresses in a module's option.

    Raises:
        ClusterlinkError: With everything that is wrong.
    """
    report = Report()
    gateways = read_gateways(Item({where: values}, "", report), where)
    report.raise_any()
    return gateways


def given_peers(values: object, where: str) -> Peers:
    """The peers in a module's option.

    Raises:
        ClusterlinkError: With everything that is wrong.
    """
    report = Report()
    peers = read_peers(Item({where: values}, "", report), where)
    report.raise_any()
    return peers


def plain_gateways(gateways: Iterable[Address]) -> list[dict[str, Any]]:
    """Addresses as plain data."""
    return [{"host": address.host, "port": address.port} for address in gateways]


def plain_peers(peers: Peers) -> list[dict[str, Any]]:
    """Peers as plain data, sorted by name, as C(clusterlink_peers) declares them."""
    return [{"name": name, "gateways": plain_gateways(gateways)} for name, gateways in sorted(peers.items())]


def _check_host(item: Item, address: Address) -> None:
    if address.host and not _is_host(address.host):
        item.problem("host", "is neither a DNS name nor an IP address", address.host, "Give the port as port")


def _is_host(host: str) -> bool:
    try:
        # The text after a '%' is an IPv6 zone: it has no meaning on other hosts and may be any text.
        return ipaddress.ip_address(host) is not None and "%" not in host
    except ValueError:
        # A name of digits and dots only is an IP address with a mistake in it.
        return len(host) <= _LONGEST_HOST and bool(_HOST.fullmatch(host)) and not re.fullmatch(r"[0-9.]+", host)
