#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module enrolment_response."""

from __future__ import annotations

DOCUMENTATION = r"""
module: enrolment_response
short_description: Sign the enrolment request of another organisation's peer
version_added: "0.1.0"
description:
  - Checks a request that M(skyshift.clusterlink.enrolment_request) created in another organisation, signs the peer's
    certificate, and writes a response. The response is a small file without secrets.
  - The response contains the certificate, the fabric's CA and the addresses of other peers. The CA's key signs all of
    it, so nobody can alter it on its way. The CA and its key are C(FABRIC/cert.pem) and C(FABRIC/key.pem) below
    O(path).
  - Refuses a request, and writes nothing, when the request is altered, forged or expired; when it differs from
    O(fabric), O(name), O(key_type) or O(fingerprint); when it needs O(fingerprint) and has none; when a newer request
    of the same peer is signed already; when its key was evicted; or when O(name) is one of the fabric's own peers, by
    O(own_peers) or by a certificate in the fabric's folder.
  - Records signed requests in C(FABRIC/enrolled.json) below O(path). The same request again gets the same certificate.
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
      - The agreed name of the peer. A request for another name is refused.
    type: str
    required: true
  request:
    description:
      - The file with the request.
    type: path
    required: true
  dest:
    description:
      - The file for the response. An older response for the same peer is overwritten; any other file is not.
    type: path
    required: true
  fingerprint:
    description:
      - The request's SHA-256 fingerprint. Get it from the peer's operator over another channel than the file.
      - Required for a peer's first request and for one with another key, because nothing else shows who sent it. The
        peer's enrolled key signs a renewal, so a renewal needs none.
    type: str
  peers:
    description:
      - The peers that the new peer imports from. The response contains their addresses.
      - An entry is like one of C(clusterlink_peers), with a name and either O(peers[].host) and O(peers[].port) or
        O(peers[].gateways). An entry for the new peer itself is ignored.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The peer's name.
        type: str
        required: true
      host:
        description: The DNS name or IP address of its gateway.
        type: str
      port:
        description: The TCP port of its gateway.
        type: int
      gateways:
        description: Several addresses, each with host and port.
        type: list
        elements: dict
        suboptions:
          host:
            description: A DNS name or an IP address.
            type: str
            required: true
          port:
            description: A TCP port.
            type: int
            required: true
  own_peers:
    description:
      - The names of the fabric's own peers, such as the hosts of the inventory. A request for one of them is refused.
    type: list
    elements: str
    default: []
  valid_days:
    description:
      - How many days a new certificate is valid. It never outlives the CA.
    type: int
    default: 365
  response_days:
    description:
      - For how many days the response can be installed, from 1 to 90.
    type: int
    default: 7
  key_type:
    description:
      - The kind of key that the request must have. By default, V(ecdsa) on the curve P-256 and V(rsa) of at least 2048
        bits are accepted.
    type: str
    choices: [ecdsa, rsa]
  key_size:
    description:
      - The size in bits of the key that the request must have. Needs O(key_type).
    type: int
  replace:
    description:
      - Whether an enrolled peer may get a certificate for another key.
    type: bool
    default: false
  ca_privatekey_passphrase:
    description:
      - The passphrase of the CA's private key. With it, a key that is not encrypted is an error.
    type: str
seealso:
  - module: skyshift.clusterlink.enrolment_request
  - module: skyshift.clusterlink.enrolment_install
"""

EXAMPLES = r"""
- name: Let lyon join
  skyshift.clusterlink.enrolment_response:
    path: /etc/clusterlink/pki
    fabric: production
    name: lyon
    request: received/lyon.request.json
    fingerprint: 4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c:9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0
    dest: received/lyon.response.json
    peers:
      - name: paris
        host: gateway.paris.example.com
        port: 443
  register: response

- name: Show the fingerprint for lyon's operator, and what to declare
  ansible.builtin.debug:
    msg:
      - "{{ response.ca_fingerprint }}"
      - "{{ response.clusterlink_peers }}"
"""

