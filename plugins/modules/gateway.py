#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module gateway."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway
short_description: Install, change or remove the ClusterLink gateway of a cluster
version_added: "0.1.0"
description:
  - Makes a cluster a peer of a fabric. It installs ClusterLink's control plane and data plane with all that they need,
    waits until they serve, and returns the address at which other peers reach them.
  - The two Deployments, their Services, Secrets and rights are made here, or the two Deployments by ClusterLink's own
    operator (O(install)). Whatever changes in the options is changed in the cluster, and what is no longer asked for is
    taken back.
  - The pods meet the restricted Pod Security Standard, and a rolling restart takes no pod away before another one
    serves, unless the operator makes them. The control plane may read Secrets, Peers and Leases in its own namespace
    only, and the data plane has no rights at all.
  - Everything is checked and tried before anything is written, so that a wrong option, a certificate that will not do,
    a missing permission or a gateway that somebody else made stops the task with nothing changed.
  - CustomResourceDefinitions and a namespace that are there already and were made by something else are used as they
    are.
  - What was changed by hand in objects that this collection made is brought back.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography (Python package, where the module runs)
  - Kubernetes 1.30 or newer
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.connection
  - skyshift.clusterlink.wait
options:
  state:
    description:
      - V(present) installs the gateway and keeps it as the options say.
      - V(absent) removes all that this collection made for it, in order, and nothing else. A namespace that holds
        objects of others stays.
    type: str
    choices: [present, absent]
    default: present
  peer:
    description:
      - The name by which other peers know this cluster. It is the DNS name in the certificate.
      - Required with O(state=present).
    type: str
  fabric:
    description: The fabric's name.
    type: str
    default: fabric
  namespace:
    description:
      - The gateway's namespace. A cluster has one gateway. To move it to another namespace, remove it first.
      - It is made when it is not there, and then lets in only pods that meet the restricted Pod Security Standard, or
        the baseline one with O(install=operator).
    type: str
    default: clusterlink-system
  certificate_path:
    description:
      - The file with the peer's certificate as PEM, which may be followed by its CA's.
      - It is checked before it is written. It must be valid now, name O(peer) and nothing else, belong to the key, and
        be signed by a CA that is given.
    type: path
  certificate_content:
    description: The content of that file, for what is kept elsewhere.
    type: str
  privatekey_path:
    description: The file with the certificate's private key as PEM without a passphrase.
    type: path
  privatekey_content:
    description: The content of that file, for what is kept elsewhere.
    type: str
  ca_path:
    description:
      - The file with the certificates of the CAs that the gateway trusts as PEM. It is the fabric's CA, or two of them
        while it is changed.
    type: path
  ca_content:
    description: The content of that file, for what is kept elsewhere.
    type: str
  install:
    description:
      - V(direct) makes the two Deployments here.
      - V(operator) installs ClusterLink's operator and an Instance, from which it makes them. Their Services, Secrets
        and rights are made here all the same, since the operator never changes what is there, and gives the control
        plane more rights than it needs. What of the Deployments was changed by hand is brought back, too.
      - The operator cannot do everything. It makes one control plane pod, takes all images from one registry with one
        tag, sets no resources, pull secrets or Pod Security settings, and restarts the control plane again and again
        where a peer has several labels. Whatever it cannot do is an error before anything is written.
      - A gateway goes from one to the other while it serves. Back to V(direct), pods that serve stay until new ones
        do, as with O(force_conflicts), and what was installed of the operator is removed.
      - With O(state=absent) the gateway is removed however it was installed, also where its operator is gone already.
    type: str
    choices: [direct, operator]
    default: direct
  renew_percent:
    description:
      - The certificates by which control plane and data plane know each other are recreated, and their pods replaced,
        when less than this percentage of their whole life is left.
      - Every peer has a threshold of its own, from three quarters of the percentage up to the whole of it and always
        the same, so that the gateways of a fabric are not restarted all at once, and none earlier than asked.
      - With V(0) only what has expired is recreated. A certificate in the first tenth of its life never is.
      - The peer's own certificate is renewed by M(skyshift.clusterlink.peer_certificate).
    type: int
    default: 33
  version:
    description: The version of ClusterLink, one of those that the collection supports.
    type: str
    default: v0.4.1
  image_registry:
    description: Where images come from, without a scheme and without a slash at the end.
    type: str
    default: ghcr.io/clusterlink-net
  image_tag:
    description: The tag of the images. It is the version unless it is given.
    type: str
  images:
    description:
      - Whole names of images, each with a tag or a digest, for those that are pinned by digest or named otherwise.
      - An image that is not given here is composed of O(image_registry), its own name, and O(image_tag).
    type: dict
    suboptions:
      controlplane:
        description: The control plane's image.
        type: str
      dataplane:
        description:
          - The data plane's image, which must be of the kind that O(dataplane) says. One with Envoy must have C(bash)
            and C(sleep), as ClusterLink's own has.
        type: str
  image_pull_secrets:
    description: Names of Secrets in the gateway's namespace with a registry's credentials.
    type: list
    elements: str
    default: []
  dataplane:
    description: The kind of data plane.
    type: str
    choices: [envoy, go]
    default: envoy
  controlplane_replicas:
    description:
      - How many pods the control plane has. With more than one they are spread over the nodes, and a
        PodDisruptionBudget lets only one at a time be taken away by who drains nodes.
    type: int
    default: 1
  dataplane_replicas:
    description: The same for the data plane.
    type: int
    default: 1
  controlplane_drain_seconds:
    description:
      - How long, in seconds from 5, a control plane keeps serving when it is replaced. V(90) by default with
        O(install=direct); an operator's pods end at once, so it cannot be chosen there.
      - Data planes keep their connection to it, so it must outlast the replacement of all of the gateway's pods. With
        45 seconds, 3 of 4031 requests were lost in a renewal on a busy machine. Until it ends, its requests of CPU and
        memory count on its node.
    type: int
  dataplane_drain_seconds:
    description:
      - How long, in seconds from 5, a data plane keeps serving when it is replaced. V(15) by default with
        O(install=direct). Connections that a client keeps for longer are cut.
    type: int
  controlplane_resources:
    description:
      - What the control plane's container requests and is limited to, as C(requests) and C(limits) with C(cpu),
        C(memory) and C(ephemeral-storage).
      - When it is not given, C(100m) and C(64Mi) are requested, so that a busy node does not make connections fail; an
        empty one requests nothing.
    type: dict
  dataplane_resources:
    description: The same for the data plane.
    type: dict
  log_level:
    description: How much the gateway logs.
    type: str
    choices: [fatal, error, warn, info, debug]
    default: info
  labels:
    description: The peer's labels, on which access policies of the whole fabric can select. Values are strings.
    type: dict
  ingress_type:
    description:
      - How other peers come in. V(NodePort) opens a port on every node, V(LoadBalancer) asks the cluster's load
        balancer, and V(none) opens nothing, for a cluster that only imports.
    type: str
    choices: [NodePort, LoadBalancer, none]
    default: NodePort
  ingress_port:
    description:
      - With V(NodePort) the port on the nodes, from 30000 to 32767. The cluster chooses one unless it is given.
      - With V(LoadBalancer) the load balancer's port, 443 unless it is given.
      - Without meaning where O(ingress_type=none).
    type: int
  ingress_annotations:
    description: Annotations of the ingress Service, for a load balancer's controller. Values are strings.
    type: dict
  gateway_host:
    description:
      - The host that other peers shall use, used as it is, for a gateway behind a proxy or an address translation.
      - Unless it is given it is the load balancer's address or hostname, or the address of a node that is ready, an
        external one where there is one.
    type: str
  gateway_port:
    description: The port that other peers shall use, the ingress's own unless it is given. Needs O(gateway_host).
    type: int
  force_conflicts:
    description:
      - Whether a gateway that something else made, such as ClusterLink's operator or CLI, is taken over, and fields
        that another field manager set in objects that this collection made.
      - An operator is removed first. The pods that serve stay until new ones do, and leave their Services before they
        end, so that requests go on. What the operator had besides is removed last, with the Instance that it made the
        gateway for. An operator that keeps other gateways, too, is an error.
      - Envoy in such a pod is told that it will end, where the user may C(create pods/exec) in the gateway's namespace.
        Where not, a decision that other gateways ask it for in that moment is lost.
      - With V(false) these are an error that names what made them, or the manager and the fields.
    type: bool
    default: false
  force:
    description:
      - With O(state=absent), whether to go on although peers, exports, imports or policies are still declared. Those
        are lost where the CustomResourceDefinitions are removed, too.
    type: bool
    default: false
  remove_crds:
    description: With O(state=absent), whether to remove the CustomResourceDefinitions that this collection made.
    type: bool
    default: true
