# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Secrets that a real API server returns as clusters of Argo CD and Cluster API reach a cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.connection import connect
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kubeconfigs.secrets import read_secrets

if TYPE_CHECKING:
    from tests.support.clusters import Clusters
    from tests.support.kubectl import Kubectl

pytestmark = pytest.mark.cluster


def secret(name: str, kind: str, labels: dict[str, str], /, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "stringData": data}


def test_secrets_name_clusters_that_can_be_reached(clusters: Clusters, kubectl: Kubectl, namespace: str) -> None:
    management = {"kubeconfig": str(clusters.kubeconfig), "context": clusters.contexts[0]}
    content = kubectl("config", "view", "--raw", "--minify", "--flatten")
    view = kubectl.json("config", "view", "--raw", "--minify", "--flatten")
    cluster, user = view["clusters"][0]["cluster"], view["users"][0]["user"]
    tls = {"caData": cluster.get("certificate-authority-data"), "certData": user.get("client-certificate-data")}
    config = {"bearerToken": user.get("token"), "tlsClientConfig": {**tls, "keyData": user.get("client-key-data")}}
    argo = {"argocd.argoproj.io/secret-type": "cluster"}
    capi, name = "cluster.x-k8s.io/secret", {"cluster.x-k8s.io/cluster-name": "west"}
    given = [
        secret("a", "Opaque", argo, name="east", server=cluster["server"], config=json.dumps(config)),
        secret("other", "Opaque", {}, name="other", server="https://other"),
        secret("west-kubeconfig", capi, name, value=content),
        secret("west-ca", capi, name, value="x"),
        secret("south-kubeconfig", "Opaque", name, value=content),
    ]
    kubectl(
        "apply",
        "--namespace",
        namespace,
        "--filename=-",
        stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": given}),
    )

    with connect(management) as server:
        found = [each for kind in ("argocd", "cluster_api") for each in read_secrets(server, kind, namespace, "", {})]
    assert [each.context for each in found] == ["east", "west"]
    for each in found:
        variables = {key.removeprefix("clusterlink_"): value for key, value in each.variables.items()}
        with connect(variables) as reached:
            assert reached.get("Namespace", namespace)
