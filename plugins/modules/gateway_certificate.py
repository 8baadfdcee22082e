#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module gateway_certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_certificate
short_description: Update the certificate and the trusted CAs of a running ClusterLink gateway
version_added: "0.1.0"
description:
  - Writes the Secret with the gateway's peer certificate, makes the control plane read it at once, and waits until the
    gateway reaches all of its peers. Nothing else of the gateway changes, and no pod restarts.
  - Where the user may not patch pods, the control plane reads the Secret within 100 seconds. The module waits for that,
    too.
  - Works for any gateway, whether this collection, ClusterLink's operator or its CLI installed it.
  - Checks the certificate before it is written, because a damaged one stops a control plane.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography >= 42.0.0 (Python package, where the module runs)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.connection
  - skyshift.clusterlink.peer_material
  - skyshift.clusterlink.wait
options:
  peer:
    description: The name by which other peers know this cluster. It is the DNS name in the certificate.
    type: str
    required: true
  namespace:
    description: The gateway's namespace.
    type: str
    default: clusterlink-system
  peers_away:
    description: Peers whose links the module does not wait for, for example because their clusters are unreachable.
    type: list
    elements: str
    default: []
notes:
  - A cluster's clock that is more than 60 s off is a warning with the difference. A certificate that is not valid by
    that clock is an error.
seealso:
  - module: skyshift.clusterlink.gateway
  - module: skyshift.clusterlink.peer_certificate
  - module: skyshift.clusterlink.fabric_ca_rotation
"""

EXAMPLES = r"""
- name: Give a gateway its new certificate
  skyshift.clusterlink.gateway_certificate:
    context: kind-east
    peer: east
    certificate_path: /etc/clusterlink/pki/demo/east/cert.pem
    privatekey_path: /etc/clusterlink/pki/demo/east/key.pem
    ca_path: /etc/clusterlink/pki/demo/cert.pem
"""

RETURN = r"""
certificate:
  description: The gateway's peer certificate.
  returned: success, except in check mode before the certificate exists
  type: dict
  contains:
    subject:
      description: The certificate's subject.
      type: str
      sample: CN=east
    issuer:
      description: Its issuer.
      type: str
      sample: CN=demo,OU=ca-8729fc524766db83
    not_after:
      description: The end of its validity.
      type: str
      sample: '2026-01-31T12:00:00Z'
    fingerprint:
      description: Its SHA-256 fingerprint.
      type: str
      sample: 'b1:5e:2d'
drift:
  description:
    - How the cluster differed from the declaration. A run repairs it; check mode only reports it.
    - A new object counts as missing, and an object whose declaration has changed counts as changed.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: The object's kind.
      type: str
    name:
      description: Its name.
      type: str
    namespace:
      description: Its namespace; empty for a cluster-wide one.
      type: str
    drift:
      description: V(changed), V(missing), or V(extra) for an object of this collection that is no longer declared.
      type: str
    before:
      description: The previous values of the fields that differ; a Secret's as fingerprints.
      type: dict
    after:
      description: Their declared values.
      type: dict
    by:
      description:
        - Who set these fields, by the object's C(managedFields), the latest first, with C(manager), C(operation) and
          C(time).
        - The API server does not record who deleted an object or a field.
      type: list
      elements: dict
    conflict:
      description: Whether another field manager owns these fields. The module takes them over.
      type: bool
  sample:
    - kind: Deployment
      name: cl-dataplane
      namespace: clusterlink-system
      drift: changed
      before: {spec: {replicas: 0}}
      after: {spec: {replicas: 1}}
      by: [{manager: kubectl, operation: Update, time: '2026-01-31T12:00:00Z'}]
      conflict: false
problems:
  description: The problems as data, with the content of C(msg).
  returned: on failure
  type: list
  elements: dict
  sample: [{host: '', where: Peer clusterlink-system/west, what: not ready within 120 s, found: '', fix: ''}]
"""

import time
from datetime import datetime, timezone
from typing import Any

from ..module_utils.clusterlink.api import SYSTEM_NAMESPACE
from ..module_utils.errors import ClusterlinkError
from ..module_utils.gateway.certificate import update_peer_certificate, wait_for_links
from ..module_utils.gateway.loading import wait_until_loaded
from ..module_utils.gateway.options import MATERIAL_CONSTRAINTS, MATERIAL_SPEC, given_certificate
from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.peer_material import material_facts


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Update the certificate and wait for the gateway's links."""
    now = datetime.now(timezone.utc)
    material = given_certificate(params, params["peer"], now, missing_is_fine=mode.check)
    with connect(params) as cluster:
        done = update_peer_certificate(cluster, params["namespace"], params["peer"], material, now, check=mode.check)
        outcome = Outcome(changed=done.result.changed, diff=done.result.diff, warnings=done.warnings)
        outcome.values["certificate"] = material_facts(material)
        outcome.values["drift"] = done.result.as_values()["drift"]
        if params["wait"] and not mode.check:
            started = time.monotonic()
            try:
                wait_until_loaded(cluster, params["namespace"], params["wait_timeout"])
                left, away = params["wait_timeout"] - (time.monotonic() - started), params["peers_away"]
                wait_for_links(cluster, params["namespace"], left, away, changed=done.result.changed)
            except ClusterlinkError as error:
                outcome.fail(error)
    return outcome


TASK = Task(
    argument_spec={
        **CONNECTION_SPEC,
        **MATERIAL_SPEC,
        "peer": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": SYSTEM_NAMESPACE},
        "peers_away": {"type": "list", "elements": "str", "default": []},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 120},
    },
    run=run,
    requires=(*REQUIRES, "cryptography"),
    constraints=MATERIAL_CONSTRAINTS,
)


def main() -> None:
    """Run as a module of its own."""
    run_module(TASK)


if __name__ == "__main__":
    main()
