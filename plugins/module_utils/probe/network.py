# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkPolicies of the importing cluster that are in the way of a probe. It is read only after a failed probe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..clusterlink import names
from ..common.types import Object
from ..errors import ClusterlinkError
from ..kube.client import Cluster
from ..kube.network_policies import EGRESS, INGRESS, OtherEnd, in_the_way
from ..kube.parallel import attempt
from .client_pod import ClientPod

_CONTROLPLANE, _DATAPLANE = (names.pod_labels(name) for name in names.COMPONENTS)


@dataclass(frozen=True)
class Namespace:
    """What is known of a namespace: its labels and its NetworkPolicies; nothing of one that may not be read."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    policies: Sequence[Object] = ()


def read_namespaces(cluster: Cluster, wanted: Iterable[str]) -> dict[str, Namespace]:
    """The namespaces by name.

    Raises:
        ClusterUnreachableError: The cluster is unreachable.
    """
    spaces = sorted(set(wanted))
    policies = attempt(lambda name: cluster.list("NetworkPolicy", name), spaces)
    objects = attempt(lambda name: cluster.get("Namespace", name), spaces)
    found = {}
    for name, theirs, obj in zip(spaces, policies, objects, strict=True):
        own = {} if obj is None or isinstance(obj, ClusterlinkError) else obj["metadata"].get("labels") or {}
        labels = {"kubernetes.io/metadata.name": name, **own}
        found[name] = Namespace(name, labels, () if isinstance(theirs, ClusterlinkError) else theirs)
    return found


def blocked(pod: ClientPod, port: int | None, client: Namespace, gateway: Namespace) -> list[str]:
    """What NetworkPolicies keep from each other, as sentences without a full stop.

    Args:
        pod: The probe's pod.
        port: The port of the data plane for the import; None when it is not known.
        client: The pod's namespace.
        gateway: The gateway's namespace.
    """
    dataplane = OtherEnd(gateway.name, _DATAPLANE, gateway.labels)
    here = OtherEnd(client.name, pod.labels, client.labels)
    name = f"Pod {client.name}/{pod.container.pod}"
    flows = {
        f"{name} from the gateway's data plane": in_the_way(client.policies, EGRESS, pod.labels, port, dataplane),
        f"the gateway's data plane from {name}": in_the_way(gateway.policies, INGRESS, _DATAPLANE, port, here),
        "the gateway from other gateways": [
            *in_the_way(gateway.policies, EGRESS, _DATAPLANE, None, None),
            *in_the_way(gateway.policies, EGRESS, _CONTROLPLANE, None, None),
        ],
    }
    return [f"{', '.join(dict.fromkeys(map(str, refs)))} may keep {what}" for what, refs in flows.items() if refs]
