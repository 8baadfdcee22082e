# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkPolicies in force: Kubernetes' own kube-network-policies beside the lab's network, which enforces none.

Its rules for nftables need a kernel with NFT_QUEUE, which not every machine has; iptables' NFQUEUE, in each node's own
network, puts the first packet of each connection into the same queue.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.clusters import node_of, on_node
from tests.support.digests import digest_of
from tests.support.environment import ansible_environment
from tests.support.paths import LAB_CACHE, ROOT

if TYPE_CHECKING:
    from tests.support.kubectl import Kubectl

_MODULE = Path(__file__).parent / "enforcer"
_PACKAGE = "sigs.k8s.io/kube-network-policies/cmd"
_ACCOUNT = "network-policies"
_FILES = "/var/run/secrets/kubernetes.io/serviceaccount"
_START = f"""\
set -e
mkdir -p {_FILES}
cat > {_FILES}/token
cp /etc/kubernetes/pki/ca.crt {_FILES}/ca.crt
chmod +x /kind/enforcer
iptables -t mangle -A POSTROUTING -m owner --uid-owner 0 -j ACCEPT
iptables -t mangle -A POSTROUTING -m conntrack --ctstate NEW -j NFQUEUE --queue-num 100
"""
_STOP = """\
iptables -t mangle -F POSTROUTING
kill "$(pidof enforcer)"
nft delete table inet kube-network-policies 2> /dev/null
true
"""


def _program() -> Path:
    """The program, built when it is not in the lab's cache."""
    target = LAB_CACHE / "build" / f"enforcer-{digest_of(_MODULE.iterdir(), _MODULE)[:12]}"
    lab = ROOT / "roles" / "lab" / "files"
    go = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false -modcacherw -mod=readonly", "GOWORK": "off"}
    caches = {"GOCACHE": str(LAB_CACHE / "go" / "build"), "GOMODCACHE": str(LAB_CACHE / "go" / "mod")}
    build = [str(lab / "once"), str(target), str(lab / "build-go"), "", str(_MODULE), _PACKAGE]
    subprocess.run(build, env={**os.environ, **go, **caches}, check=True)
    return target / "cmd"


@contextmanager
def enforced(kubectl: Kubectl, contexts: Sequence[str]) -> Iterator[None]:
    """The NetworkPolicies of these kind clusters are in force while the body runs."""
    program = _program()
    started: list[str] = []
    try:
        for context in contexts:
            node = node_of(context)
            _docker("cp", str(program), f"{node}:/kind/enforcer")
            kubectl("create", "serviceaccount", _ACCOUNT, "-n", "kube-system", context=context)
            user = f"--serviceaccount=kube-system:{_ACCOUNT}"
            kubectl("create", "clusterrolebinding", _ACCOUNT, "--clusterrole=cluster-admin", user, context=context)
            started.append(context)
            token = kubectl("create", "token", _ACCOUNT, "-n", "kube-system", "--duration=2h", context=context)
            on_node(context, "sh", "-c", _START, stdin=token.strip())
            api = ("--env=KUBERNETES_SERVICE_HOST=127.0.0.1", "--env=KUBERNETES_SERVICE_PORT=6443")
            run = "exec /kind/enforcer --disable-nri --v=2 > /kind/enforcer.log 2>&1"
            _docker("exec", "--detach", *api, node, "sh", "-c", run)
        yield
    finally:
        for context in started:
            on_node(context, "sh", "-c", _STOP)
            kubectl("delete", "clusterrolebinding", _ACCOUNT, context=context)
            kubectl("delete", "serviceaccount", _ACCOUNT, "-n", "kube-system", context=context)


def _docker(*arguments: str) -> None:
    done = subprocess.run(
        ["docker", *arguments], env=ansible_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
