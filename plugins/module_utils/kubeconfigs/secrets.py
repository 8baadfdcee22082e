# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clusters that Argo CD and Cluster API keep in Secrets of a management cluster.

No problem shows what a Secret holds.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from ..common.types import Object
from ..errors import ClusterlinkError, Problem, raise_all
from ..kube.client import Cluster
from ..kube.kubeconfig import read
from .argo_cd import kubeconfig_of
from .found import FoundCluster

_ARGO_LABEL = "argocd.argoproj.io/secret-type=cluster"
_ARGO_OWN_CLUSTER = "https://kubernetes.default.svc"
_CAPI_TYPE = "cluster.x-k8s.io/secret"
_CAPI_LABEL = "cluster.x-k8s.io/cluster-name"
_CAPI_SUFFIX = "-kubeconfig"
_FIX = "Correct the Secret, or leave it out by label_selector"

Reader = Callable[[Object, str, Mapping[str, Any]], "FoundCluster | None"]
"""From a Secret, what problems call it, and the management cluster's own variables to the cluster, if it has one."""


def read_secrets(
    cluster: Cluster, kind: str, namespace: str, label_selector: str, own: Mapping[str, Any]
) -> list[FoundCluster]:
    """The clusters in the Secrets of a management cluster, by namespace and name.

    Args:
        cluster: The management cluster.
        kind: A key of C(READERS).
        namespace: Where the Secrets are; empty for all namespaces.
        label_selector: Further labels that a Secret must have; empty for none.
        own: The host variables that reach the management cluster, for its own entry in Argo CD.

    Raises:
        ClusterlinkError: The Secrets cannot be listed, or do not hold what they should.
    """
    reader, labels, fields = READERS[kind]
    selector = ",".join(filter(None, (labels, label_selector)))
    found: list[FoundCluster] = []
    problems: list[Problem] = []
    for secret in cluster.list("Secret", namespace, label_selector=selector, field_selector=fields):
        metadata = secret["metadata"]
        where = f"Secret {metadata['namespace']}/{metadata['name']}"
        try:
            each = reader(secret, where, own)
        except ClusterlinkError as error:
            problems += error.problems
        else:
            found += [each] if each else []
    raise_all(problems)
    return sorted(found, key=lambda each: each.where)


def argo_cd_cluster(secret: Object, where: str, own: Mapping[str, Any]) -> FoundCluster:
    """The cluster of a Secret of Argo CD, with its settings as a kubeconfig.

    Raises:
        ClusterlinkError: The Secret is malformed.
    """
    server = _text(secret, "server", where)
    name = _text(secret, "name", where, "") or secret["metadata"]["name"]
    facts = _facts(secret, name)
    if server.rstrip("/") == _ARGO_OWN_CLUSTER:
        return FoundCluster(name, where, facts, own)
    try:
        config = json.loads(_text(secret, "config", where, "") or "{}")
        content = kubeconfig_of(name, server, config)
    except (ValueError, AttributeError, TypeError, KeyError):
        raise ClusterlinkError(Problem(where, "its key config is not what Argo CD writes", fix=_FIX)) from None
    return FoundCluster(name, where, facts, _variables(content, name))


def cluster_api_cluster(secret: Object, where: str, own: Mapping[str, Any]) -> FoundCluster | None:  # noqa: ARG001 - a Reader
    """The cluster of a kubeconfig's Secret of Cluster API; None for its other Secrets, such as those of CAs.

    Raises:
        ClusterlinkError: The kubeconfig is malformed.
    """
    metadata = secret["metadata"]
    name = (metadata.get("labels") or {}).get(_CAPI_LABEL) or metadata["name"].removesuffix(_CAPI_SUFFIX)
    if metadata["name"] != f"{name}{_CAPI_SUFFIX}":
        return None
    # A line break tells it from a path, as for every kubeconfig.
    content = read(f"{_text(secret, 'value', where)}\n#\n", f"{where}, key value")
    contexts = {each["name"]: each["context"] for each in content["contexts"]}
    current = str(content.get("current-context"))
    if current not in contexts:
        raise ClusterlinkError(Problem(where, "its kubeconfig has no current context", fix=_FIX))
    facts = {**_facts(secret, name), "user": str(contexts[current].get("user") or "")}
    return FoundCluster(name, where, facts, _variables(content, current))


READERS: dict[str, tuple[Reader, str, str]] = {
    "argocd": (argo_cd_cluster, _ARGO_LABEL, ""),
    "cluster_api": (cluster_api_cluster, "", f"type={_CAPI_TYPE}"),
}
"""Who keeps clusters in Secrets: how one is read, and the labels and fields by which they are found."""


def _variables(content: Mapping[str, Any], context: str) -> dict[str, Any]:
    return {"clusterlink_kubeconfig": content, "clusterlink_context": context}


def _facts(secret: Object, name: str) -> dict[str, Any]:
    metadata = secret["metadata"]
    return {
        "cluster": name,
        "secret": metadata["name"],
        "namespace": metadata["namespace"],
        "labels": dict(metadata.get("labels") or {}),
    }


def _text(secret: Object, key: str, where: str, default: str | None = None) -> str:
    """The decoded text under a key of a Secret."""
    data = secret.get("data") or {}
    if key not in data and default is not None:
        return default
    try:
        text = base64.b64decode(data[key], validate=True).decode().strip()
    except (KeyError, TypeError, binascii.Error, UnicodeDecodeError):
        text = ""
    if not text:
        raise ClusterlinkError(Problem(where, f"it has no text under the key {key}", fix=_FIX))
    return text
