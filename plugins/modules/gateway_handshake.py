#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module gateway_handshake."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_handshake
short_description: Test whether a ClusterLink gateway accepts a certificate
version_added: "0.1.0"
description:
  - Connects to a gateway from the host that runs the task, as a peer with the given certificate, and returns whether
    the gateway accepts it. Nothing is changed.
  - Use it to prove that gateways refuse an evicted peer.
author:
  - The skyshift.clusterlink contributors (@skyshift)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
options:
  gateway_host:
    description: The gateway's host.
    type: str
    required: true
  gateway_port:
    description: The gateway's port.
    type: int
    required: true
  peer:
    description: The gateway's own name in the fabric.
    type: str
    required: true
  certificate_path:
    description: The file with the certificate to test.
    type: path
    required: true
  privatekey_path:
    description: The file with its private key.
    type: path
    required: true
  expect:
    description: The expected outcome. The task fails on any other.
    type: str
    choices: [any, accepted, refused]
    default: any
  timeout:
    description: The timeout of the connection and of each response, in seconds.
    type: float
    default: 5
seealso:
  - module: skyshift.clusterlink.certificate_info
"""

EXAMPLES = r"""
- name: Prove that a gateway refuses an evicted peer
  skyshift.clusterlink.gateway_handshake:
    gateway_host: 203.0.113.7
    gateway_port: 30443
    peer: east
    certificate_path: /etc/clusterlink/pki/demo/west/cert.pem
    privatekey_path: /etc/clusterlink/pki/demo/west/key.pem
    expect: refused
"""

RETURN = r"""
accepted:
  description: Whether the gateway accepts the certificate.
  returned: always
  type: bool
  sample: false
reason:
  description: The TLS alert with which the gateway refuses it. Empty when it accepts it.
  returned: always
  type: str
  sample: TLSV1_ALERT_UNKNOWN_CA
"""

from typing import Any

from ..module_utils.certificates.wire import TIMEOUT, try_certificate
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task

_EXPECTED = {"accepted": True, "refused": False}


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Test the certificate."""
    files = (params["certificate_path"], params["privatekey_path"])
    host, port = params["gateway_host"], params["gateway_port"]
    reason = try_certificate(host, port, params["peer"], files, params["timeout"])
    outcome = Outcome(values={"accepted": not reason, "reason": reason})
    if _EXPECTED.get(params["expect"], not reason) != (not reason):
        what = f"is {'refused' if reason else 'accepted'} by the gateway of {params['peer']} at {host}:{port}"
        outcome.fail(ClusterlinkError(Problem(files[0], what, reason)))
    return outcome


TASK = Task(
    argument_spec={
        "gateway_host": {"type": "str", "required": True},
        "gateway_port": {"type": "int", "required": True},
        "peer": {"type": "str", "required": True},
        "certificate_path": {"type": "path", "required": True},
        "privatekey_path": {"type": "path", "required": True},
        "expect": {"type": "str", "choices": ["any", "accepted", "refused"], "default": "any"},
        "timeout": {"type": "float", "default": TIMEOUT},
    },
    run=run,
    requires=("cryptography",),
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
