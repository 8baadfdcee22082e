# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that nothing knows, and values that theirs do not take."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.plugin_utils.variables import name_problems, value_problems


def names(hosts: Mapping[str, Collection[str]], extra: Collection[str] = (), parameters: Collection[str] = ()) -> Any:
    return [str(problem) for problem in name_problems(hosts, extra, parameters)]


def values(**hosts: Any) -> list[str]:
    return [str(problem) for problem in value_problems(hosts, list(hosts))]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("clusterlink_servces", "clusterlink_services"),
        ("clusterlink_context_", "clusterlink_context"),
        ("Clusterlink_host", "clusterlink_host"),
        ("clusterlnk_fabric", "clusterlink_fabric"),
        ("cluster_link_fabric", "clusterlink_fabric"),
    ],
)
def test_a_misspelt_variable_of_a_host_is_named_with_the_nearest(name: str, meant: str) -> None:
    (problem,) = names({"east": [name, "ansible_host"]})
    assert problem == f"east: {name}: is not a variable of this collection. Perhaps {meant} is meant."


def test_a_variable_of_all_hosts_is_one_problem() -> None:
    (problem,) = names({"east": ["clusterlink_xyzzy"], "west": ["clusterlink_xyzzy"]})
    assert "hosts east, west" in problem


@pytest.mark.parametrize("name", ["clusterlink_context", "clusterlink_of", "cluster_name", "region", "ansible_port"])
def test_known_variables_and_those_of_others_pass(name: str) -> None:
    assert not names({"east": [name]}, [name])


@pytest.mark.parametrize(
    ("name", "meant"),
    [("link_nmae", "link_name"), ("fabric_replaceca", "fabric_replace_ca"), ("linkname", "link_name")],
)
def test_a_misspelt_parameter_is_named_with_the_nearest(name: str, meant: str) -> None:
    (problem,) = names({}, [name], ["link_name"])
    assert problem.endswith(f"Perhaps {meant} is meant.")


def test_parameters_pass_and_those_of_nobody_do_not() -> None:
    assert not names({}, ["link_name", "site"], ["link_name"])
    assert names({}, ["link_colour"], ["link_name"])


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("clusterlink_wait_timeout", "soon", "is not of type int"),
        ("clusterlink_dataplane", "enovy", "must be one of envoy, go"),
        ("clusterlink_validate_certs", "perhaps", "is not of type bool"),
        ("clusterlink_images", {"cp": "x"}, "has an entry that it does not take"),
        ("clusterlink_image_pull_secrets", {"a": 1}, "is not of type list"),
    ],
)
def test_a_value_of_a_wrong_type_is_named_with_its_variable(variable: str, value: object, says: str) -> None:
    (problem,) = values(east={variable: value})
    assert problem.startswith(f"east: {variable}: {says}")


def test_a_value_of_all_hosts_is_one_problem() -> None:
    (problem,) = values(east={"clusterlink_wait_timeout": "soon"}, west={"clusterlink_wait_timeout": "soon"})
    assert "hosts east, west" in problem


def test_a_secret_is_not_shown() -> None:
    headers = {"proxy_basic_auth": "me:hunter2", "colour": "red"}
    (problem,) = values(east={"clusterlink_proxy_headers": headers})
    assert "hunter2" not in problem


def test_values_that_modules_convert_pass() -> None:
    own = {"clusterlink_wait_timeout": "30", "clusterlink_validate_certs": "no", "clusterlink_labels": None}
    assert not values(east=own)
