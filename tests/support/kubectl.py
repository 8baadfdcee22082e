# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubectl, the outside tool that results are proven with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.clusters import Clusters
from tests.support.objects import crd_names
from tests.support.paths import LAB_CACHE

LIMIT_SECONDS = 300
"""A deletion that waits for somebody's finalizer would wait for ever."""
AGAIN_SECONDS = 15
"""How long Kubernetes may take until it is asked to look again whether a namespace is empty: by itself it looks each
half of the longest grace period that it has seen there, or ever more rarely."""


class Kubectl:
    """Runs kubectl, the outside tool that results are proven with.

    Attributes:
        command: kubectl with its kubeconfig.
    """

    def __init__(self, clusters: Clusters) -> None:
        # On a new machine API servers are there before the node image, which the lab's own kubectl comes from.
        lab = [str(path) for name in ("kubectl", "kubectl-built") if (path := LAB_CACHE / "bin" / name).exists()]
        program = os.environ.get("CLUSTERLINK_TEST_KUBECTL") or next(iter(lab), None) or shutil.which("kubectl")
        if not program:
            pytest.fail("there is no kubectl: set CLUSTERLINK_TEST_KUBECTL to its path")
        self.command = [program, "--kubeconfig", str(clusters.kubeconfig)]
        self._context = clusters.contexts[0]

    def __call__(self, *arguments: str, context: str = "", stdin: str = "", check: bool = True) -> str:
        """What kubectl prints.

        Args:
            arguments: Its arguments.
            context: The cluster's context; by default the first cluster's.
            stdin: What it reads.
            check: Fail the test when kubectl fails; otherwise its error is returned, too.
        """
        try:
            run = subprocess.run(
                [*self.command, "--context", context or self._context, *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=LIMIT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            pytest.fail(f"kubectl {' '.join(arguments)}: not done after {LIMIT_SECONDS} s")
        if check and run.returncode != 0:
            pytest.fail(f"kubectl {' '.join(arguments)}: {run.stderr}")
        return run.stdout if check else run.stdout + run.stderr

    def json(self, *arguments: str, context: str = "") -> dict[str, Any]:
        """What kubectl prints with C(--output=json), decoded."""
        decoded: dict[str, Any] = json.loads(self(*arguments, "--output=json", context=context))
        return decoded

    def apply(self, *objects: Mapping[str, Any], context: str = "", manager: str = "") -> None:
        """Make objects, with server-side apply as C(manager) when one is named."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        how = ["--server-side", f"--field-manager={manager}"] if manager else []
        self("apply", *how, "--filename=-", context=context, stdin=items)

    def remove_namespace(self, *names: str, context: str = "") -> None:
        """Remove namespaces that may be there, with pods that would serve on for a while."""
        self("delete", "namespace", *names, "--ignore-not-found", "--wait=false", context=context)
        for name in names:
            self.hurry(name, context=context)
        for name in names:
            self._wait_for_namespace(name, context)

    def _wait_for_namespace(self, name: str, context: str) -> None:
        """Wait until a namespace that is being deleted is gone."""
        gone = (f"namespace/{name}", "--for=delete", f"--timeout={AGAIN_SECONDS}s")
        for number in range(LIMIT_SECONDS // AGAIN_SECONDS):
            if "timed out" not in self("wait", *gone, context=context, check=False):
                return
            self("annotate", "namespace", name, f"tests/look-again={number}", context=context, check=False)
        pytest.fail(f"namespace {name} is not gone after {LIMIT_SECONDS} s")

    def remove_definitions(self, *more: str, context: str = "") -> None:
        """Remove ClusterLink's CustomResourceDefinitions, and more of them, that may be there."""
        self("delete", "crd", "--ignore-not-found", "--wait", *more, *crd_names(), context=context)

    def hurry(self, namespace: str, *pods: str, context: str = "") -> None:
        """Let pods end within a second, all of a namespace unless some are named."""
        which = pods or ("--all",)
        now = ("--grace-period=1", "--wait=false", "--ignore-not-found")
        self("delete", "pods", *which, "-n", namespace, *now, context=context)
