# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of each import that no policy lets through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.authorization import Client, Side, explain
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.plan import Plan
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.selectors import Selector
from ansible_collections.skyshift.clusterlink.plugins.module_utils.fabric.strangers import Stranger, stranger_of
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.options import read_probes
from ansible_collections.skyshift.clusterlink.plugins.modules.probe import TASK as PROBE

Data = dict[str, Any]
Declare = Callable[..., Data]
Planner = Callable[..., Plan]

FORMS = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.dictionaries(
            st.sampled_from(
                [
                    "client.clusterlink.net/labels.app",
                    "client.clusterlink.net/labels.tier",
                    "client.clusterlink.net/namespace",
                    "client.clusterlink.net/service-account",
                    "peer.clusterlink.net/name",
                ]
            ),
            st.sampled_from(["a", "default", "shop", "north"]),
        ),
        "matchExpressions": st.lists(
            st.one_of(
                st.fixed_dictionaries(
                    {
                        "key": st.sampled_from(
                            ["client.clusterlink.net/labels.app", "client.clusterlink.net/namespace"]
                        ),
                        "operator": st.sampled_from(["In", "NotIn"]),
                        "values": st.lists(st.sampled_from(["a", "shop", "default"]), min_size=1),
                    }
                ),
                st.fixed_dictionaries(
                    {
                        "key": st.sampled_from(["client.clusterlink.net/labels.app"]),
                        "operator": st.sampled_from(["Exists", "DoesNotExist"]),
                    }
                ),
            ),
            max_size=2,
        ),
    },
)
LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["a", "b", "default"]))


def selected(stranger: Stranger, labels: dict[str, str], account: str) -> bool:
    """Whether a probe may use a pod with these labels that runs as this account."""
    wanted = Selector.from_dict(
        {"matchLabels": stranger.labels, "matchExpressions": stranger.as_dict()["match_expressions"]}
    )
    return wanted.matches(labels) and stranger.service_account in ("", account)


def policy(*forms: Data) -> Data:
    spec = {"action": "allow", "from": [{"workloadSelector": form} for form in forms], "to": [{"workloadSelector": {}}]}
    return {"kind": "AccessPolicy", "metadata": {"name": "p", "namespace": "shop"}, "spec": spec}


IMPORT = {
    "kind": "Import",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"port": 80, "sources": [{"peer": "far", "exportName": "web", "exportNamespace": "shop"}]},
}


@given(st.lists(FORMS, min_size=1, max_size=4), LABELS, st.sampled_from(["a", "default", "robot"]))
def test_whatever_pod_is_selected_is_refused(forms: list[Data], labels: dict[str, str], account: str) -> None:
    north = Side.of("north", {}, [policy(*forms)])
    found = stranger_of(IMPORT, north, {})
    if found is None:
        return
    temporary = Client(found.namespace, found.labels, found.service_account or "default")
    assert selected(found, dict(temporary.labels), temporary.service_account)
    clients = [temporary]
    if selected(found, {**labels, **found.labels}, account):
        clients.append(Client(found.namespace, {**labels, **found.labels}, account))
    for client in clients:
        assert not any(each.allowed for each in explain(client, north, IMPORT, {}))


def refusal(plan: Plan, host: str = "north") -> Data:
    (each,) = plan.as_dict()["peers"][host]["refusals"]
    found: Data = each
    return found


def test_stranger_is_any_pod_that_no_rule_names(declare: Declare, plan: Planner, web: Data) -> None:
    allow = [{"from": {"app": "frontend"}}, {"from": {"labels": {"tier": ["a", "b"]}}}, {"from": {"namespace": "shop"}}]
    assert refusal(plan(declare(services=[{**web, "allow": allow}]))) == {
        "name": "web",
        "namespace": "default",
        "port": 80,
        "sources": ["east", "west"],
        "scheme": "auto",
        "path": "/",
        "contains": "",
        "expect": "refused",
        "client": {
            "namespace": "default",
            "labels": {},
            "match_expressions": [
                {"key": "app", "operator": "NotIn", "values": ["frontend"]},
                {"key": "tier", "operator": "NotIn", "values": ["a", "b"]},
            ],
        },
    }


@pytest.mark.parametrize(
    ("client", "stranger"),
    [
        ({"service_account": "robot"}, {"namespace": "remote", "service_account": "default"}),
        ({"namespace": "remote"}, {"namespace": "default"}),
        ({"service_account": "default", "labels": {"app": "x"}}, {"namespace": "remote"}),
    ],
)
def test_stranger_differs_in_what_a_rule_asks_for(
    declare: Declare, plan: Planner, web: Data, client: Data, stranger: Data
) -> None:
    service = {**web, "allow": [{"from": client}], "import_as": {"namespace": "remote"}}
    found = refusal(plan(declare(services=[service])))["client"]
    assert {key: value for key, value in found.items() if key in ("namespace", "service_account")} == stranger


def test_where_everyone_is_allowed_there_is_no_stranger(declare: Declare, plan: Planner, web: Data) -> None:
    assert refusal(plan(declare(services=[{**web, "allow": [{"from": {}}]}])))["client"] is None


def test_stranger_is_refused_by_the_exporting_gateways_when_the_importing_one_lets_everyone_out(
    declare: Declare, plan: Planner, web: Data
) -> None:
    out = {"name": "out", "tier": "privileged", "from": [{}], "to": [{}], "clusters": ["north"]}
    found = refusal(plan(declare(services=[web], policies=[out])))
    assert found["client"]["match_expressions"] == [{"key": "app", "operator": "NotIn", "values": ["frontend"]}]


def test_import_that_nobody_may_call_proves_nothing(declare: Declare, plan: Planner, web: Data) -> None:
    assert plan(declare(services=[{**web, "allow": []}])).as_dict()["peers"]["north"]["refusals"] == []


def test_the_probes_and_refusals_of_a_plan_are_options_of_module_probe(
    declare: Declare, plan: Planner, web: Data
) -> None:
    part = plan(declare(services=[web])).peers["north"].as_dict()
    given = ArgumentSpecValidator(PROBE.argument_spec).validate({"probes": part["probes"] + part["refusals"]})
    assert not given.error_messages
    probes, _settings = read_probes(given.validated_parameters)
    assert [each.expect for each in probes] == ["answer", "refused"]
    assert probes[1].client is not None
