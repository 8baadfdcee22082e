#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module enrolment_request."""

from __future__ import annotations

DOCUMENTATION = r"""
module: enrolment_request
short_description: Request a peer's certificate from another organisation's ClusterLink fabric
version_added: "0.1.0"
description:
  - Creates a peer's private key in its final place, C(FABRIC/NAME/key.pem) below O(path), and a request for a
    certificate, C(FABRIC/NAME/request.json). The request is a small file that contains no secret.
  - The request contains the names of the fabric and the peer and the addresses of its gateway. The peer's key signs all
    of it, so nobody can alter it on its way.
  - The fabric's operator signs it with M(skyshift.clusterlink.enrolment_response). Send them RV(fingerprint) over
    another channel than the file.
  - Keeps an existing key, and an existing request that is valid and has the same content. To renew the certificate, run
    the module again.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography >= 42.0.0
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.fabric_folder
options:
  name:
    description:
      - The peer's name in the fabric, a DNS label, as agreed with its operator.
    type: str
    required: true
  gateways:
    description:
      - The addresses at which other peers reach the peer's gateway. A peer without addresses can only import.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: A DNS name or an IP address.
        type: str
        required: true
      port:
        description: A TCP port.
        type: int
        required: true
  valid_days:
    description:
      - For how many days a new request can be signed, from 1 to 90. An existing request is not compared with it.
    type: int
    default: 7
  renew:
    description:
      - Whether to replace a valid request, in every run. A peer needs a new request when a rotation of the fabric's CA
        begins while its signed request is valid.
    type: bool
    default: false
  key_type:
    description:
      - The kind of a new key. The default is V(ecdsa), on the curve P-256. A fabric can require one kind.
      - An existing key of another kind than a given one is an error. It is never replaced.
    type: str
    choices: [ecdsa, rsa]
  key_size:
    description:
      - "The size of the key in bits: V(256) for V(ecdsa); V(2048), V(3072) (the default) or V(4096) for V(rsa)."
      - Needs O(key_type).
    type: int
seealso:
  - module: skyshift.clusterlink.enrolment_response
  - module: skyshift.clusterlink.enrolment_install
"""

EXAMPLES = r"""
- name: Create a key, and a request to send to the fabric's operator
  skyshift.clusterlink.enrolment_request:
    path: /etc/clusterlink/pki
    fabric: production
    name: lyon
    gateways:
      - host: gateway.lyon.example.com
        port: 443
  register: request

- name: Show the fingerprint for the fabric's operator
  ansible.builtin.debug:
    var: request.fingerprint
"""

RETURN = r"""
reasons:
  description: Why a key or a request is created, or in check mode would be. Empty when the existing ones are kept.
  returned: success
  type: list
  elements: str
  sample: [there is no key yet]
repaired:
  description: Files and folders whose mode was too open and is repaired.
  returned: success
  type: list
  elements: str
request_path:
  description: The file to send to the fabric's operator.
  returned: success
  type: str
  sample: /etc/clusterlink/pki/production/lyon/request.json
privatekey_path:
  description: The file of the private key, which is never sent.
  returned: success
  type: str
  sample: /etc/clusterlink/pki/production/lyon/key.pem
fabric:
  description: The fabric's name.
  returned: success
  type: str
  sample: production
name:
  description: The peer's name.
  returned: success
  type: str
  sample: lyon
gateways:
  description: The addresses of its gateway.
  returned: success
  type: list
  elements: dict
  sample: [{host: gateway.lyon.example.com, port: 443}]
created:
  description: When the request was created, in UTC.
  returned: success, except in check mode for one that does not exist yet
  type: str
  sample: "2025-01-31T12:00:00Z"
expires:
  description: When the request expires, in UTC.
  returned: success, except in check mode for one that does not exist yet
  type: str
  sample: "2025-02-07T12:00:00Z"
key_type:
  description: The kind of the peer's key.
  returned: success, except in check mode for a request that does not exist yet
  type: str
  sample: ecdsa
key_size:
  description: The size of the peer's key in bits.
  returned: success, except in check mode for a request that does not exist yet
  type: int
  sample: 256
fingerprint:
  description: The SHA-256 fingerprint of the request. Send it to the fabric's operator over another channel.
  returned: success, except in check mode for a request that does not exist yet
  type: str
  sample: 4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c:9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0
"""

import secrets
from datetime import datetime, timezone
from typing import Any

from ..module_utils.enrolment.create_request import PeerPaths, RequestOptions, create_request
from ..module_utils.enrolment.document import DEFAULT_DAYS, require_days
from ..module_utils.enrolment.peer_addresses import given_gateways
from ..module_utils.enrolment.request import RequestedPeer
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.keys import SIZES, key_spec
from ..module_utils.pki.options import FOLDER_SPEC
from ..module_utils.pki.subject import require_fabric, require_peer


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Create or keep a peer's key and request."""
    peer = RequestedPeer(
        fabric=require_fabric(params["fabric"], "fabric"),
        name=require_peer(params["name"], "name"),
        gateways=given_gateways(params["gateways"], "gateways"),
    )
    options = RequestOptions(
        key=key_spec(params["key_type"], params["key_size"]),
        days=require_days(params["valid_days"], "valid_days"),
        nonce=lambda: secrets.token_hex(16),
        renew=params["renew"],
    )
    place = PeerPaths.of(params["path"], peer.fabric, peer.name)
    result = create_request(place, peer, options, datetime.now(timezone.utc), check=mode.check)
    return Outcome(result.changed, result.values(), result.diff())


TASK = Task(
    argument_spec={
        **FOLDER_SPEC,
        "name": {"type": "str", "required": True},
        "gateways": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"host": {"type": "str", "required": True}, "port": {"type": "int", "required": True}},
        },
        "valid_days": {"type": "int", "default": DEFAULT_DAYS},
        "renew": {"type": "bool", "default": False},
        "key_type": {"type": "str", "choices": list(SIZES)},
        "key_size": {"type": "int", "no_log": False},
    },
    run=run,
    requires=("cryptography",),
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
