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
  - Makes a cluster a peer of a fabric. Installs ClusterLink's control plane and data plane, waits until they serve, and
    returns the address at which other peers reach them.
  - The two Deployments are created directly or by ClusterLink's own operator (O(install)). A changed option is changed
    in the cluster, and manual changes to objects of this collection are reverted.
  - With O(install=direct), the pods meet the restricted Pod Security Standard, and a rolling restart keeps serving. The
    control plane may read Secrets, Peers and Leases in its own namespace only. The data plane has no permissions.
  - The module checks everything and makes a dry run before it writes. A wrong option, an unusable certificate, a
    missing permission, a quota that refuses the pods or a gateway of somebody else fails the task, and nothing is
    changed.
  - CustomResourceDefinitions and a namespace that somebody else created are used unchanged.
author:
  - The skyshift.clusterlink contributors (@skyshift)
requirements:
  - cryptography >= 42.0.0 (Python package, where the module runs)
  - Kubernetes 1.25 or newer
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.connection
  - skyshift.clusterlink.peer_material
  - skyshift.clusterlink.pods
  - skyshift.clusterlink.wait
options:
  state:
    description:
      - V(present) installs the gateway or changes it to match the options.
      - V(absent) removes every object that this collection created for it, and nothing else. A namespace with objects
        of others stays.
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
      - A missing namespace is created. It then enforces the restricted Pod Security Standard, or the baseline one with
        O(install=operator).
    type: str
    default: clusterlink-system
  install:
    description:
      - V(direct) creates the two Deployments.
      - V(operator) installs ClusterLink's operator and an Instance, and the operator creates the two Deployments. The
        module still creates their Services, Secrets and permissions, since the operator never updates these and gives
        the control plane more permissions than it needs.
      - The operator has limits. It creates one control plane pod, takes all images from one registry with one tag, sets
        no resources, pull secrets or Pod Security settings, and keeps restarting a control plane whose peer has several
        labels. An option beyond these limits is an error.
      - A gateway can change from one to the other while it serves. A change to V(direct) removes the operator that this
        collection installed, and keeps the old pods until new ones serve, as with O(force_conflicts).
      - O(state=absent) removes the gateway in either case, even when its operator no longer exists.
    type: str
    choices: [direct, operator]
    default: direct
  renew_percent:
    description:
      - The component certificates, by which control plane and data plane authenticate each other, are recreated when
        less than this percentage of their lifetime is left. Their pods are then replaced.
      - Each peer has a fixed threshold of its own, between three quarters of the percentage and the percentage, so that
        the gateways of a fabric do not restart together.
      - With V(0), only expired certificates are recreated. A certificate in the first tenth of its lifetime never is.
      - The peer's own certificate is renewed by M(skyshift.clusterlink.peer_certificate).
    type: int
    default: 33
  version:
    description: The version of ClusterLink, one of those that the collection supports.
    type: str
    default: v0.4.1
  image_registry:
    description: The registry of the images, without a scheme and without a slash at the end.
    type: str
    default: ghcr.io/clusterlink-net
  image_tag:
    description: The tag of the images. The default is O(version).
    type: str
  images:
    description:
      - Full image names by component, each with a tag or a digest, for images pinned by digest or with other names.
      - The default of each is composed of O(image_registry), the image's own name, and O(image_tag).
    type: dict
    suboptions:
      controlplane:
        description: The control plane's image.
        type: str
      dataplane:
        description:
          - The data plane's image, of the implementation that O(dataplane) selects. An image with Envoy must contain
            C(bash) and C(sleep), as ClusterLink's own does.
        type: str
  topology_spread_constraints:
    description:
      - How the pods of each component spread over the cluster, as C(topologySpreadConstraints) of a pod. A constraint
        without C(labelSelector) counts the component's own pods.
      - By default several replicas are spread over the nodes where that is possible. An empty list spreads nothing.
    type: list
    elements: dict
  dataplane:
    description: The data plane's implementation.
    type: str
    choices: [envoy, go]
    default: envoy
  controlplane_replicas:
    description:
      - The number of control plane pods. Several pods are spread over the nodes (O(topology_spread_constraints)), and
        a PodDisruptionBudget lets a drain evict only one of them at a time.
    type: int
    default: 1
  dataplane_replicas:
    description: The number of data plane pods, with the same effect as O(controlplane_replicas).
    type: int
    default: 1
  dataplane_autoscaling:
    description:
      - Creates a HorizontalPodAutoscaler for the data plane, with C(max) pods at most, C(min) at least (default 1), and
        an average use of C(cpu) percent of the requested CPU (default 80). It takes the place of
        O(dataplane_replicas). Without it, an existing one of this collection is removed.
      - The number of pods that an autoscaler sets, also one of somebody else, is neither changed nor a conflict.
      - It needs a request of CPU in O(dataplane_resources), and cannot be combined with O(install=operator), whose
        operator sets the number of pods.
    type: dict
  network_policy:
    description:
      - Creates NetworkPolicies for the gateway's pods, for a namespace that denies by default. Peers reach the data
        plane's port from anywhere, pods of all namespaces reach imports, the data plane reaches the control plane, and
        both connect to anywhere, since other gateways, exported services, DNS and API server may be anywhere.
      - When it is V(false), those that an earlier run created are removed.
      - NetworkPolicies of others that are in the gateway's way are named in a warning.
    type: bool
    default: false
  controlplane_drain_seconds:
    description:
      - For how many seconds, at least 5, a control plane keeps serving after its replacement. The default is V(90) with
        O(install=direct). It cannot be set with O(install=operator), whose pods end at once. With V(0) they end at
        once, too, and requests are lost whenever a pod is replaced.
      - Below Kubernetes 1.30 the pod waits by the command C(sleep) of ClusterLink's image. An image of another name is
        refused there, unless this is V(0).
      - Data planes keep their connection to it, so it must outlast the replacement of all of the gateway's pods. With
        45 seconds, 3 of 4031 requests were lost in a renewal on a busy machine. Until it ends, its requests of CPU and
        memory count on its node.
    type: int
  dataplane_drain_seconds:
    description:
      - For how many seconds, at least 5, a data plane keeps serving after its replacement. The default is V(15) with
        O(install=direct). Connections that last longer are cut. With V(0) it ends at once.
      - With O(dataplane=go), the same holds below Kubernetes 1.30 as for O(controlplane_drain_seconds).
    type: int
  controlplane_resources:
    description:
      - The control plane's resource C(requests) and C(limits), with C(cpu), C(memory) and C(ephemeral-storage).
      - By default it requests C(100m) CPU and C(64Mi) memory, so that connections do not fail on a busy node. An empty
        dictionary requests nothing.
    type: dict
  dataplane_resources:
    description: The data plane's resources, as O(controlplane_resources).
    type: dict
  log_level:
    description: The gateway's log level.
    type: str
    choices: [fatal, error, warn, info, debug]
    default: info
  labels:
    description: The peer's labels, which access policies of the whole fabric can select. Values are strings.
    type: dict
  ingress_type:
    description:
      - How other peers reach the gateway. V(NodePort) opens a port on every node, V(LoadBalancer) uses the cluster's
        load balancer, and V(none) opens nothing, for a cluster that only imports.
      - With V(NodePort), other peers use up to three nodes (RV(addresses)). They are ready, schedulable, and without
        label C(node.kubernetes.io/exclude-from-external-load-balancers), unless there is no such node.
      - With V(LoadBalancer), the module waits until a new load balancer has an address and its name resolves.
    type: str
    choices: [NodePort, LoadBalancer, none]
    default: NodePort
  ingress_port:
    description:
      - With V(NodePort), the port of the nodes, from 30000 to 32767. By default the cluster chooses one.
      - With V(LoadBalancer), the load balancer's port. The default is 443.
      - Ignored with O(ingress_type=none).
    type: int
  ingress_annotations:
    description: Annotations of the ingress Service, for a load balancer's controller. Values are strings.
    type: dict
  ingress_load_balancer_class:
    description:
      - Which load balancer controller serves the ingress Service, as C(loadBalancerClass) of a Service. Requires
        O(ingress_type=LoadBalancer).
      - Kubernetes takes it only when a Service becomes a LoadBalancer. A change of it is an error.
    type: str
  ingress_load_balancer_source_ranges:
    description:
      - The ranges of addresses from which the load balancer accepts connections, as C(loadBalancerSourceRanges) of a
        Service. The other peers' clusters must connect from them. Requires O(ingress_type=LoadBalancer).
    type: list
    elements: str
  ingress_external_traffic_policy:
    description:
      - Whether a node passes connections on to data planes on other nodes (V(Cluster), Kubernetes' default) or to its
        own only (V(Local)), as C(externalTrafficPolicy) of a Service. Requires an ingress.
    type: str
    choices: [Cluster, Local]
  ingress_ip_family_policy:
    description: Whether the ingress Service has addresses of one family or two, as C(ipFamilyPolicy) of a Service.
    type: str
    choices: [SingleStack, PreferDualStack, RequireDualStack]
  ingress_ip_families:
    description:
      - The families of the ingress Service's addresses, as C(ipFamilies) of a Service. The first cannot change later.
      - With O(dataplane=envoy) it must be V(IPv4), since ClusterLink v0.4.1 does not listen on IPv6 there.
    type: list
    elements: str
    choices: [IPv4, IPv6]
  gateway_host:
    description:
      - The host that other peers use, for a gateway behind a proxy or an address translation.
      - The default is the load balancer's address or hostname, or the addresses of nodes, preferably external ones.
      - IPv4 comes before IPv6.
    type: str
  gateway_port:
    description: The port that other peers use. The default is the ingress's own port. Requires O(gateway_host).
    type: int
  force_conflicts:
    description:
      - Whether to take over a gateway that something else made, such as ClusterLink's operator or CLI, and fields that
        another field manager set in objects of this collection.
      - An operator is removed first. The old pods serve until new ones do, and leave their Services before they end, so
        no request is lost. The operator's other objects and its Instance are removed last. It is an error when the
        operator also runs other gateways.
      - Envoy in an old pod drains before it ends when the user may C(create pods/exec) in the gateway's namespace.
        Without this permission, a decision that another gateway requests at that moment is lost.
      - With V(false), such a gateway or field is an error that names its manager.
    type: bool
    default: false
  force:
    description:
      - With O(state=absent), whether to remove the gateway although peers, exports, imports or policies are declared.
        They are lost with the CustomResourceDefinitions.
    type: bool
    default: false
  remove_crds:
    description: With O(state=absent), whether to remove the CustomResourceDefinitions that this collection created.
    type: bool
    default: true
notes:
  - A running control plane reads a new peer certificate. This module makes that happen at once.
  - The component certificates are created by this module and stay in the cluster. They are kept while they are valid,
    belong together, and have enough of their lifetime left (O(renew_percent)). New ones replace the pods of both
    Deployments. With O(wait=false), a warning reports that.
  - What an admission webhook adds to objects is no drift. When it rewrites a value of a Deployment, such as the images'
    registry, it wins, and the run that writes the Deployment warns.
  - A cluster's clock that is more than 60 s off is a warning with the difference. A certificate that is not valid by
    that clock is an error, and nothing is written.
seealso:
  - module: skyshift.clusterlink.gateway_info
  - module: skyshift.clusterlink.peer_certificate
  - module: skyshift.clusterlink.fabric_apply
"""

EXAMPLES = r"""
- name: Install a gateway that other peers reach at a node's address
  skyshift.clusterlink.gateway:
    context: kind-east
    fabric: demo
    peer: east
    certificate_path: pki/demo/east/cert.pem
    privatekey_path: pki/demo/east/key.pem
    ca_path: pki/demo/cert.pem
    labels:
      region: eu

- name: Install two pods of each component behind a load balancer, with images from a mirror
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
    node_selector:
      node-role.kubernetes.io/edge: ""
    tolerations:
      - {key: dedicated, operator: Equal, value: edge, effect: NoSchedule}
    dataplane_resources:
      requests: {cpu: 100m, memory: 128Mi}
      limits: {memory: 512Mi}
    ingress_type: LoadBalancer
    ingress_load_balancer_class: service.k8s.aws/nlb
    ingress_load_balancer_source_ranges: [198.51.100.0/24]
    ingress_annotations:
      service.beta.kubernetes.io/aws-load-balancer-type: nlb

- name: Install a gateway by ClusterLink's operator
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
    - The address at which other peers reach the gateway. Null without ingress, and in check mode while it is unknown.
  returned: O(state=present)
  type: dict
  sample: {host: 203.0.113.7, port: 30443}
addresses:
  description:
    - All addresses at which other peers reach the gateway, RV(address) first; several only for a node port of a cluster
      with several nodes.
  returned: O(state=present)
  type: list
  elements: dict
  sample: [{host: 203.0.113.7, port: 30443}, {host: 203.0.113.8, port: 30443}]
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
  description: The objects that were created, or in check mode would be.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Deployment, name: cl-dataplane, namespace: clusterlink-system}]
