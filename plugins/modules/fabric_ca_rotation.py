#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module fabric_ca_rotation."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fabric_ca_rotation
short_description: Replace the CA of a ClusterLink fabric in phases
version_added: "0.1.0"
description:
  - Replaces the CA in a fabric's folder while the fabric works. It advances one phase at a time, and only when every
    cluster is ready for the next phase.
  - In phase V(trust) there is a new CA, and gateways must trust both. In V(issue) the new CA signs. In V(drop) gateways
    must trust it alone. V(idle) is the phase before and after a rotation.
  - C(FABRIC/trusted.pem) holds the CAs that gateways must trust while there are two, and role gateway installs them. So
    C(site.yml) can run during a rotation.
  - A run resumes the rotation of a killed run. Playbook C(rotate_ca.yml) executes all phases.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography >= 42.0.0
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.fabric_folder
  - skyshift.clusterlink.own_ca
options:
  phase:
    description:
      - The phase to advance to. A phase that the rotation has passed is no error, and nothing is done then.
      - V(trust) starts a rotation unless one is under way. V(idle) ends it.
      - Without it, nothing is changed, and the module only returns RV(phase) and RV(steps).
    type: str
    choices: [trust, issue, drop, idle]
  peers:
    description: The names of all peers of the fabric.
    type: list
    elements: str
    required: true
  observed:
    description:
      - The state of the clusters, as results of module M(skyshift.clusterlink.gateway_info) by the peer's name.
      - Before phase V(issue), the module connects to the gateways' addresses with certificates of the new CA, which it
        makes for this and does not keep. A gateway that does not trust the new CA stops the rotation. One that cannot
        be reached from here is judged by what its pods have loaded.
      - A missing peer, for example one whose cluster is unreachable, stops the rotation, unless the present CA has
        expired.
    type: dict
    default: {}
  left_out:
    description:
      - Names of peers that the rotation does not wait for. Those of O(peers) among them get the new CA later.
      - All other enrolled peers of other organisations need a certificate of the new CA before phase V(issue), except
        evicted ones, see M(skyshift.clusterlink.peer_eviction).
    type: list
    elements: str
    default: []
  key_type:
    description: The kind of the new CA's key. The default is that of the present CA.
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
    description: The new CA's subject besides the common name and the organizational unit of its generation.
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
  - The gateway of a peer that another organisation runs trusts the new CA only when that peer has enrolled again. Until
    then the rotation stops before the first certificate of the new CA, and all links keep working. The response to the
    peer holds both CAs, so that it loses no link. After the rotation, another enrolment ends its trust in the old CA.
  - In phase V(trust), peers of other organisations get certificates of the new CA, by module
    M(skyshift.clusterlink.enrolment_response), once V(issue) was tried and every gateway was found to trust the new CA.
  - Where the CA's key is missing or its passphrase is not given, a rotation is refused before anything is written. The
    old CA's key is deleted when the new CA signs.
  - In check mode nothing is written, and O(observed) may be empty.
seealso:
  - module: skyshift.clusterlink.fabric_ca
  - module: skyshift.clusterlink.gateway_certificate
"""

EXAMPLES = r"""
- name: Start to replace the CA by one with an ECDSA key
  skyshift.clusterlink.fabric_ca_rotation:
    path: /etc/clusterlink/pki
    fabric: demo
    phase: trust
    key_type: ecdsa
    peers: "{{ groups['clusters'] }}"
    observed: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'gateway_seen'))) }}"
  run_once: true

- name: Show the phase of a rotation
  skyshift.clusterlink.fabric_ca_rotation:
    path: /etc/clusterlink/pki
    fabric: demo
    peers: "{{ groups['clusters'] }}"
  run_once: true
"""

RETURN = r"""
phase:
  description: The present phase of the rotation, or in check mode the phase after a real run.
  returned: success
  type: str
  sample: trust
expired:
  description:
    - Whether the CA that is replaced has expired, by the clocks of this machine and of all clusters in O(observed).
    - No link works then. Phase V(trust) is followed by V(issue) at once, and peers get certificates without delay.
  returned: success
  type: bool
  sample: false
steps:
  description: The remaining steps, a sentence each.
  returned: success
  type: list
  elements: str
  sample: ["let every gateway trust the new CA alone (east, west), and check all links", delete the old CA]
current:
  description: The CA that signs.
  returned: success
  type: dict
  sample: {subject: 'CN=demo,OU=ca-8729fc524766db83', not_after: '2035-01-31T12:00:00Z'}
next:
  description: The next CA. Null when there is none.
  returned: success
  type: dict
