#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module peer_certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_certificate
short_description: Make and keep the certificate of a peer of a ClusterLink fabric
version_added: "0.1.0"
description:
  - Makes the certificate and private key by which a peer's gateway is known in the fabric, as files or as content.
  - An existing certificate is compared with what is asked for, and with the fabric's CA. One that will not do is made
    anew, for the same key unless that is of another kind, and the reasons are returned.
  - It is renewed before it expires, for the same key; see O(renew_percent).
  - A certificate never outlives the CA that signs it.
  - A key or certificate that cannot be read, or a pair that does not belong together, is an error and is not replaced.
  - A key file that others can read is repaired to mode 0600.
  - A certificate made by the C(clusterlink) CLI is taken as it is.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.certificate
options:
  name:
    description:
      - The peer's name, a DNS label. It is the certificate's common name and only DNS name, and the name of its folder.
      - Either this or O(peers) is required.
    type: str
  peers:
    description:
      - Several peers, whose certificates are made side by side in this one task. Needs O(path).
      - One whose certificate cannot be made does not stop the others; the task fails at the end and names it.
    type: list
    elements: dict
    suboptions:
      name:
        description: The peer's name, as for O(name).
        type: str
        required: true
      key_type:
        description: As O(key_type), for this peer.
        type: str
        choices: [ecdsa, rsa]
      key_size:
        description: As O(key_size), for this peer.
        type: int
      valid_days:
        description: As O(valid_days), for this peer.
        type: int
      renew_percent:
        description: As O(renew_percent), for this peer.
        type: int
  fabric:
    description:
      - The fabric's name, which is the name of its folder.
    type: str
    default: fabric
  valid_days:
    description:
      - How many days a new certificate is valid. The lifetime of an existing one is not compared.
    type: int
    default: 365
  renew_percent:
    description:
      - A certificate is made anew, with the same key, when less than this percentage of its whole life is left.
      - Every peer has a threshold of its own, from three quarters of the percentage up to the whole of it and always
        the same, so that the peers of a fabric are not renewed all at once, and none earlier than asked.
      - With V(0) only what has expired is made anew. A certificate in the first tenth of its life never is.
      - A certificate that would not end later than the present one is not made; a warning says when that is because
        the CA itself is near its end.
    type: int
    default: 33
  ca_certificate_content:
    description:
      - The certificate of the fabric's CA, as PEM. Without it, the CA is that in the fabric's folder.
    type: str
  ca_privatekey_content:
    description:
      - The private key of the fabric's CA, as PEM. Without it, the key is that in the fabric's folder.
      - It is needed only where a certificate has to be made.
    type: str
  ca_privatekey_passphrase:
    description:
      - What the CA's private key is encrypted with. A key that is not encrypted is an error then.
      - The peer's own key is never encrypted, because its gateway has to read it.
    type: str
  enrolled:
    description:
      - Whether the fabric's CA is another organisation's, whose certificate alone is in the fabric's folder.
      - Then nothing is made. A certificate that will not do is an error that says to enrol again, see
        M(skyshift.clusterlink.enrolment_request). One that would be renewed by O(renew_percent) is a warning that says
        so and when it ends.
    type: bool
    default: false
notes:
  - Without O(key_type), a new key is of the same kind as the CA's, so that a fabric that the C(clusterlink) CLI can use
    stays one.
seealso:
  - module: skyshift.clusterlink.fabric_ca
  - module: skyshift.clusterlink.enrolment_request
"""

EXAMPLES = r"""
- name: A certificate for every cluster
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    name: "{{ inventory_hostname }}"
  delegate_to: localhost

- name: The certificates of all hosts of the play at once
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    peers: "{{ ansible_play_batch | skyshift.clusterlink.certificate_peers(hostvars) }}"
  delegate_to: localhost
  run_once: true

- name: A certificate for 90 days that is renewed when less than half of them are left
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    name: east
    valid_days: 90
    renew_percent: 50

