# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that create pods."""

from __future__ import annotations


class ModuleDocFragment:
    """Where pods run, and what a cluster's admission requires of them."""

    DOCUMENTATION = r"""
options:
  node_selector:
    description: Labels of the nodes on which the pods may run, as C(nodeSelector) of a pod. Values are strings.
    type: dict
  tolerations:
    description: Taints of nodes that the pods tolerate, as C(tolerations) of a pod.
    type: list
    elements: dict
  affinity:
    description: The pods' affinity to nodes and to other pods, as C(affinity) of a pod.
    type: dict
  priority_class_name:
    description: The pods' PriorityClass, as C(priorityClassName) of a pod. It must exist.
    type: str
  pod_labels:
    description:
      - Further labels of the pods. Values are strings.
      - Pods tell the injectors of Istio and Kuma to stay out (C(sidecar.istio.io/inject), C(istio.io/dataplane-mode),
        C(kuma.io/sidecar-injection)). A value that is given here for such a key counts more.
    type: dict
  pod_annotations:
    description:
      - Further annotations of the pods. Values are strings.
      - Pods tell the injectors of Linkerd and Consul to stay out (C(linkerd.io/inject),
        C(consul.hashicorp.com/connect-inject)). A value that is given here for such a key counts more.
    type: dict
  image_pull_policy:
    description: When nodes pull the images.
    type: str
    choices: [Always, IfNotPresent, Never]
    default: IfNotPresent
  image_pull_secrets:
    description: Names of Secrets in the pods' namespace with registry credentials.
    type: list
    elements: str
    default: []
  user_ids:
    description:
      - Who chooses the pods' user and group ids.
      - V(fixed) runs them as 65532. V(platform) sets none, so that the cluster's platform assigns them; without one,
        images that run as root do not start. V(auto) is V(platform) in clusters that serve the API group
        C(security.openshift.io), and otherwise V(fixed).
    type: str
    choices: [auto, fixed, platform]
    default: auto
"""
