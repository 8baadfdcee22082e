#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module certificate_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Read the certificates of a ClusterLink fabric
version_added: "0.1.0"
description:
  - Returns the owner, purpose, issuer and validity of certificates. It reads them from files, from text, from the
    Secrets of a cluster's gateway, and from the gateway itself, as it serves them to other peers.
  - A certificate that is missing, not permitted or unreadable is an entry with its fault, and no error of the module.
    Only an unreachable API server is an error.
  - It reads no key files, and never returns keys.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography >= 42.0.0 (Python package, where the module runs)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
  - skyshift.clusterlink.connection
options:
  path:
    description:
      - A fabric's folder, with C(cert.pem) of its CA and C(PEER/cert.pem) of its peers, or a single PEM file.
    type: path
  content:
    description:
      - Certificates as PEM.
    type: str
  cluster:
    description:
      - Whether to read the Secrets of a cluster's gateway.
      - The default is true, unless O(path), O(content) or O(gateway_host) is given.
    type: bool
  namespace:
    description:
      - The gateway's namespace.
    type: str
    default: clusterlink-system
  name:
    description:
      - The peer's name, which the TLS handshake with the gateway requests (SNI).
      - With a cluster, the default is the name in the gateway's certificate.
    type: str
  served:
    description:
      - Whether to read the certificate that the cluster's gateway serves, too. The gateway must be reachable from the
        host on which the module runs.
    type: bool
    default: true
  gateway_host:
    description:
      - The gateway's host. With a cluster, the default is the address of its ingress.
      - Without a cluster, only the certificate that this host serves is read.
    type: str
  gateway_port:
    description:
      - The gateway's port. Needs O(gateway_host). With a cluster, the default is the port of its ingress; without a
        cluster it is required.
    type: int
  timeout:
    description:
      - How many seconds the gateway may take to accept a connection, and again for the TLS handshake.
    type: float
    default: 5
seealso:
  - module: skyshift.clusterlink.peer_certificate
  - module: skyshift.clusterlink.gateway_info
  - plugin: skyshift.clusterlink.certificate_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read a gateway's certificates, stored and served
  skyshift.clusterlink.certificate_info:
    context: kind-east
  register: east

- name: Check that the gateway serves its stored certificate, for at least a month
  ansible.builtin.assert:
    that:
      - peer.served
      - peer.days_left > 30
  vars:
    peer: "{{ east.certificates | selectattr('purpose', 'eq', 'peer') | first }}"

- name: Read the certificates in a fabric's folder
  skyshift.clusterlink.certificate_info:
    path: /etc/clusterlink/pki/demo

- name: Read the certificate that an address serves
  skyshift.clusterlink.certificate_info:
    gateway_host: 203.0.113.7
    gateway_port: 30443
    name: east