notes:
  - A control plane reads a new peer certificate while it runs. This module makes that happen at once.
  - The certificates by which control plane and data plane know each other are made here and stay in the cluster. They
    are kept as long as they are valid, belong together, and have enough of their life left (O(renew_percent)). New
    ones replace the pods of both Deployments, which a warning says.
  - In check mode, certificate files that are missing count as made by an earlier task.
  - A cluster whose clock is more than 60 s off is a warning that says by how much. Where a certificate is out of its
    time by that clock, it is an error, and nothing is written.
seealso:
  - module: skyshift.clusterlink.gateway_info
  - module: skyshift.clusterlink.peer_certificate
  - module: skyshift.clusterlink.fabric_apply
"""

EXAMPLES = r"""
- name: A gateway that is reached at a node's address
  skyshift.clusterlink.gateway:
    context: kind-east
    fabric: demo
    peer: east
    certificate_path: pki/demo/east/cert.pem
    privatekey_path: pki/demo/east/key.pem
    ca_path: pki/demo/cert.pem
    labels:
      region: eu

- name: Two pods each behind a load balancer, with images from a mirror
  skyshift.clusterlink.gateway:
    context: east
    fabric: demo
    peer: east
    certificate_content: "{{ stored_certificate }}"
    privatekey_content: "{{ stored_privatekey }}"
    ca_content: "{{ stored_ca }}"
    image_registry: registry.example.com/clusterlink
    controlplane_replicas: 2
    dataplane_replicas: 2
    dataplane_resources:
      requests: {cpu: 100m, memory: 128Mi}
      limits: {memory: 512Mi}
    ingress_type: LoadBalancer
    ingress_annotations:
      service.beta.kubernetes.io/aws-load-balancer-type: nlb

