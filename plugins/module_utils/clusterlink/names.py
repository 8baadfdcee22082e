# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway's objects are called, and what is in its Secrets.

Names, keys, ports and paths are those of ClusterLink v0.4.1 (pkg/controlplane/api, pkg/dataplane/api, cmd/*/app), which
looks for most of them itself, and so does whatever else manages gateways: its CLI and its operator.
"""

from __future__ import annotations

CONTROLPLANE = "cl-controlplane"
"""The control plane's Deployment, Service, ServiceAccount, Secret, and the Lease that its leader holds."""
DATAPLANE = "cl-dataplane"
"""The data plane's Deployment and Secret."""
COMPONENTS = (CONTROLPLANE, DATAPLANE)
POD_LABEL = "app"
"""The label whose value is the component that a pod runs."""
INGRESS = "clusterlink"
"""The ingress Service. Imports that merge copy the endpoints of the Service of this name."""

PEER_SECRET = "cl-peer"  # noqa: S105  # a name
CA_SECRET = "cl-ca"  # noqa: S105  # a name
TOKEN_SECRET = "jwk"  # noqa: S105  # a name
"""The key of access tokens, which the control plane makes for itself."""

# Keys within the Secrets: of cl-peer, of cl-ca, and of the two components.
PEER_CERTIFICATE = "cert.pem"
PEER_KEY = "key.pem"
PEER_CA = "ca.pem"
CA = "ca"
CERTIFICATE = "cert"
KEY = "key"

CONTROLPLANE_PORT = 4444
DATAPLANE_PORT = 4443
READINESS_PORT = 4445

CA_FILE = "/etc/ssl/certs/clink_ca.pem"
CONTROLPLANE_CERTIFICATE_FILE = "/etc/ssl/certs/clink-controlplane.pem"
CONTROLPLANE_KEY_FILE = "/etc/ssl/key/clink-controlplane.pem"
DATAPLANE_CERTIFICATE_FILE = "/etc/ssl/certs/clink-dataplane.pem"
DATAPLANE_KEY_FILE = "/etc/ssl/key/clink-dataplane.pem"
PEER_FOLDER = "/etc/ssl/certs/clink"
NAMESPACE_VARIABLE = "CL_NAMESPACE"

COMPONENT_CERTIFICATES = "skyshift.clusterlink/component-certificates"
"""Annotation of pods: which component certificates they were started with. They are mounted by subPath, which follows
no change, so that a change must restart the pods."""
PEER_LABELS_ANNOTATION = "skyshift.clusterlink/peer-labels"
"""Annotation of data plane pods: the peer's labels. A data plane stays with the control plane that it connected to, and
that one decides with the labels that it was started with until it has drained. So a change must restart the pods."""
PEER_CERTIFICATE_ANNOTATION = "skyshift.clusterlink/peer-certificate"
"""Annotation of control plane pods, changed with Secret cl-peer. A change of a pod makes the kubelet look at its mounts
at once instead of within 80 s (measured)."""
CLUSTERLINK_MANAGED = "clusterlink.net"
"""Value of label app.kubernetes.io/managed-by of what a control plane makes: Services and EndpointSlices of imports."""


def pod_labels(component: str) -> dict[str, str]:
    """The label of a component's pods, by which Services, policies and Deployments select them."""
    return {POD_LABEL: component}


def pod_selector(*components: str) -> str:
    """The pods of these components, as the label selector of a list."""
    return f"{POD_LABEL} in ({','.join(components)})" if len(components) > 1 else f"{POD_LABEL}={components[0]}"


def cluster_role(namespace: str) -> str:
    """The ClusterRole and ClusterRoleBinding of the gateway in a namespace.

    Not the upstream operator's name, or removing its Instance would take the rights of this gateway with it.
    """
    return f"{INGRESS}:{namespace}:{CONTROLPLANE}"
