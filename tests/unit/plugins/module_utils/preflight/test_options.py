# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of gateway and certificate variables that the modules of a run would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.skyshift.clusterlink.plugins.module_utils.preflight.options import OPTIONS, option_problems


def refused(**given: Any) -> list[str]:
    params = ArgumentSpecValidator(OPTIONS).validate(given).validated_parameters
    return [str(problem) for problem in option_problems("east", params)]


def test_the_defaults_are_fine() -> None:
    assert not refused()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("ingress_port", 80),
        ("version", "v9.9.9"),
        ("controlplane_replicas", 0),
        ("labels", {"region": 1}),
        ("renew_percent", 120),
        ("certificate_days", 0),
        ("ca_days", -1),
        ("key_size", 17),
        ("gateway_host", "no host"),
        ("dataplane_resources", {"limit": {}}),
        ("tolerations", [{"key": "a", "operator": "In"}]),
        ("affinity", {"nodeAffinty": {}}),
        ("ingress_load_balancer_class", "example.com/edge"),
        ("ingress_ip_families", ["IPv4", "IPv6"]),
        ("ingress_ip_families", ["IPv6"]),
    ],
)
def test_each_problem_names_the_variable_and_the_host(option: str, value: object) -> None:
    problems = refused(**{option: value})
    assert [problem for problem in problems if problem.startswith(f"east: clusterlink_{option}")], problems


def test_options_of_a_gateway_that_another_tool_installs_are_not_checked() -> None:
    assert not refused(install="external", ingress_port=80)


def test_settings_of_temporary_pods_are_checked_whoever_installs_the_gateway() -> None:
    assert refused(install="external", node_selector={"gpu": True})
