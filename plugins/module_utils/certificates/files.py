# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates in a fabric's folder, in a file, or in a text. It opens no key file."""

from __future__ import annotations

import os
from dataclasses import replace

from ..errors import ClusterlinkError, Problem
from ..pki.certificates import dns_names
from ..pki_files.disk import Folder, peers_in, read_file
from .found import CONTENT, FABRIC_CA, FILE, PEER, Found, common_name, is_ca, read_chain


def in_path(path: str) -> list[Found]:
    """The certificates in a fabric's folder (C(cert.pem) and C(PEER/cert.pem)) or in a single PEM file.

    A missing or unreadable one has a fault.
    """
    if not os.path.isdir(path):
        return _sorted_out(_file(path, "", PEER))
    folder = Folder(path)
    name = os.path.basename(os.path.abspath(path))
    found = [replace(each, owner=each.owner or name) for each in _sorted_out(_file(folder.certificate, "", FABRIC_CA))]
    try:
        peers = peers_in(folder)
    except ClusterlinkError as error:
        return [*found, Found(name, PEER, FILE, path, fault=error.message())]
    for peer in peers:
        found += _file(Folder(os.path.join(path, peer)).certificate, peer, PEER)
    return found


def in_content(pem: str) -> list[Found]:
    """The certificates in a text."""
    return _sorted_out(read_chain(pem.encode(), "", PEER, CONTENT, "content"))


def _file(path: str, owner: str, purpose: str) -> list[Found]:
    try:
        pem = read_file(path)
    except ClusterlinkError as error:
        return [Found(owner, purpose, FILE, path, fault=error.message())]
    if pem is None:
        missing = Problem(path, "is missing", fix="Check the path, or create the certificate with role fabric")
        return [Found(owner, purpose, FILE, path, fault=str(missing))]
    return read_chain(pem, owner, purpose, FILE, path)


def _sorted_out(found: list[Found]) -> list[Found]:
    """Each with the purpose and owner that the certificate itself shows."""
    peer = next((_peer(each) for each in found if _peer(each)), "")
    identified = []
    for each in found:
        if each.certificate is None:
            identified.append(each)
        elif is_ca(each.certificate):
            identified.append(replace(each, owner=common_name(each.certificate), purpose=FABRIC_CA, follows=False))
        else:
            identified.append(replace(each, owner=_peer(each) or peer, purpose=PEER, follows=False))
    return identified


def _peer(found: Found) -> str:
    """The peer of a leaf; empty for a CA or an unreadable certificate."""
    if found.certificate is None or is_ca(found.certificate):
        return ""
    return next(iter(dns_names(found.certificate)), "") or common_name(found.certificate)
