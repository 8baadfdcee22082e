# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hinders the removal of a namespace of ours, and what a platform puts into every namespace."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.common.kinds import Ref
from ansible_collections.skyshift.clusterlink.plugins.module_utils.gateway.namespace_contents import foreign_objects

SPACE = "clusterlink-system"
DOCKERCFG, TOKEN = "kubernetes.io/dockercfg", "kubernetes.io/service-account-token"
REMOVED = [Ref("ServiceAccount", "cl-controlplane", SPACE), Ref("Secret", "cl-ca", SPACE)]


def obj(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": SPACE}, **fields}


def test_what_openshift_puts_into_every_namespace_hinders_nothing() -> None:
    everywhere = [
        obj("ConfigMap", "kube-root-ca.crt"),
        obj("ConfigMap", "openshift-service-ca.crt"),
        *(obj("RoleBinding", f"system:{name}") for name in ("image-pullers", "image-builders", "deployers")),
        *(obj("ServiceAccount", name) for name in ("default", "builder", "deployer")),
        *(obj("Secret", f"{name}-dockercfg-x7k2p", type=DOCKERCFG) for name in ("default", "builder", "deployer")),
        obj("Secret", "builder-token-abcde", type=TOKEN),
        obj("Secret", "cl-controlplane-dockercfg-9qzvw", type=DOCKERCFG),
        obj("Secret", "cl-ca", type="Opaque"),
    ]
    assert foreign_objects(everywhere, REMOVED) == []


@pytest.mark.parametrize(
    "theirs",
    [
        obj("Secret", "default-dockercfg-x7k2p", type="Opaque"),
        obj("Secret", "app-dockercfg-x7k2p", type=DOCKERCFG),
        obj("Secret", "registry", type=DOCKERCFG),
        obj("ConfigMap", "settings"),
        obj("RoleBinding", "image-pullers"),
        obj("ServiceAccount", "app"),
    ],
)
def test_what_somebody_else_made_does(theirs: dict[str, Any]) -> None:
    assert foreign_objects([theirs], REMOVED) == [f"{theirs['kind']} {SPACE}/{theirs['metadata']['name']}"]
