# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contexts of kubeconfig files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ClusterlinkError, Problem, raise_all
from ..kube.kubeconfig import DEFAULT_PATH, read
from .found import FoundCluster

OPTION = "kubeconfigs"


def default_sources(environment: Mapping[str, str]) -> list[str]:
    """The kubeconfig that the modules use when none is given; several files of a variable are one kubeconfig."""
    return [environment.get("K8S_AUTH_KUBECONFIG") or environment.get("KUBECONFIG") or DEFAULT_PATH]


def read_contexts(sources: Iterable[str], folder: str) -> list[FoundCluster]:
    """The contexts of kubeconfigs, in their order.

    Args:
        sources: For each kubeconfig a path or a pattern of paths; several of them, separated as in C(PATH), are one
            kubeconfig, which is merged as kubectl does.
        folder: Where relative paths begin.

    Raises:
        ClusterlinkError: A file is missing or malformed.
    """
    found: list[FoundCluster] = []
    problems: list[Problem] = []
    for source in sources:
        try:
            for path in _paths(source, folder):
                found += contexts_of(read(path), path)
        except ClusterlinkError as error:
            problems += error.problems
    raise_all(problems)
    return found


def contexts_of(content: Mapping[str, Any], path: str) -> list[FoundCluster]:
    """The contexts of a kubeconfig's content, as C(kubeconfig.read) returns it.

    Args:
        content: The content.
        path: Its path, for the hosts' variables.
    """
    return [
        FoundCluster(
            context=entry["name"],
            where=f"kubeconfig {path}",
            facts={
                "kubeconfig": path,
                **{key: str(entry["context"].get(key) or "") for key in ("cluster", "user", "namespace")},
            },
            variables={"clusterlink_kubeconfig": path, "clusterlink_context": entry["name"]},
            access=(path, str(entry["context"].get("cluster")), str(entry["context"].get("user"))),
            current=entry["name"] == content.get("current-context"),
        )
        for entry in content["contexts"]
    ]


def _paths(source: str, folder: str) -> list[str]:
    """The kubeconfigs of a source, as absolute paths; one that is no pattern need not exist."""
    parts = [
        os.path.join(folder, os.path.expanduser(os.path.expandvars(part))) for part in source.split(os.pathsep) if part
    ]
    if len(parts) != 1 or not glob.has_magic(parts[0]):
        return [os.pathsep.join(map(os.path.normpath, parts))]
    there = sorted(path for path in glob.glob(parts[0]) if os.path.isfile(path))
    if not there:
        raise ClusterlinkError(Problem(OPTION, "no file matches the pattern", source, "Correct it or remove it"))
    return [os.path.normpath(path) for path in there]