- name: A gateway that ClusterLink's operator makes
  skyshift.clusterlink.gateway:
    context: kind-west
    fabric: demo
    peer: west
    certificate_path: pki/demo/west/cert.pem
    privatekey_path: pki/demo/west/key.pem
    ca_path: pki/demo/cert.pem
    install: operator

- name: Remove the gateway
  skyshift.clusterlink.gateway:
    context: kind-east
    state: absent
"""

RETURN = r"""
address:
  description:
    - Where other peers reach the gateway. Null without ingress, and in check mode where it is not known beforehand.
  returned: O(state=present)
  type: dict
  sample: {host: 203.0.113.7, port: 30443}
version:
  description: The version of ClusterLink.
  returned: O(state=present)
  type: str
  sample: v0.4.1
images:
  description: The images that the gateway runs.
  returned: O(state=present)
  type: dict
  sample:
    controlplane: ghcr.io/clusterlink-net/cl-controlplane:v0.4.1
    dataplane: ghcr.io/clusterlink-net/cl-dataplane:v0.4.1
created:
  description: Objects that were, or in check mode would be, made.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Deployment, name: cl-dataplane, namespace: clusterlink-system}]
updated:
  description: Objects that were, or in check mode would be, changed.
  returned: always
  type: list
  elements: dict
  sample: []
deleted:
  description: Objects that were, or in check mode would be, removed.
  returned: always
  type: list
  elements: dict
  sample: []
unchanged:
  description: Objects that are as they should be.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Service, name: clusterlink, namespace: clusterlink-system}]
reasons:
  description:
    - Why something was, or in check mode would be, changed, for each object, and why component certificates were
      recreated.
  returned: O(state=present)
  type: list
  elements: str
  sample: ["Deployment clusterlink-system/cl-dataplane: spec.replicas differs"]
kept:
  description: What stays in the cluster, and why.
  returned: O(state=absent)
  type: list
  elements: str
  sample: ["Namespace clusterlink-system stays: this collection did not make it, kubectl-create did"]
