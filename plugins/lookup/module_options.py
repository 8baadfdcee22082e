# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE)
"""The options of a module from a host's variables."""

from __future__ import annotations

DOCUMENTATION = r"""
name: module_options
version_added: "0.1.0"
author: The skyshift.clusterlink contributors (@skyshift)
short_description: The options of a module from a host's variables
description:
  - Returns a dictionary for C(module_defaults) with an option for each variable that is set. The option's name is the
    variable's without C(clusterlink_).
  - The variables are those of the task's own host, or of the host that the variable C(clusterlink_of) names.
  - A variable whose value is C(omit) sets no option. One that cannot be templated is an error.
notes:
  - It is cheaper than a template for each option, since Ansible compiles every template again for each task and host.
options:
  _terms:
    description: The names of the variables.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Read the links of the host's cluster
  skyshift.clusterlink.fabric_info:
  module_defaults:
    group/skyshift.clusterlink.cluster: >-
      {{ lookup('skyshift.clusterlink.module_options', 'clusterlink_kubeconfig', 'clusterlink_context') }}
"""

RETURN = r"""
_raw:
  description: The options, as the only item.
  type: list
  elements: dict
  sample: [{"context": "kind-east"}]
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible import errors
from ansible.plugins.lookup import LookupBase

from ..module_utils.errors import Problem

_OMITTED: Any = getattr(errors, "AnsibleValueOmittedError", ())
"""What ansible-core raises for C(omit) from 2.19 on. Earlier releases leave out the option that has its value."""


class LookupModule(LookupBase):
    """The entry point for Ansible."""

    def run(
        self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **_options: Any
    ) -> list[dict[str, Any]]:
        """The options of the variables that are set."""
        known, templar, host = variables or {}, self._templar, ""
        if "clusterlink_of" in known:
            host = templar.template(known["clusterlink_of"])
            if host not in known["hostvars"]:
                problem = Problem("clusterlink_of", "names a host that the inventory does not have", host)
                raise errors.AnsibleError(str(problem))
            known = known["hostvars"].raw_get(host)
            templar = templar.copy_with_new_env(available_variables=known)
        found: dict[str, Any] = {}
        for variable in terms:
            if variable in known:
                try:
                    found[variable.removeprefix("clusterlink_")] = templar.template(known[variable])
                except _OMITTED:
                    continue
                except errors.AnsibleError as error:
                    fix = "Correct the template, or define for this host what it uses"
                    host = host or str(known.get("inventory_hostname", ""))
                    problem = Problem(variable, "cannot be templated", str(error), fix, host)
                    raise errors.AnsibleError(str(problem)) from None
        return [found]
