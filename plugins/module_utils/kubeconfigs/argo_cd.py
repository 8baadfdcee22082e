# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings with which Argo CD reaches a cluster, as a kubeconfig."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EXEC_API = "client.authentication.k8s.io/v1beta1"

_CLUSTER = {"certificate-authority-data": "caData", "tls-server-name": "serverName"}
_CERTIFICATE = {"client-certificate-data": "certData", "client-key-data": "keyData"}
_CREDENTIALS = {"token": "bearerToken", "username": "username", "password": "password"}
"""A kubeconfig's keys, and those of Argo CD."""


def kubeconfig_of(name: str, server: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A kubeconfig with one context.

    Args:
        name: The name of its context, cluster and user.
        server: The API server's URL.
        config: What Argo CD's Secret has under C(config), decoded.

    Raises:
        AttributeError, KeyError, TypeError: Argo CD writes no such settings.
    """
    tls = config.get("tlsClientConfig") or {}
    cluster = {"server": server, **_given(_CLUSTER, tls), **_given({"proxy-url": "proxyUrl"}, config)}
    if tls.get("insecure"):
        cluster["insecure-skip-tls-verify"] = True
    user = {**_given(_CREDENTIALS, config), **_given(_CERTIFICATE, tls)}
    if config.get("awsAuthConfig"):
        user["exec"] = _aws(config["awsAuthConfig"])
    elif config.get("execProviderConfig"):
        user["exec"] = _plugin(config["execProviderConfig"])
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _given(keys: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: settings[theirs] for key, theirs in keys.items() if settings.get(theirs)}


def _aws(config: Mapping[str, Any]) -> dict[str, Any]:
    """The AWS CLI's way to a token, in place of Argo CD's own program."""
    role = ["--role-arn", config["roleARN"]] if config.get("roleARN") else []
    environment = {"AWS_PROFILE": config["profile"]} if config.get("profile") else {}
    arguments = ["eks", "get-token", "--cluster-name", config["clusterName"], *role]
    return _plugin({"command": "aws", "args": arguments, "env": environment})


def _plugin(config: Mapping[str, Any]) -> dict[str, Any]:
    environment = config.get("env") or {}
    return {
        "apiVersion": config.get("apiVersion") or _EXEC_API,
        "command": config["command"],
        "args": list(config.get("args") or []),
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "interactiveMode": "Never",
    }
