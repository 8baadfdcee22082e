#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module gateway_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_info
short_description: Get the state of a cluster's ClusterLink gateway
version_added: "0.1.0"
description:
  - Returns whether a cluster has a gateway, whether it is ready, its address for other peers, its certificate, and the
    options that it runs with.
  - A cluster without a gateway is no error. It does not matter who installed the gateway.
  - Returns no secrets.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography >= 42.0.0 (Python package, where the module runs)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes.info
  - skyshift.clusterlink.connection
options:
  namespace:
    description: The gateway's namespace.
    type: str
    default: clusterlink-system
  gateway_host:
    description: The host that other peers use, if the gateway was installed with one.
    type: str
  gateway_port:
    description: The port that other peers use, if the gateway was installed with one. Requires O(gateway_host).
    type: int
seealso:
  - module: skyshift.clusterlink.gateway
  - module: skyshift.clusterlink.fabric_info
"""

EXAMPLES = r"""
- name: Get the gateway's state
  skyshift.clusterlink.gateway_info:
    context: kind-east
  register: gateway

- name: Require that it is ready
  ansible.builtin.assert:
    that: gateway.installed and gateway.ready
"""

RETURN = r"""
installed:
  description: Whether a control plane and a data plane are installed.
  returned: always
  type: bool
  sample: true
ready:
  description: Whether all of their pods are up to date and available.
  returned: always
  type: bool
  sample: true
managed_by:
  description: Who manages the gateway, V(skyshift.clusterlink) or other field managers. Empty without a gateway.
  returned: always
  type: str
  sample: skyshift.clusterlink
installed_by:
  description:
    - What installed the gateway. V(direct) is this collection, V(operator) ClusterLink's operator by anybody's
      Instance (RV(managed_by)), and V(other) something else. Empty without a gateway.
  returned: always
  type: str
  sample: direct
version:
  description: The version of ClusterLink. Empty when it is unknown.
  returned: always
  type: str
  sample: v0.4.1
peer:
  description: The peer's name in its certificate. Empty without a certificate.
  returned: always
  type: str
  sample: east
address:
  description: The address at which other peers reach the gateway. Null when it has none.
  returned: always
  type: dict
  sample: {host: 203.0.113.7, port: 30443}
addresses:
  description: All its addresses, RV(address) first. Several only for a node port of a cluster with several nodes.
  returned: always
  type: list
  elements: dict
  sample: [{host: 203.0.113.7, port: 30443}]
ingress_type:
  description: The type of the ingress Service, V(ClusterIP) without ingress. Empty when there is no Service.
  returned: always
  type: str
  sample: NodePort
controlplane:
  description: The control plane.
  returned: always
  type: dict
  contains:
    image:
      description: Its image. Empty when it does not exist, as are the other values.
      type: str
      sample: ghcr.io/clusterlink-net/cl-controlplane:v0.4.1
    replicas:
      description: The desired number of pods.
      type: int
      sample: 1
    ready_replicas:
      description: The number of ready pods.
      type: int
      sample: 1
    conditions:
      description: The Deployment's conditions, each with type, status, reason and message.
      type: list
      elements: dict
      sample: [{type: Available, status: 'True', reason: MinimumReplicasAvailable, message: Deployment is available.}]
dataplane:
  description: The data plane, with the same contents as RV(controlplane).
  returned: always
  type: dict
  sample: {image: 'ghcr.io/clusterlink-net/cl-dataplane:v0.4.1', replicas: 1, ready_replicas: 1, conditions: []}
certificate:
  description: The gateway's peer certificate. Null when there is none, or it is unreadable.
  returned: always
  type: dict
  contains:
    subject:
      description: Its subject.
      type: str
      sample: CN=east
    issuer:
      description: Its issuer.
      type: str
      sample: CN=demo,OU=ca-8729fc524766db83
    dns_names:
      description: Its DNS names.
      type: list
      elements: str
      sample: [east]
    not_before:
      description: The start of its validity.
      type: str
      sample: '2025-01-31T12:00:00Z'
    not_after:
      description: The end of its validity.
      type: str
      sample: '2026-01-31T12:00:00Z'
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
trusted:
  description: The CAs that the gateway trusts, each with the same contents as RV(certificate).
  returned: always
  type: list
  elements: dict
  sample: [{subject: 'CN=demo,OU=ca-8729fc524766db83', not_after: '2035-01-31T12:00:00Z'}]
fault:
  description: Why the certificate is unreadable. Empty when it is readable, or when there is none.
  returned: always
  type: str
  sample: ''
loading_seconds:
  description:
    - How many seconds the control plane's pods may still use what the gateway's Secret held before RV(certificate) and
      RV(trusted). V(0) when every pod uses these.
  returned: always
  type: int
  sample: 0
clock:
  description:
    - By how many seconds the API server's clock is ahead of that of the host on which the module runs; negative when it
      is behind. Null when it is unknown.
  returned: always
  type: int
  sample: 0
options:
  description:
    - The options of M(skyshift.clusterlink.gateway) that make the gateway as it runs, with full image names. While a
      change is in progress, they are those of the pods that serve.
    - A failed upgrade is rolled back to them. Null without a gateway or without its ingress Service.
  returned: always
  type: dict
  sample:
    install: direct
    version: v0.4.1
    images:
      controlplane: ghcr.io/clusterlink-net/cl-controlplane:v0.4.1
      dataplane: ghcr.io/clusterlink-net/cl-dataplane:v0.4.1
    image_pull_secrets: []
    image_pull_policy: IfNotPresent
    user_ids: fixed
    node_selector: {kubernetes.io/os: linux}
    tolerations: []
    affinity: {}
    topology_spread_constraints: null
    priority_class_name: null
    pod_labels: {}
    pod_annotations: {}
    dataplane: envoy
    controlplane_replicas: 1
    dataplane_replicas: 2
    dataplane_autoscaling: null
    controlplane_drain_seconds: 90
    dataplane_drain_seconds: 15
    controlplane_resources: {}
    dataplane_resources: {requests: {cpu: 100m}}
    log_level: info
    labels: {region: eu}
    ingress_type: NodePort
    ingress_port: 30443
    ingress_annotations: {}
    ingress_load_balancer_class: null
    ingress_load_balancer_source_ranges: null
    ingress_external_traffic_policy: null
    ingress_ip_family_policy: null
    ingress_ip_families: null
"""

from typing import Any

from ..module_utils.clusterlink.api import SYSTEM_NAMESPACE
from ..module_utils.gateway.info import gateway_state
from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task


def run(params: dict[str, Any], _mode: Mode) -> Outcome:
    """Read the gateway's state."""
    with connect(params) as cluster:
        host, port = params["gateway_host"] or "", params["gateway_port"]
        return Outcome(values=gateway_state(cluster, params["namespace"], host, port))


TASK = Task(
    argument_spec={
        **CONNECTION_SPEC,
        "namespace": {"type": "str", "default": SYSTEM_NAMESPACE},
        "gateway_host": {"type": "str"},
        "gateway_port": {"type": "int"},
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
