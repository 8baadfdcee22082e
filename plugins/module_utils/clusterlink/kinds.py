# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ClusterLink's kinds of object, for the API client. ``outcome`` registers them, since every module imports it."""

from __future__ import annotations

from ..common.kinds import Kind, Retirement
from .api import API_VERSION, READY_CONDITIONS
from .names import CONTROLPLANE, pod_selector

PEER_SETTLE = 6.5
"""Seconds after a change until the condition of a Peer is trusted.

A gateway keeps reporting a changed Peer as reachable until a heartbeat fails. That takes up to 6 s where the address
does not answer at all (v0.4.1, pkg/controlplane/control/peer.go; two tries of 3 s in pkg/util/jsonapi). For all other
kinds ClusterLink looks at a changed object within milliseconds and corrects a condition that is no longer true.
"""

NOWHERE = {"gateways": [{"host": "127.0.0.1", "port": 1}]}
"""The spec of a Peer that is about to be deleted: no gateway is there, which a control plane finds out at once.

A control plane never ends the heartbeats to a Peer that was deleted. When that gateway ends, or comes back, it looks
for the Peer without a pause: that takes a core for good, and no Peer's status changes any more (v0.4.1,
pkg/controlplane/control/peer.go). Heartbeats to an earlier address do end, the last of them within C(PEER_SETTLE).
"""

_OTHERWISE = (
    "The control plane may ask that gateway for ever, and no longer say which peers it reaches: restart it "
    f"(kubectl rollout restart deployment {CONTROLPLANE})."
)
_INSTALL = "Install a gateway first: it brings the CustomResourceDefinitions"


def _kind(name: str, plural: str, *, namespaced: bool = True, fix: str = "") -> Kind:
    return Kind(
        name,
        API_VERSION,
        plural,
        namespaced,
        conditions=READY_CONDITIONS.get(name, ()),
        settle=PEER_SETTLE if name == "Peer" else Kind.settle,
        not_ready_fix=fix,
        not_served_fix=_INSTALL,
        retirement=Retirement(NOWHERE, pod_selector(CONTROLPLANE), _OTHERWISE) if name == "Peer" else None,
    )


CLUSTERLINK_KINDS = (
    _kind(
        *("Peer", "peers"),
        fix="Check that its gateway runs, that the address can be reached from this cluster, "
        "and that both certificates are of one fabric",
    ),
    _kind("Export", "exports", fix="Check that its Service exists"),
    _kind("Import", "imports", fix="Check that no other Service has its name"),
    _kind("AccessPolicy", "accesspolicies"),
    _kind("PrivilegedAccessPolicy", "privilegedaccesspolicies", namespaced=False),
    _kind("Instance", "instances"),
)
