#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module enrolment_answer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: enrolment_answer
short_description: Answer the request of a peer that joins a ClusterLink fabric from outside
version_added: "0.1.0"
description:
  - Checks a request that was made by M(skyshift.clusterlink.enrolment_request) in another organisation, signs the
    peer's certificate, and writes an answer as a small file that holds no secret.
  - The answer brings the certificate, the fabric's CA and the addresses of other peers, and is signed as a whole by the
    CA's key, so that it cannot be altered on its way.
  - A request is refused, and nothing is written, when it was altered or forged, is for another fabric or another peer
    than O(name), has another kind of key than O(key_type), has expired, has another fingerprint than O(fingerprint), or
    when it or a newer one of the same peer has been answered.
  - Requests that were answered are on record in C(FABRIC/enrolled.json) below O(path). The same file once more gets the
    same certificate.
  - A name whose certificate is kept in the fabric's folder is never given to anyone else.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
options:
  path:
    description:
      - The folder on the host that runs the task in which fabrics have their folders, with the fabric's CA and its key
        in C(FABRIC/cert.pem) and C(FABRIC/key.pem) below it.
    type: path
    required: true
  fabric:
    description:
      - The fabric's name.
    type: str
    default: fabric
  name:
    description:
      - The name that the peer was promised. A request for another name is refused.
    type: str
    required: true
  request:
    description:
      - The request's file.
    type: path
    required: true
  dest:
    description:
      - The answer's file. An older answer for the same peer is overwritten, any other file is not.
    type: path
    required: true
  fingerprint:
    description:
      - The request's fingerprint, as the peer's operator told it by another way than the one by which the file came.
      - Without it, nothing shows that the request comes from whom it seems to, which is a warning.
    type: str
  peers:
    description:
      - The other peers whose addresses the new one shall know, which are those that it imports from.
      - An entry is like one of C(clusterlink_peers), with a name and either O(peers[].host) and O(peers[].port) or
        O(peers[].gateways). The new peer itself is left out.
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
  valid_days:
    description:
      - How many days a new certificate is valid, at most to the CA's end.
    type: int
    default: 365
  answer_days:
    description:
      - For how many days the answer can be installed, at most 90.
    type: int
    default: 7
  key_type:
    description:
      - The kind of key that the fabric takes. V(ecdsa) on the curve P-256 and V(rsa) from 2048 bits on unless set.
    type: str
    choices: [ecdsa, rsa]
  key_size:
    description:
      - The size of key in bits that the fabric takes. Needs O(key_type).
    type: int
  replace:
    description:
      - Whether a peer that is enrolled already may get a certificate for another key than before.
    type: bool
    default: false
  ca_privatekey_passphrase:
    description:
      - What the CA's private key is encrypted with. A key that is not encrypted is an error then.
    type: str
seealso:
  - module: skyshift.clusterlink.enrolment_request
  - module: skyshift.clusterlink.enrolment_acceptance
"""

EXAMPLES = r"""
- name: Let lyon join
  skyshift.clusterlink.enrolment_answer:
    path: /etc/clusterlink/pki
    fabric: production
    name: lyon
    request: received/lyon.request.json
    fingerprint: 4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c:9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0
    dest: received/lyon.answer.json
    peers:
      - name: paris
        host: gateway.paris.example.com
        port: 443
  register: answer

- name: What to tell lyon's operator by telephone, and what to declare
  ansible.builtin.debug:
    msg:
      - "{{ answer.ca_fingerprint }}"
      - "{{ answer.clusterlink_peers }}"
"""

RETURN = r"""
reasons:
  description: Why an answer was made, or in check mode would be. Empty when the existing one stayed.
  returned: success
  type: list
  elements: str
  sample: [the request has not been answered yet]
answer_path:
  description: The file to send to the peer's operator.
  returned: success
  type: str
  sample: received/lyon.answer.json
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
    - What the fabric's clusters that import from the new peer declare as C(clusterlink_peers).
    - Empty for a peer that only calls out, which needs no declaration.
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
  description: The SHA-256 fingerprint of the fabric's CA, to be told to the peer's operator.
  returned: success
  type: str
  sample: 9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0:4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c
trusted_fingerprints:
  description: The same of every CA that the answer brings; two of them while the fabric's CA is replaced.
  returned: success, except in check mode for an answer that is yet to be made
  type: list
  elements: str
certificate_fingerprint:
  description: The SHA-256 fingerprint of the peer's certificate.
  returned: success, except in check mode for an answer that is yet to be made
  type: str
created:
  description: When the answer was made, in UTC.
  returned: success, except in check mode for one that is yet to be made
  type: str
  sample: "2025-01-31T12:00:00Z"
expires:
  description: Until when it can be installed, in UTC.
  returned: success, except in check mode for one that is yet to be made
  type: str
  sample: "2025-02-07T12:00:00Z"
peers:
  description: The peers whose addresses it brings.
  returned: success, except in check mode for an answer that is yet to be made
  type: list
  elements: dict
  sample: [{name: paris, gateways: [{host: gateway.paris.example.com, port: 443}]}]
"""

from datetime import UTC, datetime
from typing import Any

from ..module_utils.enrolment import document
from ..module_utils.enrolment.peer_addresses import given_peers
from ..module_utils.enrolment.request import Expected
from ..module_utils.enrolment.sign_request import Paths, SigningOptions, sign_request
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.keys import SIZES, key_spec, require_passphrase
from ..module_utils.pki.leaf import DEFAULT_DAYS
from ..module_utils.pki.pair import require_days
from ..module_utils.pki.subject import require_fabric, require_peer
from ..module_utils.pki_files.disk import fabric_folder


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Check a request and answer it."""
    told = params["fingerprint"]
    expected = Expected(
        fabric=require_fabric(params["fabric"], "fabric"),
        name=require_peer(params["name"], "name"),
        key=key_spec(params["key_type"], params["key_size"]),
        fingerprint=None if told is None else document.require_fingerprint(told, "fingerprint"),
    )
    peers = given_peers(params["peers"], "peers")
    peers.pop(expected.name, None)
    terms = SigningOptions(
        expected=expected,
        peers=peers,
        days=require_days(params["valid_days"], "valid_days"),
        answer_days=document.require_days(params["answer_days"], "answer_days"),
        replace=params["replace"],
        passphrase=require_passphrase(params["ca_privatekey_passphrase"], "ca_privatekey_passphrase"),
    )
    paths = Paths(fabric_folder(params["path"], expected.fabric), params["request"], params["dest"])
    result = sign_request(paths, terms, datetime.now(UTC), check=mode.check)
    outcome = Outcome(result.changed, result.values(), result.diff())
    if told is None:
        fingerprint = result.request.document.fingerprint
        outcome.warnings.append(
            f"{params['request']} was answered without its fingerprint, so whoever could change the file on its way may"
            f" be the peer. Have {expected.name}'s operator confirm {fingerprint} before you send the answer."
        )
    return outcome


_ADDRESS = {"host": {"type": "str", "required": True}, "port": {"type": "int", "required": True}}

TASK = Task(
    argument_spec={
        "path": {"type": "path", "required": True},
        "fabric": {"type": "str", "default": "fabric"},
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
        "valid_days": {"type": "int", "default": DEFAULT_DAYS},
        "answer_days": {"type": "int", "default": document.DEFAULT_DAYS},
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
