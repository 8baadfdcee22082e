# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether gateways accept the certificates of a new CA, by TLS handshakes with a certificate that is made for them."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from ..common.progress import Progress
from ..errors import ClusterlinkError, Problem
from ..pki.issue import Issuer
from ..pki.keys import KeySpec
from ..pki.leaf import LeafRequest, make_leaf
from ..pki_files import disk
from .wire import TIMEOUT, try_certificate

PATIENCE_SECONDS = 20.0
"""How long a gateway may take to use what its pods have loaded; its data planes get it from the control plane."""

_PAUSE_SECONDS = 1.0
_THREADS = 32
_DAYS = 1

_ALERTS = ("UNKNOWN_CA", "BAD_CERTIFICATE")
"""Parts of the TLS alerts for a CA that is not trusted: Envoy and Go send the first one, older releases of Go the
second. Any other answer may have another cause, such as a proxy in between, and must not stop a rotation for good."""


def require_accepted(
    issuer: Issuer, observed: Mapping[str, Any], now: datetime, patience: float = PATIENCE_SECONDS
) -> None:
    """Refuse to let a CA issue certificates before gateways accept these.

    A gateway without an address, or which this machine cannot reach, is not tested.

    Args:
        issuer: The CA with its key.
        observed: By peer, C(address) as module gateway_info returns it.
        now: Aware.
        patience: Seconds until every gateway must accept them.

    Raises:
        ClusterlinkError: With every gateway that refuses them.
    """
    deadline, progress = time.monotonic() + patience, Progress()
    waiting = {name: view["address"] for name, view in observed.items() if view.get("address")}
    alerts: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="clusterlink-") as folder, ThreadPoolExecutor(_THREADS) as pool:
        files = {name: _write_leaf(folder, name, issuer, now) for name in waiting}
        while waiting:
            answers = pool.map(_refusal, waiting, waiting.values(), map(files.__getitem__, waiting))
            reasons = {name: reason for name, reason in zip(waiting, answers, strict=True) if reason}
            waiting = {name: waiting[name] for name in reasons}
            # A client that is slow reads the end of the connection and not the alert, so one alert is enough.
            alerts |= {name: reason for name, reason in reasons.items() if any(alert in reason for alert in _ALERTS)}
            if time.monotonic() >= deadline:
                break
            if waiting:
                progress.pause(_PAUSE_SECONDS, f"{', '.join(waiting)}: the gateway does not accept the new CA yet")
    problems = [_problem(name, alerts[name]) for name in waiting if name in alerts]
    if problems:
        raise ClusterlinkError(problems)


def _write_leaf(folder: str, peer: str, issuer: Issuer, now: datetime) -> tuple[str, str]:
    """A certificate of the gateway's own name and its key, as files that only this user can read."""
    leaf = make_leaf(LeafRequest(peer, KeySpec(), _DAYS), issuer, now)
    own = disk.Folder(os.path.join(folder, peer))
    disk.make_folder(own)
    disk.write_pair(own, leaf.certificate_pem, leaf.key_pem)
    return own.certificate, own.key


def _refusal(peer: str, address: Mapping[str, Any], files: tuple[str, str]) -> str:
    """Why a gateway refuses a certificate; empty when it accepts it or cannot be asked."""
    try:
        return try_certificate(address["host"], address["port"], peer, files, TIMEOUT)
    except ClusterlinkError:
        return ""


def _problem(peer: str, reason: str) -> Problem:
    what = "its gateway refuses certificates of the new CA, though its Secret trusts it"
    fix = "Run rotate_ca.yml again; look at the log of its control plane when that does not help"
    return Problem("fabric_ca_rotation", what, reason, fix, peer)
