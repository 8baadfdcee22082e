# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration that is wrong is refused with its variable's path, the value found, and the fix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Data = dict[str, Any]
Declare = Callable[..., Data]
Problems = Callable[[Data], list[str]]
SoleProblem = Callable[[Data], str]


def test_unknown_host_in_a_link_is_named_with_a_likely_one(declare: Declare, problem: SoleProblem) -> None:
    data = declare(links=[{"source": "east", "target": "wets"}])
    assert problem(data) == (
        'clusterlink_links[0].target: is not a host of the group clusters, nor a group (found: "wets"). '
        "Perhaps west is meant."
    )


def test_unknown_host_in_a_service_is_named_by_its_place_in_the_list(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    data = declare(services=[{**web, "exported_by": ["east", "moon"]}])
    assert problem(data) == (
        'clusterlink_services[0].exported_by[1]: is not a host of the group clusters, nor a group (found: "moon"). '
        "Hosts of clusters: east, north, west."
    )


def test_host_outside_the_peers_group_is_refused(declare: Declare, problem: SoleProblem, web: Data) -> None:
    data = declare(services=[{**web, "imported_by": "bastion"}], groups={"all": ["east", "bastion"]})
    assert problem(data) == (
        'clusterlink_services[0].imported_by: is a host that is not in the group clusters (found: "bastion"). '
        "Hosts of clusters: east, north, west."
    )


def test_group_with_a_host_that_is_no_peer_is_refused(declare: Declare, problem: SoleProblem, web: Data) -> None:
    data = declare(services=[{**web, "imported_by": "site"}], groups={"site": ["north", "bastion"]})
    assert problem(data) == (
        "clusterlink_services[0].imported_by: is a group with the host bastion, which is not in the group clusters "
        '(found: "site"). Name a group of peers only, or add bastion to the group clusters.'
    )


@pytest.mark.parametrize("nobody", [{}, {"exported_by": []}, {"exported_by": None}])
def test_service_that_nobody_exports_is_refused(
    declare: Declare, problem: SoleProblem, web: Data, nobody: Data
) -> None:
    service = {name: value for name, value in web.items() if name != "exported_by"}
    assert problem(declare(services=[{**service, **nobody}])) == (
        "clusterlink_services[0].exported_by: names no cluster, so no cluster exports it. Name a host or a group."
    )


def test_import_of_what_its_source_does_not_export_is_refused(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    imported = {"name": "db", "port": 5432, "sources": [{"peer": "west", "export_name": "wbe"}]}
    assert problem(declare(services=[web], north={"imports": [imported]})) == (
        'north: clusterlink_imports[0].sources[0]: is not exported by west (found: "default/wbe"). '
        "Perhaps default/web is meant."
    )


def test_two_imports_that_want_one_service_are_refused(declare: Declare, problem: SoleProblem, web: Data) -> None:
    other = {**web, "name": "shop", "import_as": {"name": "web"}}
    assert problem(declare(services=[web, other])) == (
        "clusterlink_services[1]: creates the Service default/web in north, as clusterlink_services[0] does. "
        "Remove one of the two, or give it another name (import_as, for a service's imports)."
    )


def test_import_of_a_hosts_list_that_wants_a_services_import_is_refused(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    imported = {"name": "web", "port": 80, "sources": [{"peer": "east"}]}
    assert problem(declare(services=[web], north={"imports": [imported]})) == (
        "north: clusterlink_imports[0]: creates the Service default/web in north, as clusterlink_services[0] does. "
        "Remove one of the two, or give it another name (import_as, for a service's imports)."
    )


def test_import_where_another_service_is_exported_by_that_name_is_refused(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    other = {"name": "shop", "port": 80, "exported_by": "west", "imported_by": "east", "import_as": {"name": "web"}}
    assert problem(declare(services=[web, other])) == (
        "clusterlink_services[1]: creates the Service default/web in east, which exists already: "
        "clusterlink_services[0] exports it. Set merge: true, or choose another name, or set relay: true there to "
        "export this import again."
    )


def test_importer_that_exports_the_service_too_is_refused_unless_it_merges(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    data = declare(services=[{**web, "imported_by": ["north", "west"]}])
    assert problem(data) == (
        "clusterlink_services[0].imported_by: names west, which exports default/web: its Service exists already and "
        'conflicts with an import (found: "west"). Set merge: true (or merge: [west], if others have no such Service), '
        "or remove west."
    )


def test_importer_with_no_other_cluster_to_import_from_is_refused(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    data = declare(services=[{**web, "exported_by": "east", "imported_by": "east", "merge": True}])
    assert problem(data) == (
        "clusterlink_services[0].imported_by: names east, and no other cluster exports default/web "
        '(found: "east"). Remove it.'
    )


def test_service_declared_twice_is_refused_once(declare: Declare, problem: SoleProblem, web: Data) -> None:
    assert problem(declare(services=[web, {**web, "labels": {"tier": "data"}}])) == (
        'clusterlink_services[1].name: is also the name of clusterlink_services[0] (found: "default/web"). '
        "Merge the two entries, or rename one."
    )


def test_second_port_of_a_service_needs_a_name_of_its_own_and_the_advice_works(
    declare: Declare, problem: SoleProblem, plan: Callable[[Data], Any], web: Data
) -> None:
    metrics = {**web, "port": 9090}
    assert problem(declare(services=[web, metrics])) == (
        "clusterlink_services[1].name: is also the name of clusterlink_services[0], with another port, and an export "
        'has one (found: "default/web"). Export this port under a name of its own, such as name: web-9090 with host: '
        "web.default.svc.cluster.local."
    )
    advised = {**metrics, "name": "web-9090", "host": "web.default.svc.cluster.local"}
    planned = plan(declare(services=[web, advised]))
    exports = [each["spec"] for each in planned.peers["east"].objects if each["kind"] == "Export"]
    assert exports == [{"port": 80}, {"port": 9090, "host": "web.default.svc.cluster.local"}]
    assert planned.warnings == ()


def test_second_port_of_a_clusters_own_export_needs_a_name_of_its_own(declare: Declare, problem: SoleProblem) -> None:
    exports = [{"name": "db", "port": 5432}, {"name": "db", "port": 9187}]
    assert problem(declare(east={"exports": exports})) == (
        "east: clusterlink_exports[1]: exports default/db in east, as clusterlink_exports[0] does. Export this port "
        "under a name of its own, such as name: db-9187 with host: db.default.svc.cluster.local."
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a" * 64, "is 64 characters long, and a DNS label has at most 63"),
        ("web.shop", "is not a DNS label (lower-case letters, digits and '-', with a letter or digit at both ends)"),
        ("-web", "is not a DNS label (lower-case letters, digits and '-', with a letter or digit at both ends)"),
        ("1web", "starts with a digit, and a Service name must start with a letter"),
    ],
)
def test_name_that_no_service_can_have_is_refused(
    declare: Declare, problem: SoleProblem, web: Data, name: str, what: str
) -> None:
    assert problem(declare(services=[{**web, "name": name}])) == (
        f'clusterlink_services[0].name: {what} (found: "{name}"). Choose a shorter or simpler name.'
    )


@pytest.mark.parametrize("key", ["namespace", "name"])
def test_a_name_that_is_nearly_one_of_kubernetes_is_suggested(
    declare: Declare, problem: SoleProblem, web: Data, key: str
) -> None:
    said = problem(declare(services=[{**web, key: "my_Shop"}]))
    assert said.startswith(f"clusterlink_services[0].{key}: is not a DNS label")
    assert said.endswith('(found: "my_Shop"). Perhaps my-shop is meant.')


@pytest.mark.parametrize("value", ["UDP", "TCP"])
def test_a_protocol_cannot_be_chosen(
    declare: Declare, problems: Callable[[Data], list[str]], web: Data, value: str
) -> None:
    one = {"name": "db", "port": 1, "protocol": value}
    source = {**one, "sources": [{"peer": "east", "export_name": "web"}]}
    data = declare(services=[{**web, "protocol": value}], east={"exports": [one]}, west={"imports": [source]})
    what = f'cannot be chosen, since ClusterLink forwards only TCP (found: "{value}"). Remove it.'
    found = [said for said in problems(data) if "protocol" in said]
    assert sorted(found) == [
        f"clusterlink_services[0].protocol: {what}",
        f"east: clusterlink_exports[0].protocol: {what}",
        f"west: clusterlink_imports[0].protocol: {what}",
    ]


def test_host_whose_name_cannot_be_a_peers_is_refused(declare: Declare, problem: SoleProblem) -> None:
    data = declare()
    data["peers"]["south_1"] = {}
    assert problem(data) == (
        "south_1: inventory_hostname: is not a DNS label (lower-case letters, digits and '-', with a letter or digit "
        'at both ends) (found: "south_1"). Set clusterlink_peer_name for this host, or rename it: the peer has its '
        "name."
    )


@pytest.mark.parametrize(
    ("port", "found"), [(0, "0"), (70000, "70000"), ("http", '"http"'), ("-1", '"-1"'), (8.5, "8.5"), (True, "true")]
)
def test_number_that_is_no_port_is_refused(
    declare: Declare, problem: SoleProblem, web: Data, port: Any, found: str
) -> None:
    assert problem(declare(services=[{**web, "port": port}])) == (
        f"clusterlink_services[0].port: must be a port number from 1 to 65535 (found: {found})."
    )


def test_port_in_digits_is_a_port_as_extra_variables_give_it(
    declare: Declare, plan: Callable[[Data], Any], web: Data
) -> None:
    assert plan(declare(services=[{**web, "port": "80"}])).as_dict() == plan(declare(services=[web])).as_dict()


def test_group_without_hosts_is_refused(declare: Declare, problem: SoleProblem, web: Data) -> None:
    assert problem(declare(services=[{**web, "imported_by": ["nobody"]}])) == (
        'clusterlink_services[0].imported_by[0]: is a group without hosts (found: "nobody"). '
        "Add hosts to the group, or leave it out."
    )


def test_fabric_without_hosts_is_refused(problem: SoleProblem) -> None:
    assert problem({"group": "clusters", "groups": {"clusters": []}, "peers": {}}) == (
        'clusterlink_group: is a group without hosts (found: "clusters"). Add a host for each cluster.'
    )


@pytest.mark.parametrize("side", ["from", "to"])
@pytest.mark.parametrize(("rule", "found"), [({}, ""), ({"to": [], "from": []}, " (found: [])")])
def test_policy_without_a_rule_is_refused(
    declare: Declare, problem: SoleProblem, side: str, rule: Data, found: str
) -> None:
    policy = {"name": "idle", "tier": "privileged", "from": [{}], "to": [{}]}
    del policy[side]
    if rule:
        policy[side] = rule[side]
    assert problem(declare(policies=[policy])) == (
        f"clusterlink_policies[0].{side}: is empty, so the policy has no rule{found}. "
        f"{side}: [{{}}] matches everything."
    )


def test_policy_on_a_peer_that_is_unknown_is_refused(declare: Declare, problem: SoleProblem) -> None:
    policy = {"name": "more", "tier": "privileged", "from": [{"peers": ["nort"]}], "to": [{}]}
    assert problem(declare(policies=[policy])) == (
        'clusterlink_policies[0].from[0].peers[0]: is not a host of the group clusters, nor a group (found: "nort"). '
        "Perhaps north is meant."
    )


def test_policy_of_a_namespace_that_no_cluster_uses_is_refused(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    policy = {"name": "more", "namespace": "defualt", "from": [{}], "to": [{}]}
    assert problem(declare(services=[web], policies=[policy])) == (
        "clusterlink_policies[0].namespace: is a namespace without any export or import "
        '(found: "defualt"). Perhaps default is meant.'
    )


def test_policy_that_forgets_its_namespace_is_not_taken_for_a_privileged_one(
    declare: Declare, problem: SoleProblem
) -> None:
    assert problem(declare(policies=[{"name": "open", "from": [{}], "to": [{}]}])) == (
        "clusterlink_policies[0].namespace: is required. Name the import's or export's, or set tier: privileged."
    )


def test_rule_that_leaves_out_all_importing_clusters_is_refused(
    declare: Declare, problem: SoleProblem, web: Data
) -> None:
    data = declare(services=[{**web, "allow": [{"from": {"peers": "east"}}]}])
    assert problem(data) == (
        "clusterlink_services[0].allow[0].from: matches no cluster that imports the service. "
        "Clusters that import it: north."
    )


def test_unknown_keys_are_refused_at_every_level(declare: Declare, problems: Problems, web: Data) -> None:
    data = declare(services=[{**web, "lbscheme": "random", "allow": [{"form": {}}]}], linkmode="mesh")
    data["peers"]["east"] = {"export": []}
    assert problems(data) == [
        "east: clusterlink_export: is not known. Perhaps clusterlink_exports is meant.",
        "clusterlink_services[0].allow[0].form: is not known. Perhaps from is meant.",
        "clusterlink_services[0].lbscheme: is not known. Perhaps lb_scheme is meant.",
        "clusterlink_linkmode: is not known. Perhaps clusterlink_link_mode is meant.",
    ]


@pytest.mark.parametrize(
    ("parts", "where"),
    [
        ({"services": {}}, "clusterlink_services: must be a list"),
        ({"services": "web"}, "clusterlink_services: must be a list"),
        ({"services": ["web"]}, "clusterlink_services[0]: must be a mapping"),
        ({"links": [None]}, "clusterlink_links[0]: must be a mapping"),
        ({"link_mode": "mesch"}, "clusterlink_link_mode: must be one of on_demand, mesh, explicit"),
        ({"fabric": "My fabric"}, "clusterlink_fabric: is not a DNS label"),
        ({"east": {"labels": {"region": 1}}}, "east: clusterlink_labels.region: must be a string"),
        ({"east": {"labels": {"a b": "c"}}}, "east: clusterlink_labels.a b: the key is not a label key"),
        ({"east": {"labels": {"a": "c d"}}}, "east: clusterlink_labels.a: is not a label value"),
        ({"east": {"ingress_type": "Ingress"}}, "east: clusterlink_ingress_type: must be one of"),
        ({"east": {"exports": [{"port": 1}]}}, "east: clusterlink_exports[0].name: is required"),
        ({"east": {"peers": [{"name": "east", "host": "a", "port": 1}]}}, "east: clusterlink_peers[0]: is the cluster"),
        ({"east": {"peers": [{"name": "far", "gateways": []}]}}, "east: clusterlink_peers[0].gateways: names no"),
    ],
)
def test_data_of_another_shape_is_refused(declare: Declare, problem: SoleProblem, parts: Data, where: str) -> None:
    assert problem(declare(**parts)).startswith(where)


def test_labels_that_the_collection_sets_are_refused(declare: Declare, problems: Problems, web: Data) -> None:
    labels = {"import.clusterlink.net/merge": "true", "skyshift.clusterlink/fabric": "other"}
    assert problems(declare(services=[{**web, "labels": labels}])) == [
        (
            'clusterlink_services[0].labels.skyshift.clusterlink/fabric: is set by the collection (found: "other"). '
            "Leave it out."
        ),
        (
            'clusterlink_services[0].labels.import.clusterlink.net/merge: is set by the collection (found: "true"). '
            "Set merge: true instead."
        ),
    ]


def test_all_problems_are_reported_at_once(declare: Declare, problems: Problems, web: Data) -> None:
    data = declare(
        services=[{**web, "port": 0, "imported_by": ["north", "moon"]}],
        links=[{"source": "east", "target": "sun"}],
        policies=[{"name": "x", "tier": "privileged", "from": [{}], "to": []}],
        west={"imports": [{"name": "db", "port": 1, "sources": [{"peer": "east"}]}]},
    )
    assert [each.split(": ")[0] for each in problems(data)] == [
        "clusterlink_services[0].port",
        "clusterlink_services[0].imported_by[1]",
        "clusterlink_links[0].target",
        "clusterlink_policies[0].to",
        "west",
    ]


def test_export_that_could_not_be_read_is_not_said_to_be_missing(declare: Declare, problem: SoleProblem) -> None:
    """The misspelt name is the one problem; that the import finds no such export only follows from it."""
    data = declare(
        east={"exports": [{"name": "DB", "port": 5432}]},
        north={"imports": [{"name": "db", "port": 5432, "sources": [{"peer": "east"}]}]},
    )
    assert problem(data).startswith("east: clusterlink_exports[0].name")


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({"path": "healthz"}, "clusterlink_services[0].probe.path: must start with '/'"),
        ({"scheme": "udp"}, "clusterlink_services[0].probe.scheme: must be one of auto, http, https, tcp"),
        (
            {"scheme": "tcp", "contains": "ok"},
            "clusterlink_services[0].probe.contains: cannot be combined with the scheme tcp",
        ),
    ],
)
def test_probe_that_cannot_be_made_is_refused(
    declare: Declare, problem: SoleProblem, web: Data, settings: Data, start: str
) -> None:
    assert problem(declare(services=[{**web, "probe": settings}])).startswith(start)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"kubeconfig": "~/lab", "context": "kind-east"}, 'clusterlink_context: {} (found: "kind-east")'),
        ({"host": "https://east:6443"}, 'clusterlink_host: {} (found: "https://east:6443")'),
        ({"kubeconfig": {"users": [{"user": {"token": "secret"}}]}}, "clusterlink_kubeconfig: {}"),
    ],
)
def test_two_hosts_that_are_one_cluster_are_refused(
    declare: Declare, problem: SoleProblem, own: Data, said: str
) -> None:
    assert problem(declare(east=own, west={**own})) == (
        f"west: {said.format('is also the cluster of east')}. Give each host its own cluster."
    )


def test_same_context_of_another_kubeconfig_is_another_cluster(declare: Declare, plan: Callable[[Data], Any]) -> None:
    plan(declare(east={"kubeconfig": "a", "context": "admin"}, west={"kubeconfig": "b", "context": "admin"}))
