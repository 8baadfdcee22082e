# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE)
"""The clusters of kubeconfigs, Argo CD and Cluster API as the hosts of a fabric."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kubeconfig
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: The clusters of kubeconfigs, Argo CD and Cluster API as the hosts of a fabric
description:
  - Makes a host of every context of one or several kubeconfigs, with the variables C(clusterlink_kubeconfig) and
    C(clusterlink_context), so that the playbooks and modules of this collection reach its cluster.
  - Makes hosts also of the clusters that Argo CD or Cluster API keep in Secrets of a management cluster. Their
    C(clusterlink_kubeconfig) is the kubeconfig's content.
  - A host is named after its cluster. Where that is no name that a peer of the fabric can have, because it has
    capitals, dots or underscores, C(clusterlink_peer_name) is set to one.
  - The file's name must end in C(kubeconfig.yml) or C(kubeconfig.yaml).
extends_documentation_fragment:
  - ansible.builtin.constructed
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [skyshift.clusterlink.kubeconfig]
  kubeconfigs:
    description:
      - The kubeconfigs, each as a path or a pattern such as C(clusters/*.yaml). Relative paths begin in the folder of
        the inventory's file. Several paths separated by C(:) are one kubeconfig, merged as kubectl does. Templates are
        allowed.
      - By default, unless there are O(secrets), E(K8S_AUTH_KUBECONFIG), E(KUBECONFIG) or C(~/.kube/config).
    type: list
    elements: str
  include:
    description:
      - Only contexts that one of these patterns matches become hosts. A pattern is a shell's, such as C(prod-*), or a
        regular expression after C(~).
      - For O(secrets), the context is the cluster's name in Argo CD or Cluster API.
    type: list
    elements: str
    default: ["*"]
  exclude:
    description: Contexts that one of these patterns matches become no hosts.
    type: list
    elements: str
    default: []
  names:
    description:
      - Regular expressions that find the cluster's name in a context, as a group that is called C(name). The first that
        matches the whole context counts. Without a match the context is the name.
      - What further groups match is in C(cluster_source).
      - By default, the contexts of Amazon EKS (the AWS CLI and eksctl), Google GKE, OpenShift and kubeadm. Those of
        Azure AKS are names already.
    type: list
    elements: str
    default:
      - 'arn:[^:]+:eks:(?P<region>[^:]+):(?P<account>[^:]+):cluster/(?P<name>.+)'
      - 'gke_(?P<project>[^_]+)_(?P<location>[^_]+)_(?P<name>[^_]+)'
      - '[^@]+@(?P<name>[^.@]+)\.(?P<region>[^.@]+)\.eksctl\.io'
      - '[^/]*/(?:api-)?(?P<name>[^:/]+)(?::[0-9]+)?/.+'
      - '[^@]+@(?P<name>[^@]+)'
  host_name:
    description:
      - An expression, as those of O(compose), for a host's name, in place of the cluster's name.
      - It may use the keys of C(cluster_source) as variables, C(name) among them.
    type: str
  group:
    description: The group of all hosts. It is the value of C(clusterlink_group), if that is set.
    type: str
    default: clusters
  secrets:
    description:
      - Management clusters with Secrets that name further clusters. Templates are allowed.
      - The user needs the verb list on C(secrets).
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description:
          - V(argocd) for the Secrets with label C(argocd.argoproj.io/secret-type=cluster). The cluster that Argo CD
            itself runs in is reached as the management cluster is. Argo CD's C(awsAuthConfig) needs the AWS CLI on the
            controller, and C(execProviderConfig) the program that it names.
          - V(cluster_api) for the Secrets of type C(cluster.x-k8s.io/secret) that are named C(CLUSTER-kubeconfig).
        type: str
        required: true
        choices: [argocd, cluster_api]
      namespace:
        description: Where the Secrets are; by default in any namespace.
        type: str
      label_selector:
        description: Labels that a Secret must have besides, such as C(env=prod).
        type: str
      kubeconfig:
        description:
          - The management cluster's kubeconfig. Relative paths begin in the working directory.
          - All other connection options of the modules, such as C(host) and C(api_key), are options here, too, with
            their environment variables.
        type: raw
      context:
        description: The context of the management cluster.
        type: str
notes:
  - Each host has a variable C(cluster_source) for expressions. It has C(context), C(name), C(cluster), C(user) and
    C(namespace), C(kubeconfig) as the path or C(secret) and its C(labels), and what the groups of O(names) match, such
    as C(region).
  - Of contexts that get one name and differ only in their namespace, the current one or else the first becomes a host.
    Other contexts that get one name are refused.
  - No message shows what a kubeconfig or Secret holds. But C(ansible-inventory --list) prints the variables of all
    hosts, and AWX stores them, so the kubeconfigs of O(secrets) are among them. Give such an inventory only to people
    who may have these kubeconfigs.
requirements:
  - kubernetes >= 37.0.0 (Python package, on the controller)
seealso:
  - module: skyshift.clusterlink.fabric_plan
"""

