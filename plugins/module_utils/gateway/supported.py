# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a gateway a cluster cannot hold, by its version of Kubernetes and its addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..clusterlink.gateway_kinds import IPV4, IPV6
from ..clusterlink.versions import ENVOY, RELEASES
from ..common.types import Object
from ..errors import Problem
from ..kube.pod_settings import SPREAD_OPTION
from ..kube.server_version import Version, lacking
from .spec import Component, GatewaySpec

_SLEEP: dict[str, Any] = {"lifecycle": {"preStop": {"sleep": {}}}}


def version_problems(spec: GatewaySpec, definitions: Sequence[Object], version: Version | None) -> list[Problem]:
    """What the version lacks, and nothing else can take the place of.

    Args:
        spec: The desired gateway.
        definitions: The CustomResourceDefinitions that it needs.
        version: Of the API server; an unknown one lacks nothing.
    """
    if version is None:
        return []
    return [*_too_old(definitions, version), *_options(spec, version), *_drains(spec, version)]


def family_problems(spec: GatewaySpec, first_family: str) -> Iterator[Problem]:
    """Why no gateway runs in a cluster whose Services and pods have IPv6 addresses first.

    The control plane and the readiness probes of both components listen on 0.0.0.0 alone (v0.4.1, app/server.go of
    cmd/cl-controlplane, cl-dataplane and cl-go-dataplane), with every kind of data plane.

    Args:
        spec: The desired gateway.
        first_family: The family of Services that name none; an empty one is unknown.
    """
    if first_family == IPV6:
        yield Problem(
            "Service default/kubernetes",
            f"the cluster's Services have {IPV6} first, and ClusterLink {spec.version} listens on {IPV4} alone",
            first_family,
            f"Use a cluster whose first address family is {IPV4}; a second one may be {IPV6}",
        )


def _too_old(definitions: Sequence[Object], version: Version) -> Iterator[Problem]:
    needed = max((each.field.since for each in lacking(definitions, version)), default=None)
    if needed:
        what = f"ClusterLink's CustomResourceDefinitions need {needed} or newer"
        yield Problem("Kubernetes", what, str(version), "Update the cluster")


def _options(spec: GatewaySpec, version: Version) -> Iterator[Problem]:
    given = {
        SPREAD_OPTION: {"topologySpreadConstraints": spec.pods.spread},
        "affinity": {"affinity": spec.pods.affinity},
    }
    for option, value in given.items():
        for path, field in lacking(value, version):
            where = f"{option}.{path.partition('.')[2]}"
            what = f"needs Kubernetes {field.since} or newer"
            yield Problem(where, what, str(version), "Leave it out, or update the cluster")


def _drains(spec: GatewaySpec, version: Version) -> Iterator[Problem]:
    """Pods that cannot wait before they end: their image may lack the command that takes the field's place.

    Envoy's pods wait by a command in every version.
    """
    release = RELEASES[spec.version]
    components: dict[str, tuple[Component, str]] = {"controlplane": (spec.controlplane, release.controlplane_image)}
    if spec.dataplane_kind != ENVOY:
        components["dataplane"] = (spec.dataplane, release.dataplane_images[spec.dataplane_kind])
    for name, (component, own) in components.items():
        base = component.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
        for _path, field in lacking(_SLEEP, version, "containers") if component.drain_seconds and base != own else ():
            what = f"pods cannot wait before they end: preStop.sleep needs Kubernetes {field.since} or newer"
            yield Problem(
                f"{name}_drain_seconds",
                f"{what}, and an image of another name than {own} may have no command sleep",
                str(version),
                f"Use a newer Kubernetes, or ClusterLink's image {own}, or set {name}_drain_seconds "
                f"(clusterlink_{name}_drain_seconds) to 0: requests are lost then whenever a pod is replaced",
            )
