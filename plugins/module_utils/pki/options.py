# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common options of the modules for CAs and peers' certificates, and of those that work in a fabric's folder.

doc_fragments/certificate and doc_fragments/fabric_folder document them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..errors import ClusterlinkError, Problem
from .keys import SIZES
from .pair import Pair
from .renewal import DEFAULT_PERCENT
from .subject import ATTRIBUTES

FOLDER_SPEC: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "fabric": {"type": "str", "default": "fabric"},
}
CERTIFICATE_SPEC: dict[str, Any] = {
    "path": {"type": "path"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "key_type": {"type": "str", "choices": list(SIZES)},
    "key_size": {"type": "int", "no_log": False},
    "renew_percent": {"type": "int", "default": DEFAULT_PERCENT},
    "subject": {"type": "dict", "options": {name: {"type": "str"} for name in ATTRIBUTES}},
    "backup": {"type": "bool", "default": False},
    "certificate_content": {"type": "str"},
    "privatekey_content": {"type": "str", "no_log": True},
    "return_content": {"type": "bool", "default": False},
}


def require_one_place(params: dict[str, Any]) -> None:
    """Refuse options that mix files and content.

    Raises:
        ClusterlinkError: With all contradictions.
    """
    contents = ("certificate_content", "privatekey_content")
    problems = []
    if params["path"] is None:
        if params.get("peers") is not None:
            problems.append(Problem("path", "is missing", fix="Several peers' certificates are kept in files"))
        elif params["state"] == "absent":
            problems.append(Problem("path", "is missing", fix="Without files there is nothing to remove"))
        elif not params["return_content"]:
            fix = "Give path to write files, or set return_content=true to get the content back"
            problems.append(Problem("path", "is missing, so a new certificate would be lost", fix=fix))
    else:
        given = [name for name in contents if params[name] is not None]
        given += ["return_content"] if params["return_content"] else []
        fix = "Give path for files, or omit it for content"
        problems += [Problem(name, "contradicts path", fix=fix) for name in given]
    if problems:
        raise ClusterlinkError(problems)


def content_pair(params: dict[str, Any], prefix: str = "") -> Pair:
    """The certificate and key given as content."""
    certificate_at, key_at = f"{prefix}certificate_content", f"{prefix}privatekey_content"
    return Pair(_encode(params[certificate_at]), _encode(params[key_at]), certificate_at, key_at)


def _encode(content: str | None) -> bytes | None:
    # An empty string does not count as None: it may come from a lookup that fails to find an existing key.
    return None if content is None else content.encode()


def backup_stamp(params: dict[str, Any], now: datetime) -> str | None:
    """The stamp of this run's backups; None when none are wanted."""
    return now.strftime("%Y%m%dT%H%M%S.%fZ") if params["backup"] else None
