#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module peer_eviction."""

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_eviction
short_description: Record that a peer is evicted from a ClusterLink fabric
version_added: "0.1.0"
description:
  - Records the public keys of a peer as evicted, in C(FABRIC/evicted.json) below O(path). The keys are those in the
    peer's folder and, for another organisation's peer, those of its signed requests.
  - From then on M(skyshift.clusterlink.enrolment_response) and M(skyshift.clusterlink.peer_certificate) refuse these
    keys, and a rotation of the CA does not wait for the peer.
  - The peer's certificate stays valid until the CAs in RV(pending) are replaced. Playbook C(evict_peer.yml) does both.
  - The peer's name is free afterwards, for another key.
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
      - The peer's name. A name without a key on record is an error.
    type: str
    required: true
seealso:
  - module: skyshift.clusterlink.peer_certificate
  - module: skyshift.clusterlink.fabric_ca_rotation
"""

EXAMPLES = r"""
- name: Evict lyon
  skyshift.clusterlink.peer_eviction:
    path: /etc/clusterlink/pki
    fabric: production
    name: lyon
"""

RETURN = r"""
name:
  description: The peer's name.
  returned: success
  type: str
  sample: lyon
fingerprints:
  description: The SHA-256 fingerprints of the peer's evicted public keys.
  returned: success
  type: list
  elements: str
  sample: ["4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c:9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0"]
pending:
  description:
    - The SHA-256 fingerprints of the CAs that must still be replaced, because they may have signed a certificate for an
      evicted key. Empty when all evictions are complete.
  returned: success
  type: list
  elements: str
  sample: ["9a:0e:1d:2c:3b:4a:59:68:77:86:95:a4:b3:c2:d1:e0:4b:2f:0c:5d:6a:0f:f2:4e:3c:9d:4f:8e:a3:3b:7f:5c"]
"""

from datetime import datetime, timezone
from typing import Any

from ..module_utils.enrolment.evict_peer import evict_peer
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.options import FOLDER_SPEC
from ..module_utils.pki.subject import require_fabric, require_peer
from ..module_utils.pki_files.disk import fabric_folder


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Record the eviction."""
    folder = fabric_folder(params["path"], require_fabric(params["fabric"], "fabric"))
    result = evict_peer(folder, require_peer(params["name"], "name"), datetime.now(timezone.utc), check=mode.check)
    return Outcome(result.changed, result.values(), result.diff())


TASK = Task(
    argument_spec={
        **FOLDER_SPEC,
        "name": {"type": "str", "required": True},
    },
    run=run,
    requires=("cryptography",),
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
