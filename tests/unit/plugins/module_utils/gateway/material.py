# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gateway of these tests is made from. Nothing here is a real key."""

from __future__ import annotations

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import ComponentCertificates
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.peer_material import PeerMaterial

PEER = PeerMaterial(certificate_pem="peer leaf, CA", key_pem="peer secret", ca_pem="fabric CA")
COMPONENTS = ComponentCertificates(
    ca_pem="site CA",
    controlplane_cert_pem="control plane leaf",
    controlplane_key_pem="control plane secret",
    dataplane_cert_pem="data plane leaf",
    dataplane_key_pem="data plane secret",
)
WORKLOADS = ["cl-controlplane", "cl-dataplane"]
