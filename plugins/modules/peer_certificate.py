#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module peer_certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_certificate
short_description: Manage the certificate of a peer of a ClusterLink fabric
version_added: "0.1.0"
description:
  - Creates the certificate and private key that identify a peer's gateway in the fabric, as files or as content.
  - An existing certificate is compared with the options and with the fabric's CA. One that differs is recreated, for
    the same key unless O(key_type) or O(key_size) require another kind, and RV(reasons) are returned.
  - It is renewed before it expires, for the same key; see O(renew_percent).
  - A certificate never outlives the CA that signs it.
  - An unreadable key or certificate, or a key that does not match its certificate, is an error and is not replaced.
  - With O(path), a key that was evicted from the fabric is refused, and so is the name of another organisation's peer
    that is enrolled in it. See M(skyshift.clusterlink.peer_eviction).
  - A key file that others can read gets mode 0600.
  - A certificate of the C(clusterlink) CLI is used as it is.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography >= 42.0.0
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
      - Several peers, whose certificates are created side by side in one task. Needs O(path).
      - An error of one peer does not stop the others; the task fails at the end and names it.
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
      - A certificate is renewed, with the same key, when less than this percentage of its lifetime is left.
      - Every peer has its own constant threshold, from three quarters of the percentage up to all of it, so that the
        peers of a fabric are not renewed at the same time.
      - With V(0) only expired certificates are renewed. A certificate in the first tenth of its lifetime never is.
      - A certificate is not renewed when the new one would not end later; a warning says so when the reason is that the
        CA itself is near its end.
    type: int
    default: 33
  ca_certificate_content:
    description:
      - The certificate of the fabric's CA, as PEM. The default is the CA in the fabric's folder.
    type: str
  ca_privatekey_content:
    description:
      - The private key of the fabric's CA, as PEM. The default is the key in the fabric's folder.
      - It is needed only to sign a certificate.
    type: str
  ca_privatekey_passphrase:
    description:
      - The passphrase of the CA's private key. With it, an unencrypted key is an error.
      - The peer's own key is never encrypted, because its gateway must read it.
    type: str
  enrolled:
    description:
      - Whether the fabric's CA belongs to another organisation, so that the fabric's folder holds only its certificate.
      - Then nothing is created. A certificate that differs is an error that says to enrol again, see
        M(skyshift.clusterlink.enrolment_request). A certificate that is due for renewal by O(renew_percent) is a
        warning with its end.
    type: bool
    default: false
notes:
  - Without O(key_type), a new key is of the same kind as the CA's, so that the C(clusterlink) CLI can still use a
    fabric that it created.
seealso:
  - module: skyshift.clusterlink.fabric_ca
  - module: skyshift.clusterlink.enrolment_request
  - module: skyshift.clusterlink.peer_eviction
"""

EXAMPLES = r"""
- name: Create a certificate for every cluster
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    name: "{{ inventory_hostname }}"
  delegate_to: localhost

- name: Create the certificates of all hosts of the play in one task
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    peers: "{{ ansible_play_batch | skyshift.clusterlink.certificate_peers(hostvars) }}"
  delegate_to: localhost
  run_once: true

- name: Create a certificate for 90 days and renew it when less than half of them are left
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    name: east
    valid_days: 90
    renew_percent: 50

- name: Create a certificate with a CA that is stored elsewhere
  skyshift.clusterlink.peer_certificate:
    path: /etc/clusterlink/pki
    fabric: demo
    name: east
    ca_certificate_content: "{{ stored_ca_certificate }}"
    ca_privatekey_content: "{{ stored_ca_privatekey }}"

- name: Create a certificate as content, for storage elsewhere
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
  description: The values below and C(changed) for each peer without an error, by its name.
  returned: O(peers) is given
  type: dict
  sample: {east: {changed: true, reasons: [there is no certificate yet], not_after: "2026-01-31T12:00:00Z"}}
failed_peers:
  description: The error of each peer that has one, by its name.
  returned: O(peers) is given
  type: dict
  sample: {}
reasons:
  description: Why a new certificate was created, or in check mode would be. Empty when the existing one stays.
  returned: O(state=present)
  type: list
  elements: str
  sample: [there is no certificate yet]
repaired:
  description: Files and folders whose mode was repaired because it gave others too many permissions.
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
  description: The paths of the backups.
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
  returned: O(return_content=true), except in check mode for a new certificate
  type: str
privatekey:
  description: The new private key as PEM. A given key is not returned.
  returned: O(return_content=true) and there is a new key
  type: str
subject:
  description: The certificate's subject.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: CN=east
issuer:
  description: The certificate's issuer.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: CN=demo,OU=ca-8729fc524766db83
dns_names:
  description: The certificate's DNS names, which are the peer's name alone.
  returned: O(state=present), except in check mode for a new certificate
  type: list
  elements: str
  sample: [east]
not_before:
  description: When its validity starts, in UTC.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: "2025-01-31T11:55:00Z"
not_after:
  description: When its validity ends, in UTC.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: "2026-01-31T12:00:00Z"
key_type:
  description: The kind of its key.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: ecdsa
key_size:
  description: The size of its key in bits.
  returned: O(state=present), except in check mode for a new certificate
  type: int
  sample: 256
serial:
  description: Its serial number in hexadecimal.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: 57B70D49C045BB7B
fingerprint:
  description: Its SHA-256 fingerprint.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: 4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c:9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0
"""

import functools
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ..module_utils.enrolment.admission import Admission
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
    """Create, keep or remove the certificates of a peer, or of several."""
    now = datetime.now(timezone.utc)
    arguments.require_one_place(params)
    find_authority = functools.cache(lambda: _authority(params, mode, now))
    find_admission = functools.cache(lambda: Admission.of(disk.fabric_folder(params["path"], params["fabric"])))
    if params["peers"] is None:
        return _run_one(params, mode, now, find_authority, find_admission)
    require_fabric(params["fabric"], "fabric")
    if params["state"] == "present":
        find_authority()  # reports problems of the CA once, not for each peer
    return for_each(params, params["peers"], lambda own: _run_one(own, mode, now, find_authority, find_admission))


def _run_one(
    params: dict[str, Any],
    mode: Mode,
    now: datetime,
    find_authority: Callable[[], Authority],
    find_admission: Callable[[], Admission],
) -> Outcome:
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
    decide_on = decide_enrolled if params["enrolled"] else decide_own

    def decide(found: Pair) -> Decision:
        decision = decide_on(found, authority, request, now, renewal)
        if folder is not None and not params["enrolled"]:
            find_admission().require(request.name, found, decision)
        return decision

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
