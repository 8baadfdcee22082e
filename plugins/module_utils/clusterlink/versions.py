# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table of the ClusterLink versions that this collection installs."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ClusterlinkError, Problem

DEFAULT_VERSION = "v0.4.1"
DEFAULT_REGISTRY = "ghcr.io/clusterlink-net"

ENVOY = "envoy"
GO = "go"

OPERATOR_IMAGE = "cl-operator"
"""The name of the operator's image in a registry (its Makefile and config/operator/manager of v0.4.1)."""


@dataclass(frozen=True)
class Release:
    """What is known of a version of ClusterLink.

    Attributes:
        version: As its maintainers tag it; also the tag of its images.
        controlplane_image: The name of the control plane's image in a registry.
        dataplane_images: The name of the data plane's image by kind of data plane.
        ipv4_only: The kinds of data planes that other gateways do not reach by IPv6.
    """

    version: str
    controlplane_image: str
    dataplane_images: dict[str, str]
    ipv4_only: frozenset[str]


# Of the version: image names from pkg/controlplane/api/const.go and pkg/dataplane/api/const.go; Envoy's listeners
# from cmd/cl-dataplane/app/envoyconf.go and pkg/controlplane/xds/manager.go (0.0.0.0), the go data plane's for other
# gateways from cmd/cl-go-dataplane/app/server.go (every address).
RELEASES: dict[str, Release] = {
    "v0.4.1": Release(
        version="v0.4.1",
        controlplane_image="cl-controlplane",
        dataplane_images={ENVOY: "cl-dataplane", GO: "cl-go-dataplane"},
        ipv4_only=frozenset({ENVOY}),
    ),
}

DATAPLANES = (ENVOY, GO)


def release(version: str, where: str = "version") -> Release:
    """Return what is known of a version.

    Args:
        version: For example C(v0.4.1).
        where: The option that it comes from, for the error.

    Raises:
        ClusterlinkError: The version is not in the table.
    """
    known = RELEASES.get(version)
    if known is None:
        raise ClusterlinkError(
            Problem(
                where=where,
                what="this ClusterLink version is not supported",
                found=version,
                fix=f"Use one of: {', '.join(RELEASES)}",
            )
        )
    return known
