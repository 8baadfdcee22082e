#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_ca."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_ca
short_description: Manage the CA of a ClusterLink fabric
version_added: "0.1.0"
description:
  - Creates the certificate authority that all peers of a fabric trust, as files or as content.
  - An existing CA is compared with the options. Every peer trusts it, so it is replaced only with O(replace=true). A CA
    that differs, has expired or cannot be read is an error that names the reason.
  - The subject of every new CA has an organizational unit of its own, because gateways that trust two CAs distinguish
    them only by their subjects.
  - A key file that others can read gets mode 0600, and an unencrypted one is encrypted when O(privatekey_passphrase) is
    given.
  - A CA of the C(clusterlink) CLI is used as it is.
  - No CA is created in a folder with requests for certificates of another organisation's fabric, see
    M(skyshift.clusterlink.enrolment_request).
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography >= 42.0.0
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.certificate
  - skyshift.clusterlink.own_ca
options:
  fabric:
    description:
      - The fabric's name, which is the CA's common name and the name of its folder.
    type: str
    default: fabric
  valid_days:
    description:
      - How many days a new CA is valid. The lifetime of an existing one is not compared.
    type: int
    default: 3650
  renew_percent:
    description:
      - A CA is near its end when less than this percentage of its lifetime is left. A warning says so, and how to
        replace it; O(replace=true) replaces it.
      - With V(0) there is no warning.
    type: int
    default: 33
  privatekey_passphrase:
    description:
      - The passphrase that encrypts the CA's private key, as PKCS#8. Without it the key is not encrypted.
      - An existing unencrypted key is encrypted and stays the same key. Older backups may hold it unencrypted.
      - The module cannot change or remove the passphrase; a key with another passphrase is an error.
      - The C(clusterlink) CLI cannot use an encrypted key.
    type: str
  replace:
    description:
      - Whether to replace a CA that differs from the options, has expired, or is near its end by O(renew_percent), by a
        new one with a new key.
      - Every peer's certificate must be recreated after that, and links fail until every gateway has the new CA. So set
        it for one run only.
      - A warning names the connections that are lost, and the peers of other organisations that must enrol again.
      - An unreadable key is not replaced even then.
    type: bool
    default: false
  force:
    description:
      - With O(state=absent), remove the CA even where peers still have certificates in the fabric's folder.
    type: bool
    default: false
seealso:
  - module: skyshift.clusterlink.peer_certificate
"""

EXAMPLES = r"""
- name: Create a CA with an ECDSA key for ten years
  skyshift.clusterlink.fabric_ca:
    path: /etc/clusterlink/pki
    fabric: demo

- name: Create a CA that the clusterlink CLI can use, too
  skyshift.clusterlink.fabric_ca:
    path: /etc/clusterlink/pki
    fabric: demo
    key_type: rsa
    key_size: 4096
    subject:
      country: NL
      organization: Example

- name: Create a CA with an encrypted key
  skyshift.clusterlink.fabric_ca:
    path: /etc/clusterlink/pki
    fabric: demo
    privatekey_passphrase: "{{ vault_ca_passphrase }}"

- name: Create a CA as content, for storage elsewhere
  skyshift.clusterlink.fabric_ca:
    fabric: demo
    certificate_content: "{{ stored_certificate | default(omit) }}"
    privatekey_content: "{{ stored_privatekey | default(omit) }}"
    return_content: true
  no_log: true
  register: ca

- name: Replace a CA that has expired or is near its end
  skyshift.clusterlink.fabric_ca:
    path: /etc/clusterlink/pki
    fabric: demo
    replace: true
    backup: true

- name: Remove the CA
  skyshift.clusterlink.fabric_ca:
    path: /etc/clusterlink/pki
    fabric: demo
    state: absent
"""

RETURN = r"""
reasons:
  description: Why a new CA was created, or in check mode would be. Empty when the existing one stays.
  returned: O(state=present)
  type: list
  elements: str
  sample: [there is no CA yet]
repaired:
  description:
    - Files and folders whose mode was repaired because it gave others too many permissions, a key that has been
      encrypted, and a rotation of the CA that was killed between two files and has been completed up to its next phase.
  returned: O(state=present)
  type: list
  elements: str
  sample: [/etc/clusterlink/pki/demo/key.pem has mode 0644 where at most 0600 is safe]
certificate_path:
  description: The certificate's file.
  returned: O(path) is given
  type: str
  sample: /etc/clusterlink/pki/demo/cert.pem
privatekey_path:
  description: The private key's file.
  returned: O(path) is given
  type: str
  sample: /etc/clusterlink/pki/demo/key.pem
backup_files:
  description: The paths of the backups.
  returned: O(path) is given
  type: list
  elements: str
  sample: [/etc/clusterlink/pki/demo/cert.pem.20250131T120000.000000Z~]
removed:
  description: The files that were removed, or in check mode would be.
  returned: O(state=absent)
  type: list
  elements: str
certificate:
  description: The CA's certificate as PEM.
  returned: O(return_content=true), and not to be made in check mode
  type: str
privatekey:
  description:
    - The private key as PEM, encrypted when O(privatekey_passphrase) is given. A key that was given is returned only
      when it was not encrypted and now is.
  returned: O(return_content=true) and there is a new key, or one has been encrypted
  type: str
