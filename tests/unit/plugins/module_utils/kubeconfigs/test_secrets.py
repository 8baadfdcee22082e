# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clusters in Secrets of Argo CD and Cluster API."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client.configuration import Configuration

from ansible_collections.skyshift.clusterlink.plugins.module_utils.errors import ClusterlinkError
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube import kubeconfig
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kubeconfigs.argo_cd import kubeconfig_of
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kubeconfigs.found import FoundCluster
from ansible_collections.skyshift.clusterlink.plugins.module_utils.kubeconfigs.secrets import read_secrets
from tests.unit.fakes import MemoryCluster

HIDDEN = "do-not-show-this"
SERVER = "https://east.example.com:6443"
OWN = {"clusterlink_context": "management"}


def secret(name: str, labels: dict[str, str] | None = None, /, **data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = {"name": name, "namespace": "ns", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}


def read(kind: str, *secrets: dict[str, Any]) -> list[FoundCluster]:
    return read_secrets(MemoryCluster(*secrets), kind, "", "", OWN)


def argo(config: object, name: str = "east", server: str = SERVER) -> dict[str, Any]:
    text = config if isinstance(config, str) else json.dumps(config)
    return secret(f"cluster-{name}", {"env": "prod"}, name=name, server=server, config=text)


def test_a_cluster_of_argo_cd_is_reached_by_a_kubeconfig_that_can_be_used(tmp_path: Path) -> None:
    tls = {"insecure": False, "serverName": "east", "caData": base64.b64encode(b"the CA").decode()}
    (found,) = read("argocd", argo({"bearerToken": HIDDEN, "tlsClientConfig": tls}))
    assert (found.context, found.where) == ("east", "Secret ns/cluster-east")
    assert found.facts == {"cluster": "east", "secret": "cluster-east", "namespace": "ns", "labels": {"env": "prod"}}
    assert HIDDEN not in repr(found)

    configuration = Configuration()
    variables = found.variables
    kubeconfig.load(configuration, variables["clusterlink_kubeconfig"], variables["clusterlink_context"], str(tmp_path))
    assert configuration.host == SERVER
    # Which key the token is under has changed between kubernetes' releases.
    assert list(configuration.api_key.values()) == [f"Bearer {HIDDEN}"]
    assert configuration.tls_server_name == "east"
    assert Path(configuration.ssl_ca_cert).read_bytes() == b"the CA"


@pytest.mark.parametrize(
    ("config", "cluster", "user"),
    [
        ({}, {}, {}),
        ({"tlsClientConfig": {"insecure": True}}, {"insecure-skip-tls-verify": True}, {}),
        ({"username": "u", "password": "p"}, {}, {"username": "u", "password": "p"}),
        (
            {"tlsClientConfig": {"certData": "Yw==", "keyData": "aw=="}, "proxyUrl": "http://proxy"},
            {"proxy-url": "http://proxy"},
            {"client-certificate-data": "Yw==", "client-key-data": "aw=="},
        ),
    ],
)
def test_each_setting_of_argo_cd_has_its_place(
    config: dict[str, Any], cluster: dict[str, Any], user: dict[str, Any]
) -> None:
    content = kubeconfig_of("east", SERVER, config)
    assert content["clusters"] == [{"name": "east", "cluster": {"server": SERVER, **cluster}}]
    assert content["users"] == [{"name": "east", "user": user}]


@pytest.mark.parametrize(
    ("config", "command", "args", "env"),
    [
        (
            {"execProviderConfig": {"command": "gcp", "args": ["token"], "env": {"A": "b"}}},
            *("gcp", ["token"], [{"name": "A", "value": "b"}]),
        ),
        (
            {"awsAuthConfig": {"clusterName": "shop", "roleARN": "arn:role", "profile": "dev"}},
            *("aws", ["eks", "get-token", "--cluster-name", "shop", "--role-arn", "arn:role"]),
            [{"name": "AWS_PROFILE", "value": "dev"}],
        ),
        ({"awsAuthConfig": {"clusterName": "shop"}}, "aws", ["eks", "get-token", "--cluster-name", "shop"], []),
    ],
)
def test_programs_that_give_a_token_are_kept(
    config: dict[str, Any], command: str, args: list[str], env: list[dict[str, str]]
) -> None:
    (user,) = kubeconfig_of("east", SERVER, config)["users"]
    plugin = user["user"]["exec"]
    assert (plugin["command"], plugin["args"], plugin["env"]) == (command, args, env)
    assert plugin["apiVersion"] == "client.authentication.k8s.io/v1beta1"


def test_argo_cds_own_cluster_is_reached_as_the_management_cluster_is() -> None:
    (found,) = read("argocd", argo({}, "in-cluster", "https://kubernetes.default.svc"))
    assert (found.context, found.variables) == ("in-cluster", OWN)


def test_only_kubeconfigs_of_cluster_api_are_read() -> None:
    content = {
        "current-context": "east-admin@east",
        "clusters": [{"name": "east", "cluster": {"server": SERVER}}],
        "users": [{"name": "east-admin", "user": {"token": HIDDEN}}],
        "contexts": [{"name": "east-admin@east", "context": {"cluster": "east", "user": "east-admin"}}],
    }
    labels = {"cluster.x-k8s.io/cluster-name": "east"}
    others = [secret(f"east-{name}", labels, value="x") for name in ("ca", "etcd", "user-kubeconfig")]
    # JSON is YAML, and a kubeconfig on one line is one, too
    one_line = secret("west-kubeconfig", value=json.dumps(content))
    east, west = read(
        "cluster_api", one_line, *others, secret("east-kubeconfig", labels, value=yaml.safe_dump(content))
    )
    assert (east.context, west.context) == ("east", "west")
    assert east.variables == {"clusterlink_kubeconfig": content, "clusterlink_context": "east-admin@east"}
    assert east.facts["user"] == "east-admin"
    assert HIDDEN not in repr(east)


def damaged(name: str, **data: str) -> dict[str, Any]:
    return {**secret(name), "data": data}


@pytest.mark.parametrize(
    ("kind", "bad", "what"),
    [
        ("argocd", argo(f'{{"bearerToken": {HIDDEN}'), "its key config is not what Argo CD writes"),
        ("argocd", argo([HIDDEN]), "its key config is not what Argo CD writes"),
        ("argocd", argo({"execProviderConfig": {"args": [HIDDEN]}}), "its key config is not what Argo CD writes"),
        ("argocd", secret("a", name="a"), "it has no text under the key server"),
        ("argocd", damaged("a", server=f"%{HIDDEN}"), "it has no text under the key server"),
        ("cluster_api", secret("a-kubeconfig"), "it has no text under the key value"),
        ("cluster_api", secret("a-kubeconfig", value=f"{HIDDEN}: ["), "it cannot be used"),
        ("cluster_api", secret("a-kubeconfig", value=f"contexts: [{HIDDEN}]"), "it cannot be used"),
        ("cluster_api", secret("a-kubeconfig", value=f"a: {HIDDEN}"), "its kubeconfig has no current context"),
    ],
)
def test_a_damaged_secret_is_reported_and_not_shown(kind: str, bad: dict[str, Any], what: str) -> None:
    with pytest.raises(ClusterlinkError) as caught:
        read(kind, bad)
    (problem,) = caught.value.problems
    assert problem.what == what
    assert bad["metadata"]["name"] in problem.where
    assert HIDDEN not in str(caught.value)
