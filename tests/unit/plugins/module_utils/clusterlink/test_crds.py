# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The definitions of ClusterLink's kinds. That a real API server takes them is shown in tests/integration."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds


def version_of(plural: str) -> dict[str, Any]:
    crd = next(crd for crd in crds() if crd["spec"]["names"]["plural"] == plural)
    version: dict[str, Any] = crd["spec"]["versions"][0]
    return version


def schema_of(plural: str) -> dict[str, Any]:
    schema: dict[str, Any] = version_of(plural)["schema"]["openAPIV3Schema"]
    return schema


def test_every_kind_of_a_declaration_is_defined_with_our_label() -> None:
    found = {crd["metadata"]["name"]: crd for crd in crds()}
    assert sorted(found) == [
        "accesspolicies.clusterlink.net",
        "exports.clusterlink.net",
        "imports.clusterlink.net",
        "peers.clusterlink.net",
        "privilegedaccesspolicies.clusterlink.net",
    ]
    for crd in found.values():
        assert crd["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "skyshift.clusterlink"}
        assert [version["name"] for version in crd["spec"]["versions"]] == ["v1alpha1"]


def test_only_privileged_policies_are_cluster_wide() -> None:
    scopes = {crd["spec"]["names"]["kind"]: crd["spec"]["scope"] for crd in crds()}
    assert [kind for kind, scope in scopes.items() if scope == "Cluster"] == ["PrivilegedAccessPolicy"]


@pytest.mark.parametrize("plural", ["peers", "exports", "imports"])
def test_what_a_control_plane_reports_on_has_a_status_subresource_with_conditions(plural: str) -> None:
    assert version_of(plural)["subresources"] == {"status": {}}
    condition = schema_of(plural)["properties"]["status"]["properties"]["conditions"]["items"]
    assert sorted(condition["required"]) == ["lastTransitionTime", "message", "reason", "status", "type"]


@pytest.mark.parametrize("plural", ["accesspolicies", "privilegedaccesspolicies"])
def test_policies_have_no_status(plural: str) -> None:
    assert "subresources" not in version_of(plural)


def test_an_import_has_a_default_scheme_and_takes_no_unknown_one() -> None:
    scheme = schema_of("imports")["properties"]["spec"]["properties"]["lbScheme"]
    assert scheme["default"] == "round-robin"
    assert scheme["enum"] == ["round-robin", "random", "static"]


def test_an_imports_name_is_limited_to_that_of_a_service() -> None:
    [rule] = schema_of("imports")["x-kubernetes-validations"]
    assert rule["rule"] == "size(self.metadata.name) <= 63"


def test_a_target_port_that_is_not_chosen_yet_may_be_written_as_zero() -> None:
    assert schema_of("imports")["properties"]["spec"]["properties"]["targetPort"]["minimum"] == 0


@pytest.mark.parametrize("plural", ["exports", "imports"])
def test_a_port_is_one_to_65535(plural: str) -> None:
    port = schema_of(plural)["properties"]["spec"]["properties"]["port"]
    assert (port["minimum"], port["maximum"]) == (1, 65535)


def test_callers_may_change_what_they_get() -> None:
    crds()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clear()
    assert crds()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
