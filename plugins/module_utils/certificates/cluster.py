# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All certificates of a cluster's gateway: those in its Secrets, and the one that it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..clusterlink import names
from ..clusterlink.gateway_kinds import LOAD_BALANCER, NODE_PORT
from ..common.kinds import Ref
from ..common.types import Address, Object
from ..errors import ClusterlinkError, Problem
from ..gateway.certificate import secret_text
from ..gateway.status import ingress_ref, read_addresses
from ..kube.client import Cluster
from ..kube.parallel import attempt
from ..kube.transport import ClusterUnreachableError
from ..pki.certificates import dns_names, load_chain
from .found import CONTROL_PLANE, DATA_PLANE, PEER, SECRET, SITE_CA, TRUSTED_CA, WIRE, Found, read_chain
from .wire import TIMEOUT, on_wire

_HELD = (
    (names.PEER_SECRET, names.PEER_CERTIFICATE, PEER),
    (names.PEER_SECRET, names.PEER_CA, TRUSTED_CA),
    (names.CA_SECRET, names.CA, SITE_CA),
    (names.CONTROLPLANE, names.CERTIFICATE, CONTROL_PLANE),
    (names.DATAPLANE, names.CERTIFICATE, DATA_PLANE),
)
"""The Secrets, the keys of the certificates in them, and their purposes."""

SECRETS = tuple(dict.fromkeys(secret for secret, _key, _purpose in _HELD))

_REACHED = (NODE_PORT, LOAD_BALANCER)
"""Types of a reachable ingress Service; a gateway with another type has no ingress."""


@dataclass(frozen=True)
class GatewayQuery:
    """The gateway whose certificates to read.

    Attributes:
        namespace: Its namespace.
        peer: The peer's name; empty for the name in its certificate.
        wire: Whether to read the certificate that it serves, too.
        public_host: The host for other peers, when it differs from the ingress's own.
        public_port: The port for other peers.
        timeout: Seconds that the gateway may take to respond.
    """

    namespace: str
    peer: str = ""
    wire: bool = True
    public_host: str = ""
    public_port: int | None = None
    timeout: float = TIMEOUT


def gateway_certificates(cluster: Cluster, query: GatewayQuery) -> list[Found]:
    """Every certificate of a cluster's gateway; an unreadable one has a fault.

    Raises:
        ClusterUnreachableError: The API server is unreachable.
    """
    refs = [*(Ref("Secret", name, query.namespace) for name in SECRETS), ingress_ref(query.namespace)]
    *answers, ingress = attempt(lambda ref: cluster.get(ref.kind, ref.name, ref.namespace), refs)
    secrets = dict(zip(SECRETS, answers, strict=True))
    owner = query.peer or peer_name(secrets)
    found = stored_certificates(secrets, query.namespace, owner)
    if not query.wire or not any(answers):
        return found
    return [*found, *_served(cluster, query, owner, ingress)]


def _served(
    cluster: Cluster, query: GatewayQuery, owner: str, ingress: Object | ClusterlinkError | None
) -> list[Found]:
    """The certificate that the gateway serves; none when it has no ingress."""
    try:
        address = _address(cluster, query, ingress)
    except ClusterUnreachableError:
        raise
    except ClusterlinkError as error:
        return [Found(owner, PEER, WIRE, str(ingress_ref(query.namespace)), fault=error.message())]
    return [] if address is None else [on_wire(address.host, address.port, owner, query.timeout)]


def _address(cluster: Cluster, query: GatewayQuery, ingress: Object | ClusterlinkError | None) -> Address | None:
    """The gateway's address; None when it has no ingress.

    Raises:
        ClusterlinkError: It must have an address, and none is known.
    """
    if query.public_host and query.public_port:
        return Address(query.public_host, query.public_port)
    if isinstance(ingress, ClusterlinkError):
        raise ingress
    where = str(ingress_ref(query.namespace))
    if ingress is None:
        raise ClusterlinkError(Problem(where, "does not exist, so the gateway's address is unknown"))
    address = next(iter(read_addresses(cluster, ingress, query.public_host, query.public_port)), None)
    if address is None and ingress["spec"].get("type") in _REACHED:
        raise ClusterlinkError(Problem(where, "has no address, so other peers cannot reach the gateway"))
    return address


def peer_name(secrets: Mapping[str, Object | ClusterlinkError | None]) -> str:
    """The peer's name in its certificate; empty when that cannot be read. See C(stored_certificates) for Secrets."""
    secret = secrets.get(names.PEER_SECRET)
    if isinstance(secret, ClusterlinkError):
        return ""
    try:
        leaf = load_chain(secret_text(secret, names.PEER_CERTIFICATE).encode(), names.PEER_SECRET)[0]
    except ClusterlinkError:
        return ""
    return next(iter(dns_names(leaf)), "")


def stored_certificates(
    secrets: Mapping[str, Object | ClusterlinkError | None], namespace: str, owner: str
) -> list[Found]:
    """The certificates in a gateway's Secrets; a missing or unreadable one has a fault.

    Args:
        secrets: Each of C(SECRETS): the object, the error of reading it, or None when it does not exist.
        namespace: The gateway's namespace.
        owner: The peer's name.
    """
    if all(secrets.get(name) is None for name in SECRETS):
        where = f"Secret {namespace}/{names.PEER_SECRET}"
        what = "does not exist, nor does any other Secret of a gateway"
        problem = Problem(where, what, fix="Install a gateway with role gateway, or give its namespace")
        return [Found(owner, PEER, SECRET, where, fault=str(problem))]
    found: list[Found] = []
    for name, key, purpose in _HELD:
        secret, where = secrets.get(name), f"Secret {namespace}/{name}"
        if isinstance(secret, ClusterlinkError):
            found.append(Found(owner, purpose, SECRET, where, fault=secret.message()))
        elif secret is None:
            missing = Problem(where, "does not exist", fix="Run role gateway, which creates it")
            found.append(Found(owner, purpose, SECRET, where, fault=str(missing)))
        else:
            found += read_chain(secret_text(secret, key).encode(), owner, purpose, SECRET, f"{where} {key}")
    return found
