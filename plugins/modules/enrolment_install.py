#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module enrolment_install."""

from __future__ import annotations

DOCUMENTATION = r"""
module: enrolment_install
short_description: Install the certificate that another organisation's ClusterLink fabric gave a peer
version_added: "0.1.0"
description:
  - Checks the response to a request of M(skyshift.clusterlink.enrolment_request), and installs the peer's certificate
    and the fabric's CA beside the peer's key, in the layout of the C(clusterlink) CLI. The CA's key stays with the
    fabric.
  - Refuses a response, and writes nothing, when the response is altered, forged or expired; when its CA is neither the
    installed one nor the one with O(ca_fingerprint); or when it is for another request than the last one, or another
    fabric, peer or key.
  - During a rotation of the fabric's CA, the response contains both CAs, and the gateway trusts both. The module warns.
    Enrol again after the rotation to trust the new CA alone.
  - A renewal of the installed certificate, for the same key, replaces it. Any other certificate needs O(replace=true).
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
      - The peer's name.
    type: str
    required: true
  response:
    description:
      - The file with the response.
    type: path
    required: true
  ca_fingerprint:
    description:
      - The SHA-256 fingerprint of the fabric's CA. Get it from the fabric's operator over another channel than the
        file; all trust in the fabric depends on it.
      - Required when no CA is installed, and for another CA than the installed one. When given, it is always compared.
    type: str
  replace:
    description:
      - Whether to replace a certificate that the response does not renew, and a different CA.
    type: bool
    default: false
  backup:
    description:
      - Whether to keep a copy of each replaced file beside it, readable by its owner only.
    type: bool
    default: false
seealso:
  - module: skyshift.clusterlink.enrolment_request
  - module: skyshift.clusterlink.enrolment_response
"""

EXAMPLES = r"""
- name: Install what the fabric's operator sent
  skyshift.clusterlink.enrolment_install:
    path: /etc/clusterlink/pki
    fabric: production
    name: lyon
    response: received/lyon.response.json
    ca_fingerprint: 9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0:4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c
  register: enrolled

- name: Show what to declare in the host variables of lyon
  ansible.builtin.debug:
    var: enrolled.clusterlink_peers
"""

RETURN = r"""
reasons:
  description: Why files are written, or in check mode would be. Empty when everything is installed already.
  returned: success
  type: list
  elements: str
  sample: [there is no CA yet, there is no certificate yet]
clusterlink_peers:
  description: The fabric's other peers and their addresses, for C(clusterlink_peers) of this peer.
  returned: success
  type: list
  elements: dict
  sample: [{name: paris, gateways: [{host: gateway.paris.example.com, port: 443}]}]
certificate_path:
  description: The certificate's file.
  returned: success
  type: str
  sample: /etc/clusterlink/pki/production/lyon/cert.pem
ca_path:
  description: The file of the fabric's CA.
  returned: success
  type: str
  sample: /etc/clusterlink/pki/production/cert.pem
backup_files:
  description: The paths of the backups.
  returned: success
  type: list
  elements: str
ca_fingerprint:
  description: The SHA-256 fingerprint of the fabric's CA.
  returned: success
  type: str
  sample: 9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0:4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c
trusted_fingerprints:
  description: The SHA-256 fingerprints of all CAs that the peer trusts, which are two during a rotation.
  returned: success
  type: list
  elements: str
subject:
  description: The certificate's subject.
  returned: success
  type: str
  sample: CN=lyon
issuer:
  description: The certificate's issuer.
  returned: success
  type: str
  sample: CN=production,OU=ca-8729fc524766db83
dns_names:
  description: The certificate's DNS names, which are the peer's name alone.
  returned: success
  type: list
  elements: str
  sample: [lyon]
not_before:
  description: When its validity starts, in UTC.
  returned: success
  type: str
  sample: "2025-01-31T11:55:00Z"
not_after:
  description: When its validity ends, in UTC.
  returned: success
  type: str
  sample: "2026-01-31T12:00:00Z"
key_type:
  description: The kind of its key.
  returned: success
  type: str
  sample: ecdsa
key_size:
  description: The size of its key in bits.
  returned: success
  type: int
  sample: 256
serial:
  description: Its serial number in hexadecimal.
  returned: success
  type: str
  sample: 57B70D49C045BB7B
fingerprint:
  description: Its SHA-256 fingerprint.
  returned: success
  type: str
  sample: 4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c:9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0
"""

from datetime import datetime, timezone
from typing import Any

from ..module_utils.enrolment.create_request import PeerPaths
from ..module_utils.enrolment.document import require_fingerprint
from ..module_utils.enrolment.install_response import Trust, install_response
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.options import FOLDER_SPEC, backup_stamp
from ..module_utils.pki.subject import require_fabric, require_peer


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Check a response and install it."""
    now = datetime.now(timezone.utc)
    fabric, name = require_fabric(params["fabric"], "fabric"), require_peer(params["name"], "name")
    given = params["ca_fingerprint"]
    trust = Trust(None if given is None else require_fingerprint(given, "ca_fingerprint"), replace=params["replace"])
    place = PeerPaths.of(params["path"], fabric, name)
    stamp = backup_stamp(params, now)
    result = install_response(place, params["response"], trust, now, check=mode.check, backup_stamp=stamp)
    return Outcome(result.changed, result.values(), result.diff(), result.warnings())


TASK = Task(
    argument_spec={
        **FOLDER_SPEC,
        "name": {"type": "str", "required": True},
        "response": {"type": "path", "required": True},
        "ca_fingerprint": {"type": "str"},
        "replace": {"type": "bool", "default": False},
        "backup": {"type": "bool", "default": False},
    },
    run=run,
    requires=("cryptography",),
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