RETURN = r"""
reasons:
  description: Why a response is created, or in check mode would be. Empty when the existing one is kept.
  returned: success
  type: list
  elements: str
  sample: [the request is not signed yet]
recorded:
  description:
    - Whether a certificate is issued, or in check mode would be, and recorded in the fabric's folder. When only the
      response is missing or outdated, that folder stays as it is.
  returned: success
  type: bool
  sample: true
response_path:
  description: The file to send to the peer's operator.
  returned: success
  type: str
  sample: received/lyon.response.json
name:
  description: The peer's name.
  returned: success
  type: str
  sample: lyon
fabric:
  description: The fabric's name.
  returned: success
  type: str
  sample: production
clusterlink_peers:
  description:
    - The C(clusterlink_peers) of the fabric's clusters that import from the new peer.
    - Empty for a peer without an address, which only imports.
  returned: success
  type: list
  elements: dict
  sample: [{name: lyon, gateways: [{host: gateway.lyon.example.com, port: 443}]}]
request_fingerprint:
  description: The request's SHA-256 fingerprint.
  returned: success
  type: str
  sample: 4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c:9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0
ca_fingerprint:
  description: The SHA-256 fingerprint of the fabric's CA. Send it to the peer's operator over another channel.
  returned: success
  type: str
  sample: 9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0:4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c
trusted_fingerprints:
  description: The SHA-256 fingerprints of all CAs in the response, which are two during a rotation.
  returned: success, except in check mode for a response that does not exist yet
  type: list
  elements: str
certificate_fingerprint:
  description: The SHA-256 fingerprint of the peer's certificate.
  returned: success, except in check mode for a response that does not exist yet
  type: str
created:
  description: When the response was created, in UTC.
  returned: success, except in check mode for one that does not exist yet
  type: str
  sample: "2025-01-31T12:00:00Z"
expires:
  description: When the response expires, in UTC.
  returned: success, except in check mode for one that does not exist yet
  type: str
  sample: "2025-02-07T12:00:00Z"
peers:
  description: The peers whose addresses the response contains.
  returned: success, except in check mode for a response that does not exist yet
  type: list
  elements: dict
  sample: [{name: paris, gateways: [{host: gateway.paris.example.com, port: 443}]}]
"""

from datetime import datetime, timezone
from typing import Any

from ..module_utils.enrolment import document
from ..module_utils.enrolment.peer_addresses import given_peers
from ..module_utils.enrolment.request import Expected
from ..module_utils.enrolment.sign_request import Paths, SigningOptions, sign_request
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.keys import SIZES, key_spec, require_passphrase
from ..module_utils.pki.leaf import DEFAULT_DAYS
from ..module_utils.pki.options import FOLDER_SPEC
from ..module_utils.pki.pair import require_days
from ..module_utils.pki.subject import require_fabric, require_peer
from ..module_utils.pki_files.disk import fabric_folder


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Check a request and sign it."""
    given = params["fingerprint"]
    expected = Expected(
        fabric=require_fabric(params["fabric"], "fabric"),
        name=require_peer(params["name"], "name"),
        key=key_spec(params["key_type"], params["key_size"]),
        fingerprint=None if given is None else document.require_fingerprint(given, "fingerprint"),
    )
    peers = given_peers(params["peers"], "peers")
    peers.pop(expected.name, None)
    options = SigningOptions(
        expected=expected,
        peers=peers,
        days=require_days(params["valid_days"], "valid_days"),
        response_days=document.require_days(params["response_days"], "response_days"),
        replace=params["replace"],
        passphrase=require_passphrase(params["ca_privatekey_passphrase"], "ca_privatekey_passphrase"),
        own_peers=params["own_peers"],
    )
    paths = Paths(fabric_folder(params["path"], expected.fabric), params["request"], params["dest"])
    result = sign_request(paths, options, datetime.now(timezone.utc), check=mode.check)
    return Outcome(result.changed, result.values(), result.diff())


_ADDRESS = {"host": {"type": "str", "required": True}, "port": {"type": "int", "required": True}}

TASK = Task(
    argument_spec={
        **FOLDER_SPEC,
        "name": {"type": "str", "required": True},
        "request": {"type": "path", "required": True},
        "dest": {"type": "path", "required": True},
        "fingerprint": {"type": "str"},
        "peers": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "host": {"type": "str"},
                "port": {"type": "int"},
                "gateways": {"type": "list", "elements": "dict", "options": _ADDRESS},
            },
        },
        "own_peers": {"type": "list", "elements": "str", "default": []},
        "valid_days": {"type": "int", "default": DEFAULT_DAYS},
        "response_days": {"type": "int", "default": document.DEFAULT_DAYS},
        "key_type": {"type": "str", "choices": list(SIZES)},
        "key_size": {"type": "int", "no_log": False},
        "replace": {"type": "bool", "default": False},
        "ca_privatekey_passphrase": {"type": "str", "no_log": True},
    },
    run=run,
    requires=("cryptography",),
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