updated:
  description: The objects that were changed, or in check mode would be.
  returned: always
  type: list
  elements: dict
  sample: []
deleted:
  description: The objects that were removed, or in check mode would be.
  returned: always
  type: list
  elements: dict
  sample: []
unchanged:
  description: The objects that were up to date.
  returned: always
  type: list
  elements: dict
  sample: [{kind: Service, name: clusterlink, namespace: clusterlink-system}]
reasons:
  description:
    - Why each object was changed, or in check mode would be, and why component certificates were recreated.
  returned: O(state=present)
  type: list
  elements: str
  sample: ["Deployment clusterlink-system/cl-dataplane: spec.replicas differs"]
kept:
  description: The objects that stay in the cluster, and why.
  returned: O(state=absent)
  type: list
  elements: str
  sample: ["Namespace clusterlink-system stays: this collection did not make it, kubectl-create did"]
drift:
  description:
    - How the cluster differed from the declaration. A run repairs it; check mode only reports it.
    - A new object counts as missing, and an object whose declaration has changed counts as changed.
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
      description: Whether another field manager owns these fields, so that a run fails without O(force_conflicts).
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
  description: The problems as data, with the content of RV(ignore:msg).
  returned: on failure
  type: list
  elements: dict
  sample:
    - {host: '', where: Deployment clusterlink-system/cl-dataplane, what: not ready within 120 s, found: '', fix: ''}