- name: A certificate from a CA that is kept elsewhere
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    name: east
    ca_certificate_content: "{{ stored_ca_certificate }}"
    ca_privatekey_content: "{{ stored_ca_privatekey }}"

- name: A certificate that is kept elsewhere
  skyshift.clusterlink.peer_certificate:
    name: east
    ca_certificate_content: "{{ stored_ca_certificate }}"
    ca_privatekey_content: "{{ stored_ca_privatekey }}"
    certificate_content: "{{ stored_certificate | default(omit) }}"
    privatekey_content: "{{ stored_privatekey | default(omit) }}"
    return_content: true
  no_log: true
  register: east_certificate

- name: Remove a peer's certificate
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    name: east
    state: absent
"""

RETURN = r"""
peers:
  description: For each peer that was not refused, by its name, the values below, and C(changed).
  returned: O(peers) is given
  type: dict
  sample: {east: {changed: true, reasons: [there is no certificate yet], not_after: "2026-01-31T12:00:00Z"}}
reasons:
  description: Why a new certificate was made, or in check mode would be. Empty when the existing one stayed.
  returned: O(state=present)
  type: list
  elements: str
  sample: [there is no certificate yet]
repaired:
  description: Files and folders whose mode was repaired because others could do too much with them.
  returned: O(state=present)
  type: list
  elements: str
  sample: [/etc/clusterlink/pki/demo/east/key.pem has mode 0644 where at most 0600 is safe]
certificate_path:
  description: The certificate's file.
  returned: O(path) is given
  type: str
  sample: /etc/clusterlink/pki/demo/east/cert.pem
privatekey_path:
  description: The private key's file.
  returned: O(path) is given
  type: str
  sample: /etc/clusterlink/pki/demo/east/key.pem
backup_files:
  description: The backups that were made.
  returned: O(path) is given
  type: list
  elements: str
  sample: [/etc/clusterlink/pki/demo/east/cert.pem.20250131T120000.000000Z~]
removed:
  description: The files that were removed, or in check mode would be.
  returned: O(state=absent)
  type: list
  elements: str
certificate:
  description: The certificate, followed by the CA's, as PEM.
  returned: O(return_content=true), and not to be made in check mode
  type: str
privatekey:
  description: The new private key as PEM. A key that was given is not returned.
  returned: O(return_content=true) and a new key was made
  type: str
subject:
  description: The certificate's subject.
  returned: O(state=present), except in check mode for one that is yet to be made
  type: str
  sample: CN=east
issuer:
  description: The certificate's issuer.
  returned: O(state=present), except in check mode for one that is yet to be made
  type: str
  sample: CN=demo,OU=ca-8729fc524766db83
dns_names:
  description: The certificate's DNS names, which are the peer's name alone.
  returned: O(state=present), except in check mode for one that is yet to be made
  type: list
  elements: str
  sample: [east]
not_before:
  description: When its validity starts, in UTC.
  returned: O(state=present), except in check mode for one that is yet to be made
  type: str
  sample: "2025-01-31T11:55:00Z"
not_after:
  description: When its validity ends, in UTC.
  returned: O(state=present), except in check mode for one that is yet to be made
  type: str
  sample: "2026-01-31T12:00:00Z"
key_type:
  description: The kind of its key.
  returned: O(state=present), except in check mode for one that is yet to be made
  type: str
  sample: ecdsa
key_size:
  description: The size of its key in bits.
  returned: O(state=present), except in check mode for one that is yet to be made
  type: int
  sample: 256
serial:
  description: Its serial number in hexadecimal.
  returned: O(state=present), except in check mode for one that is yet to be made
  type: str
  sample: 57B70D49C045BB7B
fingerprint:
  description: Its SHA-256 fingerprint.
  returned: O(state=present), except in check mode for one that is yet to be made
  type: str
  sample: 4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c:9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0
