# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster holds: kind, namespace and name of every object, a line each.

    python -m tests.support.holdings --kubeconfig FILE --context CONTEXT

Objects that come and go by themselves are left out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence

RESTLESS = frozenset({"events", "componentstatuses", "ipaddresses"})
"""Kinds that Kubernetes itself makes and removes at any time; a Service's IPAddress may outlive it for a while."""
TRANSIENT = RESTLESS | {"pods", "replicasets", "endpoints", "endpointslices"}
"""Those, and kinds that follow others a little later."""
_OF_THE_CLUSTER = frozenset({"kube-system", "kube-node-lease"})
"""Namespaces whose leases are Kubernetes's own."""
_COLUMNS = "--output=custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name"


def holdings(kubectl: Callable[..., str], leave_out: Collection[str] = TRANSIENT) -> list[str]:
    """The objects as C(KIND NAMESPACE NAME), in order.

    Args:
        kubectl: Runs kubectl with these arguments, and returns what it printed.
        leave_out: Kinds, in the plural, without their group.
    """
    served = kubectl("api-resources", "--verbs=list", "--output=name").split()
    kinds = ",".join(kind for kind in served if kind.partition(".")[0] not in leave_out)
    listed = kubectl("get", kinds, "--all-namespaces", "--no-headers", "--ignore-not-found", _COLUMNS)
    rows = [line.split() for line in listed.splitlines()]
    return sorted(" ".join(row) for row in rows if row[0] != "Lease" or row[1] not in _OF_THE_CLUSTER)


def kubectl_for(program: str, kubeconfig: str, context: str) -> Callable[..., str]:
    """What runs kubectl for one cluster."""
    command = [program, "--kubeconfig", kubeconfig, "--context", context]

    def run(*arguments: str) -> str:
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=True).stdout

    return run


def main(arguments: Sequence[str] | None = None) -> int:
    """Print them."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.holdings", description=__doc__)
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--context", required=True)
    asked = parser.parse_args(arguments)
    print(*holdings(kubectl_for(asked.kubectl, asked.kubeconfig, asked.context)), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
