# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of things in ClusterLink's API (v0.4.1, pkg/apis and pkg/controlplane) and in this collection."""

from __future__ import annotations

API_VERSION = "clusterlink.net/v1alpha1"

SYSTEM_NAMESPACE = "clusterlink-system"
"""Where a gateway and its Peer objects live unless said otherwise."""

# Kinds of a fabric's declaration, in the order in which they are applied; removal goes backwards. Policies that deny go
# before Exports (fabric/objects.py, stage).
MESH_KINDS = ("Peer", "Export", "AccessPolicy", "PrivilegedAccessPolicy", "Import")

PLAN_KINDS = ("Service", *MESH_KINDS)
"""The same, and first the Services that exports point to."""

# Condition types, and what is said of an object whose condition is not there yet.
PEER_REACHABLE = "PeerReachable"
EXPORT_VALID = "ExportValid"
IMPORT_TARGET_PORT_VALID = "ImportTargetPortValid"
IMPORT_SERVICE_VALID = "ImportServiceValid"
READY_CONDITIONS: dict[str, tuple[str, ...]] = {
    "Service": (),
    "Peer": (PEER_REACHABLE,),
    "Export": (EXPORT_VALID,),
    "Import": (IMPORT_TARGET_PORT_VALID, IMPORT_SERVICE_VALID),
    "AccessPolicy": (),
    "PrivilegedAccessPolicy": (),
}

LB_SCHEMES = ("round-robin", "random", "static")
POLICY_ACTIONS = ("allow", "deny")

MERGE_LABEL = "import.clusterlink.net/merge"
"""An Import with this label, value C("true"), adds its endpoints to a Service that is there already."""

# Workload attributes that access policies select on.
CLIENT_NAMESPACE = "client.clusterlink.net/namespace"
CLIENT_SERVICE_ACCOUNT = "client.clusterlink.net/service-account"
CLIENT_LABELS = "client.clusterlink.net/labels."
EXPORT_NAME = "export.clusterlink.net/name"
EXPORT_NAMESPACE = "export.clusterlink.net/namespace"
EXPORT_LABELS = "export.clusterlink.net/labels."
PEER_NAME = "peer.clusterlink.net/name"
PEER_LABELS = "peer.clusterlink.net/labels."

# Ownership: what carries both labels was made from this fabric's declaration and may be pruned with it.
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "skyshift.clusterlink"
FABRIC_LABEL = "skyshift.clusterlink/fabric"

# A link that was added by name, beside the declaration: both of its Peers carry its name and its source, and stay.
LINK_LABEL = "skyshift.clusterlink/link"
LINK_SOURCE_LABEL = "skyshift.clusterlink/link-source"


BACKING_LABEL = "skyshift.clusterlink/backing"
"""Tells a Service that an export points to from those of a gateway, which carry the same labels of ownership."""


def ownership_labels(fabric: str) -> dict[str, str]:
    """The labels of an object that belongs to the named fabric's declaration."""
    return {MANAGED_BY_LABEL: MANAGED_BY, FABRIC_LABEL: fabric}


def link_labels(name: str, source: str) -> dict[str, str]:
    """The labels of a Peer that belongs to a link of that name, which was asked for from the source's side."""
    return {LINK_LABEL: name, LINK_SOURCE_LABEL: source}
