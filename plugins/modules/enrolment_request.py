#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module enrolment_request."""

from __future__ import annotations

DOCUMENTATION = r"""
module: enrolment_request
short_description: Ask another organisation's ClusterLink fabric for a peer's certificate
version_added: "0.1.0"
description:
  - For a peer whose fabric belongs to somebody else. Makes the peer's private key where it will live, and a request for
    a certificate as a small file that holds no secret.
  - The request names the fabric, the peer and the address of its gateway, and is signed as a whole by the peer's key,
    so that it cannot be altered on its way.
  - The fabric's operator answers it by M(skyshift.clusterlink.enrolment_answer). Tell them RV(fingerprint) by another
    way than the one by which the file travels.
  - A key that is there is kept. A request that is there is kept while it is good and asks for the same.
  - Run again when the certificate is to be renewed. The key stays, and a request that has expired is recreated.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
options:
  path:
    description:
      - The folder on the host that runs the task in which fabrics have their folders. The key is
        C(FABRIC/NAME/key.pem) below it, the request is C(FABRIC/NAME/request.json).
    type: path
    required: true
  fabric:
    description:
      - The fabric's name, as its operator says it.
    type: str
    default: fabric
  name:
    description:
      - The peer's name in the fabric, a DNS label, as agreed with its operator.
    type: str
    required: true
  gateways:
    description:
      - The addresses at which other peers reach the peer's gateway. Leave it out for a peer that only calls out.
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
      - For how many days a new request can be answered, at most 90. That of an existing one is not compared.
    type: int
    default: 7
  renew:
    description:
      - Whether a new request is made although the one that is there is good, each time. It is needed when the fabric's
        CA is replaced while a request that was answered has not expired.
    type: bool
    default: false
  key_type:
    description:
      - The kind of a new key, V(ecdsa) (on the curve P-256) unless set. Some fabrics take one kind only.
      - An existing key is compared with it only when it is given, and is not replaced.
    type: str
    choices: [ecdsa, rsa]
  key_size:
    description:
      - "The size of the key in bits: V(256) for V(ecdsa); V(2048), V(3072) (the default) or V(4096) for V(rsa)."
      - Needs O(key_type).
    type: int
seealso:
  - module: skyshift.clusterlink.enrolment_answer
  - module: skyshift.clusterlink.enrolment_acceptance
"""

EXAMPLES = r"""
- name: A key, and a request to send to the fabric's operator
  skyshift.clusterlink.enrolment_request:
    path: /etc/clusterlink/pki
    fabric: production
    name: lyon
    gateways:
      - host: gateway.lyon.example.com
        port: 443
  register: request

- name: What to tell the fabric's operator by telephone
  ansible.builtin.debug:
    var: request.fingerprint
"""

RETURN = r"""
reasons:
  description: Why a key or a request was made, or in check mode would be. Empty when the existing ones stayed.
  returned: success
  type: list
  elements: str
  sample: [there is no key yet]
repaired:
  description: Files and folders whose mode was repaired because others could do too much with them.
  returned: success
  type: list
  elements: str
request_path:
  description: The file to send to the fabric's operator.
  returned: success
  type: str
  sample: /etc/clusterlink/pki/production/lyon/request.json
privatekey_path:
  description: The private key's file, which stays where it is.
  returned: success
  type: str
  sample: /etc/clusterlink/pki/production/lyon/key.pem
fabric:
  description: The fabric that is asked.
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
  description: When the request was made, in UTC.
  returned: success, except in check mode for one that is yet to be made
  type: str
  sample: "2025-01-31T12:00:00Z"
expires:
  description: Until when it can be answered, in UTC.
  returned: success, except in check mode for one that is yet to be made
  type: str
  sample: "2025-02-07T12:00:00Z"
key_type:
  description: The kind of the peer's key.
  returned: success, except in check mode for a request that is yet to be made
  type: str
  sample: ecdsa
key_size:
  description: The size of the peer's key in bits.
  returned: success, except in check mode for a request that is yet to be made
  type: int
  sample: 256
fingerprint:
  description: The SHA-256 fingerprint of all that the request says, to be told to the fabric's operator.
  returned: success, except in check mode for a request that is yet to be made
  type: str
  sample: 4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c:9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0
"""

import secrets
from datetime import UTC, datetime
from typing import Any

from ..module_utils.enrolment.create_request import PeerPaths, RequestOptions, create_request
from ..module_utils.enrolment.document import DEFAULT_DAYS, require_days
from ..module_utils.enrolment.peer_addresses import given_gateways
from ..module_utils.enrolment.request import Asked
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.keys import SIZES, key_spec
from ..module_utils.pki.subject import require_fabric, require_peer


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Make or keep a peer's key and request."""
    asked = Asked(
        fabric=require_fabric(params["fabric"], "fabric"),
        name=require_peer(params["name"], "name"),
        gateways=given_gateways(params["gateways"], "gateways"),
    )
    making = RequestOptions(
        key=key_spec(params["key_type"], params["key_size"]),
        days=require_days(params["valid_days"], "valid_days"),
        nonce=lambda: secrets.token_hex(16),
        renew=params["renew"],
    )
    place = PeerPaths.of(params["path"], asked.fabric, asked.name)
    result = create_request(place, asked, making, datetime.now(UTC), check=mode.check)
    return Outcome(result.changed, result.values(), result.diff())


TASK = Task(
    argument_spec={
        "path": {"type": "path", "required": True},
        "fabric": {"type": "str", "default": "fabric"},
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