old:
  description: The old CA. Null when there is none.
  returned: success
  type: dict
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..module_utils.certificates.trust import require_accepted
from ..module_utils.enrolment.record import enrolled_peers
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.ca import DEFAULT_DAYS, CaRequest, load_authority
from ..module_utils.pki.certificates import facts
from ..module_utils.pki.keys import SIZES, key_spec, require_passphrase
from ..module_utils.pki.options import FOLDER_SPEC
from ..module_utils.pki.pair import require_days
from ..module_utils.pki.rotation import IDLE, ISSUE, PHASES, TRUST, has_expired, is_next, require_ready, steps
from ..module_utils.pki.subject import ATTRIBUTES, require_fabric, require_subject
from ..module_utils.pki_files import disk
from ..module_utils.pki_files.advance_rotation import advance, require_new
from ..module_utils.pki_files.ca_rotation import RotationFolder
from ..module_utils.pki_files.own_ca_files import OWN_CA_SPEC, own_ca

if TYPE_CHECKING:
    from cryptography import x509


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Advance to the desired phase."""
    folder = RotationFolder(disk.fabric_folder(params["path"], require_fabric(params["fabric"], "fabric")))
    request = CaRequest(
        name=params["fabric"],
        key=key_spec(params["key_type"], params["key_size"]),
        days=require_days(params["valid_days"], "valid_days"),
        subject=require_subject(params["subject"], "subject"),
        passphrase=require_passphrase(params["privatekey_passphrase"], "privatekey_passphrase"),
    )
    before, wanted = folder.phase(), params["phase"]
    outside, now = _outside(folder, params), datetime.now(timezone.utc)
    own = own_ca(params, now)
    peers = [peer for peer in params["peers"] if peer not in params["left_out"]]
    after, changed = before, False
    if mode.check or wanted is None:
        if wanted is not None:
            folder.require_keys(wanted, request.passphrase)
        if wanted == TRUST:
            require_new(folder, own)
        changed = wanted is not None and is_next(before, wanted)
        after = wanted if changed else before
    else:
        if before == IDLE:
            folder.authorities()  # there is a CA to replace, and a folder to lock
        if wanted == ISSUE and before == TRUST:
            _require_accepted(folder, peers, params["observed"], request, now)
        with disk.locked(folder.current):
            changed = advance(
                folder,
                wanted,
                request,
                peers,
                params["observed"],
                now=now,
                outside=outside,
                own=own,
            )
        after = folder.phase()
    authorities = folder.authorities()
    views = {name: None if ca is None else facts(ca) for name, ca in vars(authorities).items()}
    expired = has_expired(authorities.old or authorities.current, params["observed"], now)
    return Outcome(
        changed=changed,
        values={"phase": after, "expired": expired, "steps": steps(before, peers, sorted(outside)), **views},
        diff={"before": {"phase": before}, "after": {"phase": after}},
    )


def _require_accepted(
    folder: RotationFolder, peers: Sequence[str], observed: Mapping[str, Any], request: CaRequest, now: datetime
) -> None:
    """Refuse phase issue while a gateway that can be reached from here does not accept the new CA's certificates."""
    folder.require_keys(ISSUE, request.passphrase)
    require_ready(ISSUE, folder.authorities(), peers, observed)
    authority = load_authority(disk.read_pair(folder.next), now, may_be_missing=True, passphrase=request.passphrase)
    require_accepted(authority.issuer(), observed, now)


def _outside(folder: RotationFolder, params: dict[str, Any]) -> dict[str, x509.Certificate]:
    """The latest certificates of enrolled peers that are not in the inventory."""
    ours = {*params["peers"], *params["left_out"]}
    return {name: found for name, found in enrolled_peers(folder.current).items() if name not in ours}


TASK = Task(
    argument_spec={
        **FOLDER_SPEC,
        "phase": {"type": "str", "choices": list(PHASES)},
        "peers": {"type": "list", "elements": "str", "required": True},
        "observed": {"type": "dict", "default": {}},
        "left_out": {"type": "list", "elements": "str", "default": []},
        "key_type": {"type": "str", "choices": list(SIZES)},
        "key_size": {"type": "int", "no_log": False},
        "valid_days": {"type": "int", "default": DEFAULT_DAYS},
        "privatekey_passphrase": {"type": "str", "no_log": True},
        "subject": {"type": "dict", "options": {name: {"type": "str"} for name in ATTRIBUTES}},
        **OWN_CA_SPEC,
    },
    run=run,
    requires=("cryptography",),
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