"""

RETURN = r"""
certificates:
  description:
    - The certificates. A CA that follows a leaf in its chain is listed only when it is found nowhere else.
    - An entry with a fault has only an owner, a purpose and a place.
  returned: success
  type: list
  elements: dict
  contains:
    owner:
      description: The peer that it belongs to, or that trusts it. The fabric for its own CA. Empty when unknown.
      type: str
      sample: east
    purpose:
      description:
        - Its purpose, V(fabric_ca), V(peer), V(trusted_ca) (by which the gateway authenticates other peers),
          V(site_ca), V(control_plane) or V(data_plane) (by which the gateway's own parts authenticate each other).
      type: str
      sample: peer
    place:
      description: Where it was found, V(file), V(content), V(secret) or V(wire).
      type: str
      sample: secret
    where:
      description: The file, the Secret with its key, or the address.
      type: str
      sample: Secret clusterlink-system/cl-peer cert.pem
    subject:
      description: Its subject.
      type: str
      sample: CN=east
    issuer:
      description: Its issuer.
      type: str
      sample: CN=demo,OU=ca-8729fc524766db83
    issuer_generation:
      description:
        - The generation of the CA that issued it, derived from the CA's key. This collection's CAs have it in their
          subject.
        - Empty when it is unknown.
      type: str
      sample: ca-8729fc524766db83
    dns_names:
      description: Its DNS names.
      type: list
      elements: str
      sample: [east]
    key_type:
      description: The type of its key.
      type: str
      sample: ecdsa
    key_size:
      description: The size of its key in bits.
      type: int
      sample: 256
    serial:
      description: Its serial number in hexadecimal digits.
      type: str
      sample: 5D1F6B3A
    fingerprint:
      description: Its SHA-256 fingerprint.
      type: str
      sample: 'b1:5e:2d'
    not_before:
      description: When its validity starts, in UTC.
      type: str
      sample: '2025-01-31T12:00:00Z'
    not_after:
      description: When its validity ends, in UTC.
      type: str
      sample: '2026-01-31T12:00:00Z'
    valid:
      description: Whether it is valid now, by the clock of the host on which the module runs.
      type: bool
      sample: true
    days_left:
      description: How many days are left until its end. Negative when it has expired.
      type: float
      sample: 201.4
    life_left:
      description: The remaining part of its lifetime, in percent from 0 to 100.
      type: int
      sample: 55
    served:
      description:
        - Whether the gateway serves this peer's certificate; V(false) for one that is only stored.
        - Null when that is unknown, and for all other certificates.
      type: bool
      sample: true
    fault:
      description: Why it cannot be read. Empty when it can.
      type: str
      sample: ''
clock:
  description:
    - By how many seconds the API server's clock is ahead of that of the host on which the module runs; negative when it
      is behind.
    - Null when no cluster was read, or its responses carry no time.
  returned: success
  type: int
  sample: 0
"""

from datetime import datetime, timezone
from typing import Any

from ..module_utils.certificates.cluster import GatewayQuery, gateway_certificates
from ..module_utils.certificates.files import in_content, in_path
from ..module_utils.certificates.found import describe
from ..module_utils.certificates.wire import TIMEOUT, on_wire
from ..module_utils.clusterlink.api import SYSTEM_NAMESPACE
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Read the certificates at all places of the options."""
    host, port, peer = params["gateway_host"] or "", params["gateway_port"], params["name"] or ""
    whole_cluster = params["cluster"]
    if whole_cluster is None:
        whole_cluster = not (params["path"] or params["content"] is not None or host)
    if host and not whole_cluster and port is None:
        raise ClusterlinkError(Problem("gateway_port", "is missing", fix="Give it, or read the cluster too"))
    if params["timeout"] <= 0:
        raise ClusterlinkError(Problem("timeout", "is no time to wait", str(params["timeout"]), "Give seconds above 0"))
    found = in_path(params["path"]) if params["path"] else []
    if params["content"] is not None:
        found += in_content(params["content"])
    clock = None
    if whole_cluster:
        query = GatewayQuery(params["namespace"], peer, params["served"], host, port, params["timeout"])
        with connect(params) as cluster:
            found += gateway_certificates(cluster, query)
            clock = cluster.clock
    elif host:
        found.append(on_wire(host, port, peer, params["timeout"]))
    return Outcome(values={"certificates": describe(found, datetime.now(timezone.utc)), "clock": clock})


TASK = Task(
    argument_spec={
        **CONNECTION_SPEC,
        "path": {"type": "path"},
        "content": {"type": "str"},
        "cluster": {"type": "bool"},
        "namespace": {"type": "str", "default": SYSTEM_NAMESPACE},
        "name": {"type": "str"},
        "served": {"type": "bool", "default": True},
        "gateway_host": {"type": "str"},
        "gateway_port": {"type": "int"},
        "timeout": {"type": "float", "default": TIMEOUT},
    },
    run=run,
    requires=(*REQUIRES, "cryptography"),
    constraints={"required_by": {"gateway_port": ("gateway_host",)}},
)


def main() -> None:
    """Run as a module of its own."""
    run_module(TASK)


if __name__ == "__main__":
    main()