drift:
  description:
    - What was found otherwise than declared. A run repairs it, check mode only says it.
    - An object that was never made counts as missing, and one whose declaration has changed since as changed.
  returned: always
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
      description: V(changed), V(missing), or V(extra) for one of this collection's that is no longer declared.
      type: str
    before:
      description: The fields that differ, as they were; a Secret's as fingerprints.
      type: dict
    after:
      description: The same as declared.
      type: dict
    by:
      description:
        - Who set them, from the object's C(managedFields), the latest first, with C(manager), C(operation) and C(time).
        - The API server does not record who deleted an object or took a field out.
      type: list
      elements: dict
    conflict:
      description: Whether another system holds them, so that a run fails and names it unless told to take them over.
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
  description: What went wrong, as data. RV(ignore:msg) says the same as text.
  returned: on failure
  type: list
  elements: dict
  sample:
    - {host: '', where: Deployment clusterlink-system/cl-dataplane, what: not ready within 120 s, found: '', fix: ''}
"""

from datetime import UTC, datetime
from typing import Any

from ..module_utils.common.changes import change_reasons
from ..module_utils.errors import ClusterlinkError
from ..module_utils.gateway.install import install_gateway
from ..module_utils.gateway.options import GATEWAY_CONSTRAINTS, GATEWAY_SPEC, gateway_spec, given_certificate
from ..module_utils.gateway.remove import remove_gateway
from ..module_utils.gateway.spec import Address
from ..module_utils.gateway.status import ingress_ref, predicted_address, read_address
from ..module_utils.kube.apply import ApplyResult, PartlyDoneError
from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.module import run_module
from ..module_utils.outcome import Mode, Outcome, Task
from ..module_utils.pki.renewal import require_percent


def run(params: dict[str, Any], mode: Mode) -> Outcome:
    """Install or remove the gateway."""
    try:
        return _present(params, mode) if params["state"] == "present" else _absent(params, mode)
    except PartlyDoneError as error:
        return _outcome(error.done).fail(error)


def _present(params: dict[str, Any], mode: Mode) -> Outcome:
    now = datetime.now(UTC)
    spec = gateway_spec(params)
    percent = require_percent(params["renew_percent"], "renew_percent")
    peer = given_certificate(params, spec.peer, now, missing_is_fine=mode.check)
    with connect(params) as cluster:
        done = install_gateway(
            cluster,
            spec,
            peer,
            now,
            check=mode.check,
            take_over=params["force_conflicts"],
            renew_percent=percent,
            step_timeout=params["wait_timeout"] if params["wait"] else 0,
        )
        address: Address | None = None
        failed: ClusterlinkError | None = None
        try:
            if mode.check:
                address = predicted_address(cluster, spec, done.result)
            elif params["wait"] or done.plan.takeover:
                address = done.wait(cluster, params["wait_timeout"])
            else:
                service = done.result.objects[ingress_ref(spec.namespace)]
                address = read_address(cluster, service, spec.public_host, spec.public_port)
            done.settle(cluster, check=mode.check)
        except ClusterlinkError as error:
            failed = error
    outcome = _outcome(done.result)
    outcome.values["reasons"] = [*done.reasons, *change_reasons(done.result.diff)]
    outcome.warnings = done.warnings
    outcome.values["version"] = spec.version
    outcome.values["images"] = {"controlplane": spec.controlplane.image, "dataplane": spec.dataplane.image}
    outcome.values["address"] = address.as_dict() if address else None
    return outcome.fail(failed) if failed else outcome


def _absent(params: dict[str, Any], mode: Mode) -> Outcome:
    with connect(params) as cluster:
        removal = remove_gateway(
            cluster,
            params["namespace"],
            check=mode.check,
            force=params["force"],
            remove_crds=params["remove_crds"],
            wait=params["wait"],
            timeout=params["wait_timeout"],
        )
    outcome = _outcome(removal.result)
    outcome.values["kept"] = removal.kept
    return outcome.fail(removal.error) if removal.error else outcome


def _outcome(result: ApplyResult) -> Outcome:
    return Outcome(changed=result.changed, values=result.as_values(), diff=result.diff)


TASK = Task(
    argument_spec={**CONNECTION_SPEC, **GATEWAY_SPEC},
    run=run,
    requires=(*REQUIRES, "cryptography"),
    constraints=GATEWAY_CONSTRAINTS,
)


def main() -> None:
    """Run as a module of its own."""
    run_module(TASK)


if __name__ == "__main__":
    main()