"""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki import options as arguments
from ..module_utils.pki.ca import Authority, load_authority
from ..module_utils.pki.keys import key_spec, require_passphrase
from ..module_utils.pki.leaf import DEFAULT_DAYS, LeafRequest, decide_own, make_leaf
from ..module_utils.pki.pair import Decision, Issued, Pair, require_days
from ..module_utils.pki.renewal import Renewal, require_percent
from ..module_utils.pki.subject import require_fabric, require_peer, require_subject
from ..module_utils.pki_files import disk
from ..module_utils.pki_files.ensure_pair import ensure_content, ensure_files, remove_files
from ..module_utils.pki_files.external_ca import decide_enrolled, load_external_ca
from ..module_utils.pki_files.many_peers import PEERS_SPEC, for_each


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Make, keep or remove the certificates of a peer, or of several."""
    now = datetime.now(UTC)
    arguments.require_one_place(params)
    find_authority = functools.cache(lambda: _authority(params, mode, now))
    if params["peers"] is None:
        return _run_one(params, mode, now, find_authority)
    require_fabric(params["fabric"], "fabric")
    if params["state"] == "present":
        find_authority()  # what is wrong with the CA is said once, not for each peer
    return for_each(params, params["peers"], lambda own: _run_one(own, mode, now, find_authority))


def _run_one(params: dict[str, Any], mode: Mode, now: datetime, find_authority: Callable[[], Authority]) -> Outcome:
    request = LeafRequest(
        name=require_peer(params["name"], "name"),
        key=key_spec(params["key_type"], params["key_size"]),
        days=require_days(params["valid_days"], "valid_days"),
        subject=require_subject(params["subject"], "subject"),
    )
    stamp = arguments.backup_stamp(params, now)
    folder = None if params["path"] is None else _folder(params, request.name)
    if folder is not None and params["state"] == "absent":
        removal = remove_files(folder, check=mode.check, backup_stamp=stamp)
        return Outcome(removal.changed, removal.values(), removal.diff())

    renewal = Renewal(require_percent(params["renew_percent"], "renew_percent"), request.name)
    authority = find_authority()
    look = decide_enrolled if params["enrolled"] else decide_own

    def decide(found: Pair) -> Decision:
        return look(found, authority, request, now, renewal)

    def issue(decision: Decision) -> Issued:
        return make_leaf(request, authority.issuer(), now, decision.key)

    if folder is None:
        result = ensure_content(arguments.content_pair(params), decide, issue, check=mode.check)
    else:
        result = ensure_files(folder, decide, issue, check=mode.check, backup_stamp=stamp)
    return Outcome(result.changed, result.values(), result.diff(), result.warnings)


def _authority(params: dict[str, Any], mode: Mode, now: datetime) -> Authority:
    passphrase = require_passphrase(params["ca_privatekey_passphrase"], "ca_privatekey_passphrase")
    if params["enrolled"]:
        return load_external_ca(_ca_pair(params), now)
    return load_authority(_ca_pair(params), now, may_be_missing=mode.check, passphrase=passphrase)


def _folder(params: dict[str, Any], peer: str) -> disk.Folder:
    return disk.peer_folder(params["path"], require_fabric(params["fabric"], "fabric"), peer)


def _ca_pair(params: dict[str, Any]) -> Pair:
    """The CA's certificate and key: each from its option, else from the fabric's folder."""
    given = arguments.content_pair(params, "ca_")
    if params["path"] is None:
        return given
    return given.completed_by(disk.read_pair(disk.fabric_folder(params["path"], params["fabric"])))


TASK = Task(
    argument_spec={
        "name": {"type": "str"},
        "peers": PEERS_SPEC,
        "fabric": {"type": "str", "default": "fabric"},
        "valid_days": {"type": "int", "default": DEFAULT_DAYS},
        "ca_certificate_content": {"type": "str"},
        "ca_privatekey_content": {"type": "str", "no_log": True},
        "ca_privatekey_passphrase": {"type": "str", "no_log": True},
        "enrolled": {"type": "bool", "default": False},
        **arguments.CERTIFICATE_SPEC,
    },
    run=run,
    requires=("cryptography",),
    constraints={"mutually_exclusive": [("name", "peers")], "required_one_of": [("name", "peers")]},
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
