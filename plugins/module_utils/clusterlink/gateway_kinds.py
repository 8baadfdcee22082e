# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of a gateway: who installs it, and how other peers reach it. Pure."""

from __future__ import annotations

DIRECT, OPERATOR, EXTERNAL = "direct", "operator", "external"
"""Who installs a gateway: this collection, ClusterLink's operator by an Instance, or another tool."""

INSTALLS = (DIRECT, OPERATOR)
"""How module gateway installs one."""
HOST_INSTALLS = (*INSTALLS, EXTERNAL)
"""What a host's variable may say."""

NODE_PORT, LOAD_BALANCER, NO_INGRESS = "NodePort", "LoadBalancer", "none"
INGRESS_TYPES = (NODE_PORT, LOAD_BALANCER, NO_INGRESS)
"""The types of the ingress Service, the default first."""

IPV4, IPV6 = "IPv4", "IPv6"
IP_FAMILIES = (IPV4, IPV6)
"""The families of the ingress Service's addresses; every data plane listens on the first."""
