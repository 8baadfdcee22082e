# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric's folder as the data of one Secret, and the comparison of the two.

A file is named by its path in the folder, ``cert.pem`` or ``east/key.pem``. A Secret's key may hold letters, digits,
``-``, ``_`` and ``.`` only, so ``/`` is written as ``__`` there, and other bytes as ``_`` and two hexadecimal digits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ClusterlinkError, Problem
from ..pki.certificates import fingerprint, load_chain

Files = Mapping[str, bytes]
"""The content of each file, by its path in the folder."""

LARGEST = 1024 * 1024
"""The largest total size of a Secret's values in bytes (MaxSecretSize in Kubernetes, pkg/apis/core/types.go)."""

CA = "cert.pem"
"""The path of the fabric's CA."""

_LONGEST_KEY = 253
_DEEPEST = 2
_SHOWN = 5
"""The number of files that an error names."""

_ESCAPED = re.compile(rb"[^-.A-Za-z0-9]")
_ESCAPE = re.compile(rb"__|_([0-9a-f]{2})")


def key_of(path: str) -> str:
    """The Secret's key for a file."""
    raw = path.encode(errors="surrogateescape")
    return _ESCAPED.sub(lambda found: b"__" if found[0] == b"/" else b"_%02x" % found[0][0], raw).decode()


def path_of(key: str) -> str:
    """The file for a Secret's key; empty when the key names no file."""
    raw = _ESCAPE.sub(lambda found: b"/" if found[1] is None else bytes.fromhex(found[1].decode()), key.encode())
    path = raw.decode(errors="surrogateescape")
    parts = path.split("/")
    # A leading dot is ``..``, or a file of ours that describes the folder and is not part of the Secret.
    legal = len(parts) <= _DEEPEST and all(part and part[0] != "." and "\0" not in part for part in parts)
    return path if legal and key_of(path) == key else ""


def pack(files: Files, where: str) -> dict[str, str]:
    """The Secret's data for the files.

    Args:
        files: The files.
        where: The folder, for messages.

    Raises:
        ClusterlinkError: They do not fit into one Secret.
    """
    size = sum(map(len, files.values()))
    if size > LARGEST:
        largest = sorted(files, key=lambda path: len(files[path]), reverse=True)
        found = f"{size} bytes; the largest are {listed(largest)}"
        fix = "Move files that the fabric does not need, such as backups, elsewhere; ECDSA keys are smaller than RSA's"
        raise ClusterlinkError(Problem(where, f"does not fit into a Secret of {LARGEST} bytes", found, fix))
    long = [path for path in sorted(files) if len(key_of(path)) > _LONGEST_KEY]
    if long:
        raise ClusterlinkError([Problem(f"{where}/{path}", "has too long a name for a Secret") for path in long])
    return {key_of(path): base64.b64encode(files[path]).decode() for path in sorted(files)}


def unpack(data: Mapping[str, str], where: str) -> dict[str, bytes]:
    """The files in a Secret's data.

    Args:
        data: As the API returns it.
        where: The Secret, for messages.

    Raises:
        ClusterlinkError: With all content that does not belong to a fabric's folder.
    """
    files, problems = {}, []
    for key, value in sorted(data.items()):
        path = path_of(key)
        if not path:
            problems.append(Problem(where, "has a key that names no file of a fabric's folder", repr(key), _REPAIR))
            continue
        try:
            files[path] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            problems.append(Problem(f"{where} {key}", "is not base64", fix=_REPAIR))
    problems += [
        Problem(where, f"has both a file {folder} and files in a folder of that name", fix=_REPAIR)
        for folder in sorted({path.split("/")[0] for path in files if "/" in path} & files.keys())
    ]
    if problems:
        raise ClusterlinkError(problems)
    if CA in files:
        load_chain(files[CA], f"{where} {key_of(CA)}")
    return files


_REPAIR = "Restore the Secret from a backup, or delete it to recreate it from a folder that holds the fabric"


def digests(files: Files) -> dict[str, str]:
    """The SHA-256 digest of each file."""
    return {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())}


@dataclass(frozen=True)
class Comparison:
    """The changes in a folder and in a Secret since they were equal; equal changes in both do not count.

    Attributes:
        here: Files that were changed, created or removed in the folder.
        there: The same for the Secret.
    """

    here: list[str]
    there: list[str]


def compare(base: Mapping[str, str], here: Files, there: Files) -> Comparison:
    """Compare the folder and the Secret with their common base.

    Args:
        base: The digests of the files when the two were equal; empty when they never were.
        here: The folder.
        there: The Secret.
    """
    ours, theirs = digests(here), digests(there)
    different = [path for path in sorted(ours.keys() | theirs.keys()) if ours.get(path) != theirs.get(path)]
    return Comparison(
        here=[path for path in different if ours.get(path) != base.get(path)],
        there=[path for path in different if theirs.get(path) != base.get(path)],
    )


def authority(files: Files, where: str) -> str | None:
    """The fingerprint of the CA's certificate; None when there is none.

    Raises:
        ClusterlinkError: It is damaged.
    """
    return fingerprint(load_chain(files[CA], where)[0]) if CA in files else None


def listed(paths: Iterable[str]) -> str:
    """The names of the first few files, for an error."""
    every = list(paths)
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def difference(before: Files, after: Files) -> dict[str, Any]:
    """Ansible's diff: the files that differ, certificates as fingerprints, other files without content."""
    paths = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    return {
        "before": {path: _shown(before[path]) for path in paths if path in before},
        "after": {path: _shown(after[path], changed=path in before) for path in paths if path in after},
    }


def _shown(content: bytes, *, changed: bool = False) -> str:
    try:
        return ", ".join(fingerprint(certificate) for certificate in load_chain(content, ""))
    except ClusterlinkError:
        return "present, changed" if changed else "present"
