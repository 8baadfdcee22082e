#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_ca_rotation."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_ca_rotation
short_description: Take the CA of a ClusterLink fabric through the phases of its replacement
version_added: "0.1.0"
description:
  - Replaces the CA in a fabric's folder while the fabric works. It goes on by one phase at a time, and only when every
    cluster has shown that it is ready for it.
  - In phase V(trust) there is a new CA, and gateways are to trust both. In V(issue) the new CA signs. In V(drop)
    gateways are to trust it alone. V(idle) is before and after.
  - The CAs that gateways are to trust are in C(FABRIC/trusted.pem) while they are two, and role gateway installs
    those. So a run of C(site.yml) in the midst of a rotation does no harm.
  - A run that was killed is gone on with by the next. Playbook C(rotate_ca.yml) does the whole.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
options:
  path:
    description: The folder in which fabrics have their folders, as with module M(skyshift.clusterlink.fabric_ca).
    type: path
    required: true
  fabric:
    description: The fabric's name.
    type: str
    default: fabric
  phase:
    description:
      - The phase to be in. One that the rotation has left behind is no error, and nothing is done then.
      - V(trust) begins a rotation unless one is under way. V(idle) ends it.
      - Without it, nothing is changed, and only RV(phase) and RV(steps) are told.
    type: str
    choices: [trust, issue, drop, idle]
  peers:
    description: The names of all peers of the fabric.
    type: list
    elements: str
    required: true
  observed:
    description:
      - What the clusters show, as results of module M(skyshift.clusterlink.gateway_info) by the peer's name.
      - A peer that is not in it, because its cluster did not answer, keeps the rotation from going on.
    type: dict
    default: {}
  left_out:
    description:
      - Names of peers that were enrolled from other organisations and shall not come along.
      - Others must have been given a certificate of the new CA before phase V(drop).
    type: list
    elements: str
    default: []
  key_type:
    description: The kind of the new CA's key. It is the present one's unless it is given.
    type: str
    choices: [ecdsa, rsa]
  key_size:
    description: The size of the new CA's key in bits. Needs O(key_type).
    type: int
  valid_days:
    description: How many days the new CA is valid.
    type: int
    default: 3650
  privatekey_passphrase:
    description: The passphrase that encrypts the new CA's key, as with module M(skyshift.clusterlink.fabric_ca).
    type: str
  subject:
    description: What the new CA's subject holds besides the common name and the unit that tells it from other CAs.
    type: dict
    suboptions:
      country:
        description: The two-letter code of a country, in capitals.
        type: str
      province:
        description: A state or province.
        type: str
      locality:
        description: A town.
        type: str
      organization:
        description: An organization.
        type: str
      organizational_unit:
        description: A part of the organization.
        type: str
notes:
  - The gateway of a peer that another organisation runs trusts the new CA only when that peer has enrolled again. So
    the rotation stops before the first certificate of the new CA until it has, with all links as they were. Its answer
    brings both CAs, so that none of its links is lost. When all is over, enrolling once more ends its trust in the old.
  - In check mode nothing is written, and the clusters need not have shown anything.
seealso:
  - module: skyshift.clusterlink.fabric_ca
  - module: skyshift.clusterlink.gateway_certificate
"""

EXAMPLES = r"""
- name: Begin to replace the CA by one with an ECDSA key
  skyshift.clusterlink.fabric_ca_rotation:
    path: /etc/clusterlink/pki
    fabric: demo
    phase: trust
    key_type: ecdsa
    peers: "{{ groups['clusters'] }}"
    observed: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'gateway_seen'))) }}"
  run_once: true

- name: See where a rotation stands
  skyshift.clusterlink.fabric_ca_rotation:
    path: /etc/clusterlink/pki
    fabric: demo
    peers: "{{ groups['clusters'] }}"
  run_once: true
"""

RETURN = r"""
phase:
  description: The phase that the rotation is in now, or in check mode would be.
  returned: success
  type: str
  sample: trust
steps:
  description: What is still to come, a sentence each.
  returned: success
  type: list
  elements: str
  sample: ["let every gateway trust the new CA alone (east, west), and check all links", forget the old CA]
current:
  description: The CA that signs.
  returned: success
  type: dict
  sample: {subject: 'CN=demo,OU=ca-8729fc524766db83', not_after: '2035-01-31T12:00:00Z'}
next:
  description: The CA that comes. Null when there is none.
  returned: success
  type: dict
old:
  description: The CA that goes. Null when there is none.
  returned: success
  type: dict
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..module_utils.enrolment.record import read_record
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.ca import DEFAULT_DAYS, CaRequest
from ..module_utils.pki.certificates import facts
from ..module_utils.pki.keys import SIZES, key_spec, require_passphrase
from ..module_utils.pki.pair import require_days
from ..module_utils.pki.rotation import PHASES, is_next, steps
from ..module_utils.pki.subject import ATTRIBUTES, require_fabric, require_subject
from ..module_utils.pki_files import disk
from ..module_utils.pki_files.ca_rotation import RotationFolder, advance

if TYPE_CHECKING:
    from cryptography import x509


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Go on to the phase that is asked for."""
    folder = RotationFolder(disk.fabric_folder(params["path"], require_fabric(params["fabric"], "fabric")))
    passphrase = require_passphrase(params["privatekey_passphrase"], "privatekey_passphrase")
    request = CaRequest(
        name=params["fabric"],
        key=key_spec(params["key_type"], params["key_size"]),
        days=require_days(params["valid_days"], "valid_days"),
        subject=require_subject(params["subject"], "subject"),
    )
    before, wanted = folder.phase(), params["phase"]
    outside = _outside(folder, params)
    after, changed = before, False
    if mode.check or wanted is None:
        changed = wanted is not None and is_next(before, wanted)
        after = wanted if changed else before
    else:
        with disk.locked(folder.current):
            changed = advance(
                folder,
                wanted,
                request,
                params["peers"],
                params["observed"],
                now=datetime.now(UTC),
                outside=outside,
                passphrase=passphrase.text,
            )
        after = folder.phase()
    views = {name: None if ca is None else facts(ca) for name, ca in vars(folder.authorities()).items()}
    return Outcome(
        changed=changed,
        values={"phase": after, "steps": steps(before, params["peers"], sorted(outside)), **views},
        diff={"before": {"phase": before}, "after": {"phase": after}},
    )


def _outside(folder: RotationFolder, params: dict[str, Any]) -> dict[str, x509.Certificate]:
    """The last certificates of enrolled peers that are none of the inventory's."""
    path = disk.enrolled_path(folder.current)
    ours = {*params["peers"], *params["left_out"]}
    certificates = read_record(disk.read_file(path), path).certificates()
    return {name: certificate for name, certificate in certificates.items() if name not in ours}


TASK = Task(
    argument_spec={
        "path": {"type": "path", "required": True},
        "fabric": {"type": "str", "default": "fabric"},
        "phase": {"type": "str", "choices": list(PHASES)},
        "peers": {"type": "list", "elements": "str", "required": True},
        "observed": {"type": "dict", "default": {}},
        "left_out": {"type": "list", "elements": "str", "default": []},
        "key_type": {"type": "str", "choices": list(SIZES)},
        "key_size": {"type": "int", "no_log": False},
        "valid_days": {"type": "int", "default": DEFAULT_DAYS},
        "privatekey_passphrase": {"type": "str", "no_log": True},
        "subject": {"type": "dict", "options": {name: {"type": "str"} for name in ATTRIBUTES}},
    },
    run=run,
    requires=("cryptography",),
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
