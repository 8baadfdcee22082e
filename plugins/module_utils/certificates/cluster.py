# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All certificates of a cluster's gateway: those in its Secrets, and the one that it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..clusterlink import names
from ..common.kinds import Ref
from ..errors import ClusterlinkError, Problem
from ..gateway.spec import LOAD_BALANCER, NODE_PORT, Address
from ..gateway.status import ingress_ref, read_address
from ..gateway.stored_certificates import secret_text
from ..kube.client import Cluster, Object
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
"""The Secrets, the keys under which they hold certificates, and what for."""

SECRETS = tuple(dict.fromkeys(secret for secret, _key, _purpose in _HELD))

_REACHED = (NODE_PORT, LOAD_BALANCER)
"""Types of ingress Service that others reach; a gateway with another has no ingress."""


@dataclass(frozen=True)
class Look:
    """What to look at.

    Attributes:
        namespace: The gateway's.
        peer: The peer's name; empty for the one that its certificate says.
        wire: Whether to look at what the gateway serves too.
        public_host: The host that other peers are told, when it is not the ingress's own.
        public_port: The port that they are told.
        timeout: Seconds that the gateway may take to answer.
    """

    namespace: str
    peer: str = ""
    wire: bool = True
    public_host: str = ""
    public_port: int | None = None
    timeout: float = TIMEOUT


def survey_cluster(cluster: Cluster, look: Look) -> list[Found]:
    """Every certificate of a cluster's gateway; what may not or cannot be read is one with a fault.

    Raises:
        ClusterUnreachableError: The API server cannot be talked to.
    """
    refs = [*(Ref("Secret", name, look.namespace) for name in SECRETS), ingress_ref(look.namespace)]
    *answers, ingress = attempt(lambda ref: cluster.get(ref.kind, ref.name, ref.namespace), refs)
    secrets = dict(zip(SECRETS, answers, strict=True))
    owner = look.peer or peer_name(secrets)
    found = stored_certificates(secrets, look.namespace, owner)
    if not look.wire or not any(answers):
        return found
    return [*found, *_served(cluster, look, owner, ingress)]


def _served(cluster: Cluster, look: Look, owner: str, ingress: Object | ClusterlinkError | None) -> list[Found]:
    """What the gateway serves; nothing when it has no ingress."""
    try:
        address = _address(cluster, look, ingress)
    except ClusterUnreachableError:
        raise
    except ClusterlinkError as error:
        return [Found(owner, PEER, WIRE, str(ingress_ref(look.namespace)), fault=error.message())]
    return [] if address is None else [on_wire(address.host, address.port, owner, look.timeout)]


def _address(cluster: Cluster, look: Look, ingress: Object | ClusterlinkError | None) -> Address | None:
    """Where the gateway serves; None when it has no ingress.

    Raises:
        ClusterlinkError: It should have an address, and none is known.
    """
    if look.public_host and look.public_port:
        return Address(look.public_host, look.public_port)
    if isinstance(ingress, ClusterlinkError):
        raise ingress
    where = str(ingress_ref(look.namespace))
    if ingress is None:
        raise ClusterlinkError(Problem(where, "is not there, so it is not known where the gateway serves"))
    address = read_address(cluster, ingress, look.public_host, look.public_port)
    if address is None and ingress["spec"].get("type") in _REACHED:
        raise ClusterlinkError(Problem(where, "has no address, so other peers cannot reach the gateway"))
    return address


def peer_name(secrets: Mapping[str, Object | ClusterlinkError | None]) -> str:
    """The peer's name by its certificate; empty when that cannot be read. Takes what C(stored_certificates) does."""
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
    """The certificates in a gateway's Secrets; what is missing or cannot be read is one with a fault.

    Args:
        secrets: What each of C(SECRETS) was found to be: the object, why it cannot be read, or None when there is none.
        namespace: The gateway's.
        owner: The peer's name.
    """
    if all(secrets.get(name) is None for name in SECRETS):
        where = f"Secret {namespace}/{names.PEER_SECRET}"
        what = "is not there, nor is any other Secret of a gateway"
        problem = Problem(where, what, fix="Install a gateway by role gateway, or give the namespace that it is in")
        return [Found(owner, PEER, SECRET, where, fault=str(problem))]
    found: list[Found] = []
    for name, key, purpose in _HELD:
        secret, where = secrets.get(name), f"Secret {namespace}/{name}"
        if isinstance(secret, ClusterlinkError):
            found.append(Found(owner, purpose, SECRET, where, fault=secret.message()))
        elif secret is None:
            missing = Problem(where, "is not there", fix="Run role gateway, which makes it")
            found.append(Found(owner, purpose, SECRET, where, fault=str(missing)))
        else:
            found += read_chain(secret_text(secret, key).encode(), owner, purpose, SECRET, f"{where} {key}")
    return found
