# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fabric's folder allows: its names, its CA and its rotation, and the CAs that gateways may trust."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from ..enrolment.admission import Admission
from ..errors import ClusterlinkError, Problem, raise_all
from ..fabric.model import Declaration
from ..pki.certificates import fingerprint, load_chain
from ..pki.keys import require_passphrase
from ..pki_files import disk
from ..pki_files.advance_rotation import require_new
from ..pki_files.authorities import fingerprints
from ..pki_files.ca_rotation import RotationFolder
from ..pki_files.evictions import read_evictions
from ..pki_files.own_ca_files import own_ca
from .identity import Expected


def folder_problems(params: Mapping[str, Any], declaration: Declaration) -> Iterator[Problem]:
    """What in the fabric's folder forbids the run.

    Args:
        params: The parameters of module fabric_preflight, with C(path).
        declaration: The declaration.
    """
    folder = disk.fabric_folder(params["path"], declaration.fabric)
    checks: list[Callable[[], None]] = [lambda: raise_all(_name_problems(folder, declaration))]
    if params["rotation"]:
        checks.append(lambda: _require_replaceable(folder, params["privatekey_passphrase"]))
    checks.append(lambda: _check_own_ca(params, folder))
    for check_folder in checks:
        try:
            check_folder()
        except ClusterlinkError as error:
            yield from error.problems


def expected(params: Mapping[str, Any], declaration: Declaration) -> Expected:
    """What gateways of the declaration's clusters have to be, and the CAs that they may trust.

    Args:
        params: The parameters of module fabric_preflight, with C(path).
        declaration: The declaration.

    Raises:
        ClusterlinkError: A certificate of the folder cannot be read.
    """
    folder, known = fingerprints(params["path"], declaration.fabric)
    pem = None if params["ownca_path"] is None else disk.read_file(params["ownca_path"])
    if pem is not None:
        # A folder that is lost gets the CA that gateways trust again.
        known.append(fingerprint(load_chain(pem, params["ownca_path"])[0]))
    return Expected(
        declaration.fabric,
        {peer.host: name for name, peer in declaration.peers.items()},
        {peer.host: peer.namespace for peer in declaration.peers.values()},
        folder,
        known,
        params["store"],
    )


def evicted_peers(params: Mapping[str, Any], declaration: Declaration) -> set[str]:
    """The names of the peers that were evicted from the fabric, and of the one that this run evicts.

    Args:
        params: The parameters of module fabric_preflight, with C(path).
        declaration: The declaration.

    Raises:
        ClusterlinkError: The record of evictions cannot be read.
    """
    folder = disk.fabric_folder(params["path"], declaration.fabric)
    return {*read_evictions(folder).names, *filter(None, [params["evicts"]])}


def _name_problems(folder: disk.Folder, declaration: Declaration) -> Iterator[Problem]:
    admission = Admission.of(folder)
    for name, peer in declaration.peers.items():
        yield from admission.name_problems(name, "clusterlink_peer_name", peer.host)


def _require_replaceable(folder: disk.Folder, passphrase: str | None) -> None:
    RotationFolder(folder).require_replaceable(require_passphrase(passphrase, "clusterlink_ca_passphrase"))


def _check_own_ca(params: Mapping[str, Any], folder: disk.Folder) -> None:
    own = own_ca(params, datetime.now(timezone.utc))
    if own is not None and disk.read_file(folder.certificate) is None:
        own.issued(None)  # the run takes it with its key
    elif own is not None and params["rotation"]:
        require_new(RotationFolder(folder), own)
