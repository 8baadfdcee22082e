# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration as an option. C(python -m tests.support.schema) writes this file from the roles' argument_specs."""

from __future__ import annotations


class ModuleDocFragment:
    """The declaration as plain data."""

    # The argument_spec has no suboptions: the module checks the entries and reports all their problems at once.
    DOCUMENTATION = r"""
options:
  declaration:
    description:
    - The declaration as data, instead of the inventory's variables. Keys are their names without C(clusterlink_).
    - All problems of the entries are reported together. A number may be digits in a string.
    type: dict
    suboptions:
      fabric:
        description: The fabric's name.
        type: str
        default: fabric
      group:
        description: The inventory group whose hosts are the fabric's peers. Set it in the inventory or
          with C(-e).
        type: str
        default: clusters
      link_mode:
        description:
        - Which clusters are linked. With C(on_demand), those that imports need and those of O(declaration.links).
          With C(mesh), all of them.
        - With C(explicit), only those of O(declaration.links). An import that needs another link is then
          an error.
        type: str
        choices: [on_demand, mesh, explicit]
        default: on_demand
      links:
        description:
        - Links to declare in addition to those that services need. Each connects every source to every
          target.
        type: list
        elements: dict
        suboptions:
          name:
            description: The link's name, if the entry declares a single link.
            type: str
          source:
            description: Clusters at one end.
            type: raw
            required: true
          target:
            description: Clusters at the other end.
            type: raw
            required: true
      services:
        description: Services, with the clusters that export and import them and the clients that may
          use them.
        type: list
        elements: dict
        suboptions:
          name:
            description: The name of the Service, or of the StatefulSet with O(declaration.services[].per_pod).
            type: str
            required: true
          namespace: &shared011
            description: The namespace.
            type: str
            default: default
          port: &shared012
            description: The Service's port.
            type: int
            required: true
          exported_by:
            description: Clusters that export the Service.
            type: raw
            required: true
          imported_by:
            description:
            - Clusters that import it. One that exports it, too, needs O(declaration.services[].merge)
              or another name (O(declaration.services[].import_as)), under which it is one of the sources
              itself.
            type: raw
          host:
            description:
            - A host to export instead of the Service. A further port of a Service is an entry with another
              name, and with that Service as its host, for example C(web.default.svc.cluster.local).
            type: str
          import_as:
            description: The name, namespace and port of the imports. By default they are those of the
              Service.
            type: dict
            suboptions:
              name:
                description: The imports' name.
                type: str
              namespace:
                description: The imports' namespace.
                type: str
              port:
                description: The imports' port.
                type: int
          lb_scheme: &shared002
            description:
            - How an import selects one of its sources. With C(static), it takes the first one that responds,
              in the order of the declaration.
            type: str
            choices: [round-robin, random, static]
            default: round-robin
          merge:
            description:
            - Importing clusters that have a Service of that name, to which the other clusters' pods are
              added. C(true) means all importing clusters.
            type: raw
            default: false
          labels: &shared013
            description: Labels of exports and imports, which policies can select.
            type: dict
          allow:
            description:
            - Clients that may use the Service. Each entry becomes part of a policy in the namespace of
              the import and of the export. Without entries no client may.
            type: list
            elements: dict
            suboptions: &shared001
              from:
                description:
                - Labels of the client's pod, or a client as in O(declaration.policies[].from). C({})
                  is every client.
                - Only pods of clusters that import the Service match, unless the entry names C(peers).
                type: dict
                required: true
          per_pod:
            description:
            - Whether to export each pod of the StatefulSet under its own stable name, from one exporting
              cluster. It gets a Service for each pod.
            - C(by_peer) adds the exporting cluster to the name of each import, for example C(web-0-east),
              so that several clusters can export.
            type: raw
            choices: [false, true, by_peer]
            default: false
          pods:
            description:
            - The number of pods, with O(declaration.services[].per_pod). By default it is read from the
              cluster.
            type: int
          target_port:
            description: The pods' port or its name, with O(declaration.services[].per_pod). By default
              it is the port.
            type: raw
          relay:
            description:
            - Whether the exporting clusters export again what they import under this name, for clusters
              that have no way to the service's own cluster. That import's own O(declaration.services[].allow)
              need not name the relay.
            - The service's own cluster sees the relay as the client, and not the pod that calls the relay.
            type: bool
            default: false
          probe: &shared003
            description: How the role C(skyshift.clusterlink.verify) tests the imports.
            type: dict
            suboptions:
              scheme:
                description:
                - The protocol. With C(auto), HTTP is asked where it is spoken, and elsewhere a connection
                  is enough. C(tcp) only opens a connection.
                - The default is C(http) with C(path) or C(contains), and C(tcp) in shared namespaces.
                type: str
                choices: [auto, http, https, tcp]
                default: auto
              path:
                description: The path of the request.
                type: str
                default: /
              contains:
                description: A text that the response contains.
                type: str
      shared_namespaces:
        description:
        - Namespaces that clusters share. Each of their Services is exported from the clusters that have
          it, imported by the others, and merged where several have it.
        - A Service without a selector or a TCP port is not shared, nor is a headless one, an C(ExternalName),
          or one that is declared elsewhere. Of several TCP ports the first is shared. A Service whose
          port has a name is exported, but not merged, since ClusterLink's endpoints have no port names.
        - An exporting cluster into whose Service others are merged gets a second Service, for example
          C(clusterlink-web), with its own pods only.
        type: list
        elements: dict
        suboptions:
          name:
            description: The namespace, which has the same name in every cluster.
            type: str
            required: true
          clusters:
            description: Two or more clusters.
            type: raw
            required: true
          selector:
            description: A Kubernetes label selector for the Services to share. By default all are shared.
            type: dict
            suboptions: &shared004
              matchLabels:
                description: Labels and their values.
                type: dict
              matchExpressions:
                description: Requirements on labels.
                type: list
                elements: dict
                suboptions:
                  key:
                    description: The label's key.
                    type: str
                    required: true
                  operator:
                    description: The requirement.
                    type: str
                    choices: [In, NotIn, Exists, DoesNotExist]
                    required: true
                  values:
                    description: The label's values, for C(In) and C(NotIn).
                    type: list
                    elements: str
          allow:
            description: Clients that may use the Services. By default all pods of the namespace in these
              clusters may.
            type: list
            elements: dict
            suboptions: *shared001
          lb_scheme: *shared002
          probe: *shared003
      policies:
        description: Access policies of several clusters.
        type: list
        elements: dict
        suboptions:
          name: &shared014
            description: The policy's name.
            type: str
            required: true
          tier: &shared015
            description: A C(privileged) policy applies to the whole cluster, and decides before those
              of namespaces.
            type: str
            choices: [privileged, namespaced]
            default: namespaced
          namespace: &shared016
            description: The namespace of a C(namespaced) policy, which requires it.
            type: str
          action: &shared017
            description: What the policy does with the connections that it matches.
            type: str
            choices: [allow, deny]
            default: allow
          from: &shared018
            description:
            - Clients. A client matches if all values of an entry match. A list matches if one of its
              items does. C({}) is every client.
            type: list
            elements: dict
            required: true
            suboptions:
              peers: &shared005
                description: Clusters of the client, or of the export.
                type: raw
              peer_labels: &shared006
                description: Labels of these clusters, and their values.
                type: dict
              workloadSelector: &shared007
                description: A Kubernetes label selector over ClusterLink's attributes, instead of all
                  other keys.
                type: dict
                suboptions: *shared004
              labels: &shared008
                description:
                - Labels and their values. A key with a C(/) is an error, since ClusterLink drops the
                  policy.
                type: dict
              namespace:
                description: The client's namespaces.
                type: raw
              service_account:
                description: The client's service accounts.
                type: raw
          to: &shared019
            description: Services. C({}) is every service.
            type: list
            elements: dict
            required: true
            suboptions:
              peers: *shared005
              peer_labels: *shared006
              workloadSelector: *shared007
              service:
                description: Names of exports.
                type: raw
              namespace:
                description: Namespaces of exports.
                type: raw
              labels: *shared008
          clusters:
            description: Clusters that get the policy. By default those where it can apply.
            type: raw
      groups:
        description: The hosts of each group, by the group's name.
        type: dict
      peers:
        description: The clusters of the fabric.
        type: dict
        required: true
        suboptions:
          HOST:
            description: The variables of the host of that name.
            type: dict
            suboptions:
              peer_name:
                description:
                - The cluster's name in the fabric, wherever the peer is named. It is the DNS name in
                  its certificate, and a DNS label. By default it is the host's name.
                - Set it in the inventory for a host whose name is no DNS label. The declaration may call
                  the cluster by either name.
                - The peer name of a running gateway is not changed. A run refuses that, as it refuses
                  the gateway of another peer.
                type: str
              namespace:
                description: The gateway's namespace.
                type: str
                default: clusterlink-system
              cluster_domain:
                description:
                - The domain of the cluster's Services in its DNS, which kubeadm calls C(dnsDomain).
                - ClusterLink knows only C(cluster.local). In a cluster with another domain, exports get
                  the Service's whole name as their host; imports work in the gateway's namespace and
                  with C(merge), and others are refused.
                type: str
                default: cluster.local
              labels:
                description: The peer's labels, which access policies can select.
                type: dict
              install:
                description:
                - Who installs the gateway. With C(direct), the collection does.
                - With C(operator), it installs ClusterLink's operator, which creates the gateway's Deployments.
                - With C(external), another tool does, for example ClusterLink's operator or CLI. The
                  collection then updates only the gateway's certificate and trusted CAs.
                type: str
                choices: [direct, operator, external]
                default: direct
              ingress_type:
                description: How other peers reach the gateway. With C(none) they do not, and this cluster
                  can only import.
                type: str
                choices: [NodePort, LoadBalancer, none]
                default: NodePort
              gateway_host:
                description: The public host of this cluster's gateway. By default it is the address of
                  the ingress Service.
                type: str
              gateway_port:
                description: The public port of this cluster's gateway. By default it is the port of the
                  ingress Service.
                type: int
              peers:
                description: Peers of this cluster, with addresses that take precedence over those that
                  are found.
                type: list
                elements: dict
                suboptions:
                  host: &shared009
                    description: The gateway's host.
                    type: str
                  port: &shared010
                    description: The gateway's port.
                    type: int
                  name:
                    description: The peer's name.
                    type: str
                    required: true
                  gateways:
                    description: The addresses of several gateways, instead of a single host and port.
                    type: list
                    elements: dict
                    suboptions:
                      host: *shared009
                      port: *shared010
              exports:
                description: Single exports of this cluster.
                type: list
                elements: dict
                suboptions:
                  name:
                    description: The name of the Service.
                    type: str
                    required: true
                  namespace: *shared011
                  port: *shared012
                  host:
                    description: A host to export instead of the Service.
                    type: str
                  labels: *shared013
              imports:
                description: Single imports of this cluster.
                type: list
                elements: dict
                suboptions:
                  name:
                    description: The import's name.
                    type: str
                    required: true
                  namespace: *shared011
                  port: *shared012
                  sources:
                    description: Exports that the import forwards to.
                    type: list
                    elements: dict
                    required: true
                    suboptions:
                      peer:
                        description: The exporting peer.
                        type: str
                        required: true
                      export_name:
                        description: The export's name. By default it is the import's.
                        type: str
                      export_namespace:
                        description: The export's namespace. By default it is the import's.
                        type: str
                  lb_scheme: *shared002
                  merge:
                    description: Whether to add the sources to a Service of that name that the cluster
                      has.
                    type: bool
                    default: false
                  labels: *shared013
                  probe: *shared003
              access_policies:
                description: Single access policies of this cluster.
                type: list
                elements: dict
                suboptions:
                  name: *shared014
                  tier: *shared015
                  namespace: *shared016
                  action: *shared017
                  from: *shared018
                  to: *shared019
"""
