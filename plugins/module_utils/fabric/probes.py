# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe of each import: a client that the policies allow, and the sources that it should reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..clusterlink import api
from .authorization import Client, Side, explain, source_attributes
from .relays import DATAPLANE_LABEL
from .resources import AUTO, Probe
from .strangers import Stranger, stranger_of


@dataclass(frozen=True)
class ImportProbe:
    """A request to make from a pod of the importing cluster.

    Attributes:
        namespace: The import's namespace.
        name: The import's name.
        port: The import's port.
        sources: The peers that the client may reach; all of them when there is no client.
        client: A pod that the policies allow; None when they allow none.
        probe: The request, and the expected response.
        stranger: Pods that the policies refuse; None when they allow every pod.
    """

    namespace: str
    name: str
    port: int
    sources: tuple[str, ...]
    client: Client | None
    probe: Probe
    stranger: Stranger | None = None

    def as_dict(self) -> dict[str, Any]:
        """The probe as plain data."""
        client = self.client and {
            "namespace": self.client.namespace,
            "service_account": self.client.service_account,
            "labels": dict(self.client.labels),
        }
        return {
            "name": self.name,
            "namespace": self.namespace,
            "port": self.port,
            "sources": list(self.sources),
            "scheme": self.probe.scheme,
            "path": self.probe.path,
            "contains": self.probe.contains,
            "client": client,
        }

    def refusal(self) -> dict[str, Any]:
        """The request that gateways must refuse, as plain data; without a client when every pod is allowed."""
        return {
            **self.as_dict(),
            "scheme": AUTO,
            "path": "/",
            "contains": "",
            "expect": "refused",
            "client": self.stranger and self.stranger.as_dict(),
        }


def probe_of(imported: Mapping[str, Any], importing: Side, exporters: Mapping[str, Side], probe: Probe) -> ImportProbe:
    """An import's probe. Its client is the one in the policies that may reach the most sources.

    Args:
        imported: The Import object.
        importing: The importing cluster.
        exporters: Every cluster of the fabric, by peer.
        probe: The request, and the expected response.
    """
    namespace = imported["metadata"]["namespace"]
    sources = tuple(dict.fromkeys(each["peer"] for each in imported["spec"]["sources"]))
    best: Client | None = None
    reached: tuple[str, ...] = ()
    for client in _candidates(imported, importing, exporters):
        verdicts = explain(client, importing, imported, exporters)
        allowed = tuple(dict.fromkeys(each.peer for each in verdicts if each.allowed))
        if len(allowed) > len(reached):
            best, reached = client, allowed
        if len(reached) == len(sources):
            break
    return ImportProbe(
        namespace=namespace,
        name=imported["metadata"]["name"],
        port=imported["spec"]["port"],
        sources=reached or sources,
        client=best,
        probe=probe,
        stranger=stranger_of(imported, importing, exporters),
    )


def _candidates(imported: Mapping[str, Any], importing: Side, exporters: Mapping[str, Side]) -> Iterator[Client]:
    """A pod for each client selector of the policies, with the selected attributes; it may still be denied."""
    namespace = imported["metadata"]["namespace"]
    services = [source_attributes(imported, each, exporters.get(each["peer"])) for each in imported["spec"]["sources"]]
    selectors = (each for service in services for each in importing.policies.allowed_clients(service, namespace))
    for selector in dict.fromkeys(selectors):
        # A relay's data plane is no pod to send a request from.
        if any((each.key, *each.values) == DATAPLANE_LABEL for each in selector.requirements):
            continue
        wanted = {each.key: each.values[0] for each in selector.requirements if each.operator == "In"}
        yield Client(
            namespace=wanted.get(api.CLIENT_NAMESPACE, namespace),
            service_account=wanted.get(api.CLIENT_SERVICE_ACCOUNT, "default"),
            labels={
                key.removeprefix(api.CLIENT_LABELS): value
                for key, value in wanted.items()
                if key.startswith(api.CLIENT_LABELS)
            },
        )