"""

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ..module_utils.common.changes import change_reasons
from ..module_utils.common.types import Address
from ..module_utils.errors import ClusterlinkError
from ..module_utils.gateway.install import install_gateway
from ..module_utils.gateway.options import GATEWAY_CONSTRAINTS, GATEWAY_SPEC, gateway_spec, given_certificate
from ..module_utils.gateway.remove import remove_gateway
from ..module_utils.gateway.status import ingress_ref, predicted_addresses, read_addresses
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
        outcome = _outcome(error.done)
        outcome.warnings += error.warnings
        return outcome.fail(error)


def _present(params: dict[str, Any], mode: Mode) -> Outcome:
    now = datetime.now(timezone.utc)
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
        addresses: Sequence[Address] = ()
        failed: ClusterlinkError | None = None
        try:
            if mode.check:
                addresses = predicted_addresses(cluster, spec, done.result)
            elif params["wait"] or done.plan.takeover:
                addresses = done.wait(cluster, params["wait_timeout"])
            else:
                service = done.result.objects[ingress_ref(spec.namespace)]
                addresses = read_addresses(cluster, service, spec.public_host, spec.public_port)
            done.settle(cluster, check=mode.check)
        except ClusterlinkError as error:
            failed = error
    outcome = _outcome(done.result)
    outcome.values["reasons"] = [*done.reasons, *change_reasons(done.result.diff)]
    outcome.warnings = done.warnings
    outcome.values["version"] = spec.version
    outcome.values["images"] = {"controlplane": spec.controlplane.image, "dataplane": spec.dataplane.image}
    outcome.values["addresses"] = [address.as_dict() for address in addresses]
    outcome.values["address"] = next(iter(outcome.values["addresses"]), None)
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