EXAMPLES = r"""
# fabric.kubeconfig.yml: every context of the kubeconfig that kubectl uses
plugin: skyshift.clusterlink.kubeconfig

---
# Production in three clouds. EKS's arn:aws:eks:eu-west-1:123456789012:cluster/shop becomes host shop-eu-west-1.
plugin: skyshift.clusterlink.kubeconfig
kubeconfigs:
  - ~/.kube/config
  - clusters/*.yaml
include: ["*prod*", "~^gke_shop-"]
exclude: ["*-admin"]                     # AKS has a second context for administrators
host_name: name ~ '-' ~ region if region is defined else name
keyed_groups:
  - {key: cluster_source.region, prefix: region}
groups:
  canary: cluster_source.name == 'staging'
compose:
  clusterlink_labels: "{'cloud': 'aws' if cluster_source.account is defined else 'other'}"

---
# The clusters that Argo CD and Cluster API know
plugin: skyshift.clusterlink.kubeconfig
secrets:
  - {type: argocd, namespace: argocd, context: management, label_selector: env=prod}
  - {type: cluster_api, context: management}
keyed_groups:
  - {key: cluster_source.labels.env, prefix: env}
"""

import importlib
import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable

from ..module_utils.common.naming import did_you_mean
from ..module_utils.errors import ClusterlinkError, Problem
from ..module_utils.kube.connection import CONNECTION_SPEC, REQUIRES, connect
from ..module_utils.kubeconfigs.contexts import default_sources, read_contexts
from ..module_utils.kubeconfigs.found import FoundCluster
from ..module_utils.kubeconfigs.hosts import Host, Selection, hosts
from ..module_utils.kubeconfigs.secrets import READERS, read_secrets

SECRETS_SPEC: dict[str, Any] = {
    "type": {"type": "str", "required": True, "choices": list(READERS)},
    "namespace": {"type": "str", "default": ""},
    "label_selector": {"type": "str", "default": ""},
    **CONNECTION_SPEC,
}


class InventoryModule(BaseInventoryPlugin, Constructable):
    """The entry point for Ansible."""

    NAME = "skyshift.clusterlink.kubeconfig"

    def verify_file(self, path: str) -> bool:
        """Whether the file's name is one of this plugin's."""
        return bool(super().verify_file(path)) and path.endswith(("kubeconfig.yml", "kubeconfig.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the hosts to the inventory.

        Raises:
            AnsibleParserError: With every problem of the options, the kubeconfigs or the Secrets.
        """
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        try:
            self._check(config)
            found = hosts([*self._contexts(os.path.dirname(path)), *self._secrets()], self._selection())
        except ClusterlinkError as error:
            raise AnsibleParserError(error.message()) from None
        group = inventory.add_group(self.get_option("group"))
        for host in found:
            self._add(host, group)

    def _check(self, config: Mapping[str, Any]) -> None:
        """Refuse options that nothing reads, since a misspelt exclude would let every cluster in."""
        known = self.get_options()
        problems = [
            Problem(str(option), "is not an option of this plugin", fix=did_you_mean(option, known))
            for option in config
            if option not in known
        ]
        for package in REQUIRES:
            try:
                importlib.import_module(package)
            except ImportError:
                what = f"the Python package {package} is missing on the controller"
                problems.append(Problem(self.NAME, what, fix="Install the collection's requirements.txt"))
        if problems:
            raise ClusterlinkError(problems)

    def _contexts(self, folder: str) -> list[FoundCluster]:
        sources = self._templated("kubeconfigs")
        if sources is None:
            sources = [] if self.get_option("secrets") else default_sources(os.environ)
        return read_contexts(list(map(str, sources)), folder)

    def _secrets(self) -> list[FoundCluster]:
        found: list[FoundCluster] = []
        for index, given in enumerate(self._templated("secrets") or []):
            validation = ArgumentSpecValidator(SECRETS_SPEC).validate(given if isinstance(given, dict) else {})
            if validation.error_messages:
                raise ClusterlinkError(Problem(f"secrets[{index}]", "; ".join(validation.error_messages)))
            params = validation.validated_parameters
            own = {f"clusterlink_{option}": given[option] for option in CONNECTION_SPEC if given.get(option)}
            with connect(params) as cluster:
                found += read_secrets(cluster, params["type"], params["namespace"], params["label_selector"], own)
        return found

    def _templated(self, option: str) -> Any:
        try:
            return self.templar.template(self.get_option(option))
        except AnsibleError as error:
            raise ClusterlinkError(Problem(option, "cannot be templated", str(error))) from None

    def _selection(self) -> Selection:
        expression = self.get_option("host_name")
        include, exclude, names = (
            list(map(str, self.get_option(option))) for option in ("include", "exclude", "names")
        )
        named = (lambda facts: self._compose(expression, facts)) if expression else None
        return Selection(include, exclude, names, named)

    def _add(self, host: Host, group: str) -> None:
        self.inventory.add_host(host.name, group)
        for name, value in host.variables.items():
            self.inventory.set_variable(host.name, name, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), host.variables, host.name, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), host.variables, host.name, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), host.variables, host.name, strict)
