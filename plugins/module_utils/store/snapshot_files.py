# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All files of a fabric's folder, and the mark that says what they were when a Secret held the same.

``FABRIC/.store.json`` is the mark. It holds digests and no content. Files with a leading dot are no part of the fabric.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from ..pki_files import store
from .snapshot import Files, digests

_MARK = ".store.json"


@dataclass(frozen=True)
class Mark:
    """When a folder and a Secret were last the same.

    Attributes:
        uid: Which Secret it was; one that is made again under the same name is another.
        digests: Of the files then.
    """

    uid: str
    digests: dict[str, str]


def read_files(folder: store.Folder) -> dict[str, bytes]:
    """The content of every file in a fabric's folder and the folders in it; none when there is no folder.

    Raises:
        ClusterlinkError: One cannot be read.
    """
    files: dict[str, bytes] = {}
    for name in store.names_in(folder):
        path = os.path.join(folder.path, name)
        inner = [f"{name}/{each}" for each in store.names_in(store.Folder(path))] if os.path.isdir(path) else [name]
        for each in inner:
            place = os.path.join(folder.path, each)
            content = None if os.path.isdir(place) else store.read_file(place)
            if content is not None:
                files[each] = content
    return files


def take_over(folder: store.Folder, before: Files, after: Files) -> None:
    """Make a folder's files other ones; it is locked, and every file changes whole or not at all.

    Raises:
        ClusterlinkError: A file cannot be written or removed; the next run goes on from there.
    """
    for path, content in after.items():
        if before.get(path) != content:
            place = os.path.join(folder.path, path)
            store.make_folder(store.Folder(os.path.dirname(place)))
            store.write_file(place, content, store.KEY_MODE)
    for path in sorted(before.keys() - after.keys()):
        place = os.path.join(folder.path, path)
        store.remove_file(place)
        if "/" in path:
            store.remove_if_empty(store.Folder(os.path.dirname(place)))


def read_mark(folder: store.Folder) -> Mark | None:
    """The mark; None where there is none that makes sense, so that nothing is taken for known.

    Raises:
        ClusterlinkError: It is there and cannot be read.
    """
    text = store.read_file(os.path.join(folder.path, _MARK))
    try:
        mark = json.loads(text or b"")
        return Mark(str(mark["uid"]), dict(mark["digests"]))
    except (ValueError, TypeError, KeyError):
        return None


def write_mark(folder: store.Folder, uid: str, files: Files) -> None:
    """Say that the folder and the Secret are the same now; nothing is written where that is said already.

    Raises:
        ClusterlinkError: It cannot be written.
    """
    mark = Mark(uid, digests(files))
    if read_mark(folder) != mark:
        store.write_file(os.path.join(folder.path, _MARK), json.dumps(vars(mark)).encode(), store.KEY_MODE)


def remove_mark(folder: store.Folder) -> None:
    """Forget the Secret."""
    store.remove_file(os.path.join(folder.path, _MARK))
