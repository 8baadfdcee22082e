# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates as they were had the fabric been made long ago, which nobody can wait for.

Every peer's leaf in the fabric's folder, and the component certificates in its cluster's Secrets, are issued by
the product's own functions, for the same keys, at an earlier time. Gateways get them by the next run of the main job.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.certificates import chain_pem, load_chain
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.components import make_components
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.issue import Issuer
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.keys import load_key
from ansible_collections.skyshift.clusterlink.plugins.module_utils.pki.leaf import LeafRequest, make_leaf


def age(fabric: Path, kubectl: Sequence[str], contexts: Mapping[str, str], days: int = 300) -> None:
    """Issue all leaves and component certificates of a fabric as they were some days ago.

    Args:
        fabric: Its folder on the controller.
        kubectl: kubectl with its kubeconfig.
        contexts: The kubeconfig's context of every peer.
        days: Of the 365 that they last.
    """
    then = datetime.now(timezone.utc) - timedelta(days=days)
    for peer, context in contexts.items():
        _age_leaf(fabric, peer, then)
        _age_components([*kubectl, "--context", context], then)


def _age_leaf(fabric: Path, peer: str, then: datetime) -> None:
    [ca] = load_chain((fabric / "cert.pem").read_bytes(), "the CA")
    issuer = Issuer(ca, load_key((fabric / "key.pem").read_bytes(), "the CA's key"))
    key = load_key((fabric / peer / "key.pem").read_bytes(), "the peer's key")
    issued = make_leaf(LeafRequest(peer), issuer, then, key)
    (fabric / peer / "cert.pem").write_bytes(chain_pem(*issued.chain))


def _age_components(kubectl: Sequence[str], then: datetime) -> None:
    made = make_components(then)
    _set(kubectl, "cl-ca", {"ca": made.ca_pem})
    _set(kubectl, "cl-controlplane", {"cert": made.controlplane_cert_pem, "key": made.controlplane_key_pem})
    _set(kubectl, "cl-dataplane", {"cert": made.dataplane_cert_pem, "key": made.dataplane_key_pem})


def _set(kubectl: Sequence[str], secret: str, content: Mapping[str, str]) -> None:
    patch = {"data": {key: base64.b64encode(text.encode()).decode() for key, text in content.items()}}
    command = [*kubectl, "--namespace", "clusterlink-system", "patch", "secret", secret, "--patch-file", "/dev/stdin"]
    subprocess.run(command, input=json.dumps(patch), text=True, check=True, stdout=subprocess.DEVNULL)
