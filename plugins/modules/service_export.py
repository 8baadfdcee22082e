#!/usr/bin/python
# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module service_export."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_export
short_description: Manage an Export, a Service that a cluster exports to its ClusterLink fabric
version_added: "0.1.0"
description:
  - Exports a Service of the cluster to the other peers of the fabric. Without access policies, no workload may use it.
  - Waits until the gateway reports the Export as valid.
author:
  - The skyshift.clusterlink contributors (@skyshift)
extends_documentation_fragment:
  - skyshift.clusterlink.attributes
  - skyshift.clusterlink.connection
  - skyshift.clusterlink.single_object
  - skyshift.clusterlink.wait
options:
  name:
    description:
      - The name of the Export and, without O(service_host), of its Service.
    type: str
    required: true
  namespace:
    description:
      - The namespace of the Export and of the Service.
    type: str
    default: default
  port:
    description:
      - The port of the Service, or of O(service_host). Required with O(state=present).
    type: int
  service_host:
    description:
      - A host name or IP address to export instead of the Service, for a server outside the cluster. The gateway does
        not check that it exists.
    type: str
seealso:
  - module: skyshift.clusterlink.service_import
  - module: skyshift.clusterlink.access_policy
"""

EXAMPLES = r"""
- name: Export the Service web
  skyshift.clusterlink.service_export:
    context: east
    name: web
    namespace: shop
    port: 80

- name: Export a database outside the cluster
  skyshift.clusterlink.service_export:
    context: east
    name: orders-db
    namespace: shop
    service_host: db.east.example.com
    port: 5432
    labels: {tier: data}

- name: Remove the Export
  skyshift.clusterlink.service_export:
    context: east
    name: web
    namespace: shop
    state: absent
"""

RETURN = r"""
kind:
  description: V(Export).
  returned: success
  type: str
  sample: Export
name:
  description: The object's name.
  returned: success
  type: str
  sample: web
namespace:
  description: The object's namespace.
  returned: success
  type: str
  sample: shop
reason:
  description: Why the object is written or removed, or in check mode would be. Empty when it is not.
  returned: success
  type: str
  sample: spec.port differs
labels:
  description: The object's present labels. Empty when it does not exist.
  returned: success
  type: dict
  sample: {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}
spec:
  description: The object's present spec, or in check mode the planned one. Empty when it does not exist.
  returned: success
  type: dict
  sample: {"port": 80}
conditions:
  description: The object's conditions, each with type, status, reason and message.
  returned: success
  type: list
  elements: dict
  sample: [{"type": "ExportValid", "status": "True", "reason": "Verified", "message": ""}]
problems:
  description: The problems, each with where, what, found and fix.
  returned: failure
  type: list
  elements: dict
  sample: [{"host": "", "where": "port", "what": "must be a port number from 1 to 65535", "found": "70000", "fix": ""}]
"""

from collections.abc import Mapping

from ..module_utils.common.fields import Item
from ..module_utils.common.naming import service_name_fault
from ..module_utils.common.types import Object
from ..module_utils.fabric.objects import export_object
from ..module_utils.fabric.resources import DEFAULT_NAMESPACE, Export, Origin
from ..module_utils.kube.connection import REQUIRES
from ..module_utils.mesh.single_object import SINGLE_SPEC, SingleObject, refer_to
from ..module_utils.module import run_module
from ..module_utils.outcome import Task


def build(item: Item, labels: Mapping[str, str]) -> Object:
    """The desired Export."""
    export = Export(
        name=item.name(required=True, fault=service_name_fault),
        namespace=item.name("namespace", required=True),
        port=item.port(required=True),
        host=item.text("service_host"),
        labels=labels,
        origin=Origin("", "", ""),
    )
    return export_object(export, {})


SINGLE = SingleObject(
    keys=("name", "namespace", "port", "service_host"),
    refer=refer_to("Export", service_name_fault),
    build=build,
)

TASK = Task(
    argument_spec={
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": DEFAULT_NAMESPACE},
        "port": {"type": "int"},
        "service_host": {"type": "str"},
        **SINGLE_SPEC,
    },
    run=SINGLE.run,
    requires=REQUIRES,
)


def main() -> None:
    """Run as a module."""
    run_module(TASK)


if __name__ == "__main__":
    main()
