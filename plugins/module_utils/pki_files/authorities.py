# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CAs of a fabric's folder."""

from __future__ import annotations

import os

from ..pki.certificates import fingerprint, load_chain
from . import disk
from .ca_rotation import RotationFolder
from .evictions import read_evictions


def fingerprints(root: str, fabric: str) -> tuple[str, list[str]]:
    """The fabric's folder, and the fingerprints of its CAs: those in it, and those that an eviction has replaced.

    The gateway of a cluster that was unreachable meanwhile trusts a replaced CA alone, and is still the fabric's.

    Args:
        root: The directory that contains the fabrics' folders.
        fabric: The fabric's name.

    Raises:
        ClusterlinkError: A file cannot be read, or contains no certificate.
    """
    folder = disk.fabric_folder(os.path.expanduser(root), fabric)
    rotation = RotationFolder(folder)
    found: list[str] = []
    for path in (folder.certificate, rotation.next.certificate, rotation.old.certificate, rotation.trusted):
        pem = disk.read_file(path)
        if pem is not None:
            found += [fingerprint(each) for each in load_chain(pem, path)]
    return folder.path, list(dict.fromkeys([*found, *sorted(read_evictions(folder).authorities)]))
