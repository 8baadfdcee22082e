# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref, path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("Namespace",), "/api/v1/namespaces"),
        (("Namespace", "a"), "/api/v1/namespaces/a"),
        (("Secret", "s", "a"), "/api/v1/namespaces/a/secrets/s"),
        (("Import", "", "a"), "/apis/clusterlink.net/v1alpha1/namespaces/a/imports"),
        (("Import",), "/apis/clusterlink.net/v1alpha1/imports"),
        (("Pod", "p", "a", "exec"), "/api/v1/namespaces/a/pods/p/exec"),
        (("PrivilegedAccessPolicy", "p", "ignored"), "/apis/clusterlink.net/v1alpha1/privilegedaccesspolicies/p"),
    ],
)
def test_path_is_where_the_api_serves_the_object(arguments: tuple[str, ...], expected: str) -> None:
    assert path(*arguments) == expected


def test_name_cannot_leave_its_place_in_the_path() -> None:
    assert path("Secret", "../../nodes", "a?b") == "/api/v1/namespaces/a%3Fb/secrets/..%2F..%2Fnodes"


def test_cluster_wide_object_has_no_namespace_whatever_it_says() -> None:
    ref = Ref.of({"kind": "ClusterRole", "metadata": {"name": "r", "namespace": "a"}})
    assert ref == Ref("ClusterRole", "r")
    assert str(ref) == "ClusterRole r"
    assert str(Ref("Import", "web", "a")) == "Import a/web"
