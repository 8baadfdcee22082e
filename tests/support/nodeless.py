# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nodes and gateways would report on API servers without nodes: pods run, peers answer, declarations are valid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Any

from kubernetes import client, config

from tests.support.clusters import Clusters
from tests.support.gateways import INGRESS
from tests.support.waiting import meanwhile

_PAUSE_SECONDS = 0.5
_CONDITIONS = {
    "peers": ("PeerReachable",),
    "exports": ("ExportValid",),
    "imports": ("ImportTargetPortValid", "ImportServiceValid"),
}

ADDRESS = {"clusterlink_ingress_type": "NodePort", "clusterlink_gateway_host": "192.0.2.1"}
"""Variables of gateways where there is no node whose address could be read."""


@contextmanager
def reported_ready(clusters: Clusters, namespace: str) -> Iterator[None]:
    """While the body runs, a namespace's pods and Peers, and all Exports and Imports, are reported as they should be.

    Args:
        clusters: Whose API servers; there are controllers, so that Deployments follow their pods.
        namespace: The gateway's.
    """
    clients = [config.new_client_from_config(str(clusters.kubeconfig), context) for context in clusters.contexts]
    for each in clients:
        each.configuration.refresh_api_key_hook = None  # it reads the environment, which other threads change

    def report() -> None:
        for each in clients:
            # A busy server, an object that changed meanwhile, a kind that is not there yet: the next round is soon.
            with suppress(client.ApiException):
                _report_pods(client.CoreV1Api(each), namespace)
                _report_endpoints(each, namespace)
                _report_mesh(client.CustomObjectsApi(each), namespace)

    try:
        with meanwhile(report, _PAUSE_SECONDS):
            yield
    finally:
        for each in clients:
            each.close()


def _report_pods(api: Any, namespace: str) -> None:
    for pod in api.list_namespaced_pod(namespace).items:
        if pod.status.phase != "Running" and not pod.metadata.deletion_timestamp:
            status = {"phase": "Running", "conditions": [_condition("Ready")]}
            api.patch_namespaced_pod_status(pod.metadata.name, namespace, {"status": status})


def _report_endpoints(api: Any, namespace: str) -> None:
    slices = client.DiscoveryV1Api(api)
    services = client.CoreV1Api(api).list_namespaced_service(namespace, field_selector=f"metadata.name={INGRESS}")
    if not services.items or slices.list_namespaced_endpoint_slice(namespace).items:
        return
    metadata = {"name": INGRESS, "labels": {"kubernetes.io/service-name": INGRESS}}
    endpoint = {"addresses": ["192.0.2.2"], "conditions": {"ready": True}}
    body = {"metadata": metadata, "addressType": "IPv4", "endpoints": [endpoint], "ports": []}
    slices.create_namespaced_endpoint_slice(namespace, body)


def _report_mesh(api: Any, namespace: str) -> None:
    for plural, conditions in _CONDITIONS.items():
        kind = {"group": "clusterlink.net", "version": "v1alpha1", "plural": plural}
        for obj in api.list_cluster_custom_object(**kind)["items"]:
            place = {key: obj["metadata"][key] for key in ("name", "namespace")}
            if not obj.get("status") and (plural != "peers" or place["namespace"] == namespace):
                body = {"status": {"conditions": [_condition(name) for name in conditions]}}
                api.patch_namespaced_custom_object_status(**kind, **place, body=body)


def _condition(name: str) -> dict[str, str]:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": name, "status": "True", "reason": "Test", "message": "", "lastTransitionTime": now}