subject:
  description: The certificate's subject.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: CN=demo,OU=ca-8729fc524766db83
issuer:
  description: The certificate's issuer.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: CN=demo,OU=ca-8729fc524766db83
dns_names:
  description: The certificate's DNS names; a CA has none.
  returned: O(state=present), except in check mode for a new certificate
  type: list
  elements: str
  sample: []
not_before:
  description: When its validity starts, in UTC.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: "2025-01-31T11:55:00Z"
not_after:
  description: When its validity ends, in UTC.
  returned: O(state=present), except in check mode for a new certificate
  type: str
  sample: "2035-01-29T12:00:00Z"
key_type:
  description: The kind of its key.
  returned: O(state=present)
  type: str
  sample: ecdsa
key_size:
  description: The size of its key in bits.
  returned: O(state=present)
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

from datetime import datetime, timezone
from typing import Any

from ..module_utils.enrolment.record import enrolled_peers
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki import options as arguments
from ..module_utils.pki.ca import DEFAULT_DAYS, CaRequest, decide_ca, make_ca
from ..module_utils.pki.keys import key_spec, require_passphrase
from ..module_utils.pki.pair import Decision, Issued, Pair, require_days
from ..module_utils.pki.renewal import Renewal, require_percent
from ..module_utils.pki.subject import require_fabric, require_subject
from ..module_utils.pki_files import disk
from ..module_utils.pki_files.ca_rotation import RotationFolder
from ..module_utils.pki_files.ensure_pair import Result, ensure_content, ensure_files, remove_files
from ..module_utils.pki_files.external_ca import require_own_fabric
from ..module_utils.pki_files.own_ca_files import OWN_CA_SPEC, own_ca


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Create, keep or remove the CA."""
    now = datetime.now(timezone.utc)
    arguments.require_one_place(params)
    request = CaRequest(
        name=require_fabric(params["fabric"], "fabric"),
        key=key_spec(params["key_type"], params["key_size"]),
        days=require_days(params["valid_days"], "valid_days"),
        subject=require_subject(params["subject"], "subject"),
        passphrase=require_passphrase(params["privatekey_passphrase"], "privatekey_passphrase"),
    )
    renewal = Renewal(require_percent(params["renew_percent"], "renew_percent"))
    own = own_ca(params, now) if params["state"] == "present" else None
    folder = None if params["path"] is None else disk.fabric_folder(params["path"], request.name)
    interrupted = (
        folder is not None and params["state"] == "present" and RotationFolder(folder).complete(check=mode.check)
    )

    def decide(found: Pair) -> Decision:
        # An interrupted first run leaves a key without a certificate. Once peers have certificates, it is an error.
        if folder is not None:
            rotation = RotationFolder(folder)
            found = disk.read_pair(rotation.present)
            require_own_fabric(folder, found)
            rotation.require_valid(now)
            if own is not None and rotation.next_is(own.certificate):
                return decide_ca(found, request, now, resume=False, renewal=renewal)
            if params["replace"] or found.certificate is None:
                rotation.require_at_rest()
        resume = folder is None or not disk.peers_in(folder)
        outside = list(enrolled_peers(folder)) if folder is not None and params["replace"] else []
        return decide_ca(
            found, request, now, replace=params["replace"], resume=resume, renewal=renewal, outside=outside, own=own
        )

    def issue(decision: Decision) -> Issued:
        return make_ca(request, now, decision.key, own=own)

    stamp = arguments.backup_stamp(params, now)
    if folder is None:
        result = ensure_content(arguments.content_pair(params), decide, issue, check=mode.check)
    elif params["state"] == "absent":
        if not params["force"]:
            _refuse_orphans(folder)
            RotationFolder(folder).require_at_rest()
        elif not mode.check:
            RotationFolder(folder).delete_all()
        removal = remove_files(folder, check=mode.check, backup_stamp=stamp)
        return Outcome(removal.changed, removal.values(), removal.diff())
    else:
        result = ensure_files(folder, decide, issue, check=mode.check, backup_stamp=stamp)
    return _outcome(result, interrupted=interrupted)


def _outcome(result: Result, *, interrupted: bool) -> Outcome:
    values, diff = result.values(), result.diff()
    if interrupted:
        values["repaired"] = [*values["repaired"], "a rotation of the CA was interrupted between two files"]
        diff = {key: {**diff[key], "interrupted": key == "before"} for key in ("before", "after")}
    return Outcome(result.changed or interrupted, values, diff, result.warnings)


def _refuse_orphans(folder: disk.Folder) -> None:
    peers = disk.peers_in(folder)
    if peers:
        raise ClusterlinkError(
            Problem(
                folder.path,
                "holds certificates of peers, which could not be renewed without the CA",
                ", ".join(peers),
                "Remove them with peer_certificate first, or set force=true",
            )
        )


TASK = Task(
    argument_spec={
        "fabric": {"type": "str", "default": "fabric"},
        "valid_days": {"type": "int", "default": DEFAULT_DAYS},
        "privatekey_passphrase": {"type": "str", "no_log": True},
        "replace": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
        **OWN_CA_SPEC,
        **arguments.CERTIFICATE_SPEC,
    },
    run=run,
    requires=("cryptography",),
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
