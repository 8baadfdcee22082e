# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules for single objects refuse before they ask any cluster."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.outcome import Mode, Task

MODULES = "ansible_collections.skyshift.clusterlink.plugins.modules"
GATEWAY = {"gateway_host": "192.0.2.1", "gateway_port": 443}


def problems(module: str, args: dict[str, Any]) -> list[str]:
    """Where the module's task finds problems; its kubeconfig is not there, so that it can ask no cluster."""
    task: Task = importlib.import_module(f"{MODULES}.{module}").TASK
    validation = ArgumentSpecValidator(task.argument_spec, **task.constraints).validate(
        {"kubeconfig": "/there/is/none", **args}
    )
    assert not validation.error_messages
    with pytest.raises(ClusterlinkError) as caught:
        task.run(validation.validated_parameters, Mode())
    return [problem.where for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("module", "args", "where"),
    [
        ("peer", {"name": "East_1", **GATEWAY}, "name"),
        ("peer", {"name": "a" * 64, **GATEWAY}, "name"),
        ("peer", {"name": "east", "namespace": "A", **GATEWAY}, "namespace"),
        ("peer", {"name": "east", "gateway_host": "192.0.2.1", "gateway_port": 70000}, "gateway_port"),
        ("peer", {"name": "east", "gateway_port": 443}, "gateway_host"),
        ("peer", {"name": "east", "gateways": []}, "gateways"),
        ("peer", {"name": "east", "gateways": [{"host": "192.0.2.1", "port": 0}]}, "gateways[0].port"),
        ("peer", {"name": "east", **GATEWAY, "labels": {"a b": "c"}}, "labels.a b"),
        ("peer", {"name": "east", **GATEWAY, "labels": {"skyshift.clusterlink/fabric": "x"}}, "labels.sky"),
        ("service_export", {"name": "web", "port": 0}, "port"),
        ("service_export", {"name": "web"}, "port"),
        ("service_export", {"name": "9web", "port": 80}, "name"),
        ("service_import", {"name": "web", "port": 80, "sources": []}, "sources"),
        ("service_import", {"name": "web", "sources": [{"peer": "east"}]}, "port"),
        ("service_import", {"name": "web", "port": 80, "sources": [{"peer": "East_1"}]}, "sources[0].peer"),
        ("service_import", {"name": "web", "port": 80, "sources": [{"peer": "e"}], "target_port": 0}, "target_port"),
        ("access_policy", {"name": "p", "namespace": "default", "from": [{}]}, "to"),
        ("access_policy", {"name": "p", "namespace": "default", "from": [], "to": [{}]}, "from"),
        ("access_policy", {"name": "p", "from": [{}], "to": [{}]}, "namespace"),
        ("access_policy", {"name": "p", "tier": "privileged", "namespace": "a", "from": [{}], "to": [{}]}, "namespace"),
        ("access_policy", {"name": "p", "namespace": "a", "from": [{"app": "x"}], "to": [{}]}, "from[0].app"),
        ("access_policy", {"name": "p", "state": "absent"}, "namespace"),
    ],
)
def test_bad_argument_is_named_before_the_cluster_is_asked(module: str, args: dict[str, Any], where: str) -> None:
    assert [found for found in problems(module, args) if found.startswith(where)]


def test_every_bad_argument_is_named_at_once() -> None:
    found = problems("service_import", {"name": "Web", "namespace": "A", "port": 0, "sources": [{"peer": "East_1"}]})
    assert set(found) == {"name", "namespace", "port", "sources[0].peer"}


def test_what_is_right_gets_as_far_as_the_connection() -> None:
    assert problems("peer", {"name": "east", **GATEWAY}) == ["kubeconfig /there/is/none"]


def test_removal_needs_nothing_but_what_names_the_object() -> None:
    for module in ("peer", "service_export", "service_import"):
        assert problems(module, {"name": "web", "state": "absent"}) == ["kubeconfig /there/is/none"]
    gone = {"name": "web", "state": "absent", "tier": "privileged"}
    assert problems("access_policy", gone) == ["kubeconfig /there/is/none"]
