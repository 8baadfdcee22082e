# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of gateways share: certificates made by openssl, and a list of all that is in a cluster."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.holdings import RESTLESS, holdings
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.ansible import Ansible
    from tests.support.kubectl import Kubectl

_SYSTEM = frozenset({"kube-system", "kube-node-lease", "kube-public", "local-path-storage"})

_OF_A_TEST = re.compile(r"(^| )test-[0-9a-f]{8}( |$)")

_OF_A_CONNECTION = re.compile(r"authoriz|access token|loadbalancer|\beyJ", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[\d*m")

CONTROLPLANE, DATAPLANE, INGRESS = "cl-controlplane", "cl-dataplane", "clusterlink"

QUICK = {"controlplane_drain_seconds": 5, "dataplane_drain_seconds": 5}
"""Options for gateways whose requests nobody counts: pods that are replaced do not keep serving for long."""

QUICK_VARIABLES = {f"clusterlink_{option}": seconds for option, seconds in QUICK.items()}
"""The same as variables of an inventory."""


SHARED_GATEWAY = "shared-gateway"
"""The namespace of the gateway that the tests of tests/e2e/shared_gateway share."""


class Fabric:
    """A fabric's CA and the certificates of its peers in a folder, made by openssl, which is not what we test."""

    def __init__(self, folder: Path, name: str = "test") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key(folder / "key.pem")
        subject = f"/CN={name}"
        extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
        self._openssl(
            *("req", "-x509", "-new", "-key", "key.pem", "-subj", subject, "-days", "30", "-out", "cert.pem"),
            *(word for extension in extensions for word in ("-addext", extension)),
        )

    def peer(self, name: str, *, folder: str = "", days: str = "30") -> dict[str, str]:
        """A new certificate for a peer, as the module's arguments; negative days make one that has expired."""
        place = self.folder / (folder or name)
        place.mkdir(exist_ok=True)
        self._key(place / "key.pem")
        (place / "extensions").write_text(
            f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth,clientAuth\n", encoding="utf-8"
        )
        self._openssl("req", "-new", "-key", f"{place}/key.pem", "-subj", f"/CN={name}", "-out", f"{place}/csr.pem")
        self._openssl(
            *("x509", "-req", "-in", f"{place}/csr.pem", "-CA", "cert.pem", "-CAkey", "key.pem", "-CAcreateserial"),
            *("-days", days, "-extfile", f"{place}/extensions", "-out", f"{place}/cert.pem"),
        )
        return {
            "peer": name,
            "certificate_path": f"{place}/cert.pem",
            "privatekey_path": f"{place}/key.pem",
            "ca_path": str(self.folder / "cert.pem"),
        }

    def _key(self, path: Path) -> None:
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@contextmanager
def standing(
    ansible: Ansible, kubectl: Kubectl, fabric: Fabric, namespace: str, peer: str = "east", **options: Any
) -> Iterator[dict[str, Any]]:
    """A gateway's address, while it stands in a namespace of its own; both are gone at the end."""
    settings = {**fabric.peer(peer), **QUICK, "namespace": namespace, "ingress_type": "NodePort", **options}
    try:
        made = ansible("gateway", settings)
        assert not made.get("failed"), made["msg"]
        address: dict[str, Any] = made["address"]
        yield address
    finally:
        ansible("gateway", {"state": "absent", "namespace": namespace, "force": True})
        kubectl.remove_namespace(namespace)


def bring(run_module: Ansible, settings: dict[str, Any], *, changed: bool = True) -> dict[str, Any]:
    """Foretells a change of a gateway in check mode, makes it, and runs again to see that nothing is left to do."""
    predicted, done, again = run_module.each(
        *(run_module.task("gateway", settings, check=check) for check in (True, False, False))
    )
    for result in (predicted, done, again):
        assert not result.get("failed"), result["msg"]
    for key in ("changed", "created", "updated", "deleted", "reasons"):
        assert predicted[key] == done[key], key
    assert done["changed"] is changed, done["reasons"]
    assert not again["changed"], again["reasons"]
    assert again["diff"] == []
    assert again["address"] == done["address"]
    return done


def peer_secret(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    """What the Secret with a gateway's certificate holds, decoded."""
    data = kubectl.json("get", "secret", "cl-peer", "-n", namespace)["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def served_certificate(address: dict[str, Any], client: dict[str, str], server_name: str) -> str:
    """The serial number of the certificate that a gateway serves, after a TLS handshake in which both sides check."""
    run = subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"{address['host']}:{address['port']}", "-servername", server_name),
            *("-CAfile", client["ca_path"], "-cert", client["certificate_path"], "-key", client["privatekey_path"]),
            *("-verify_return_error", "-verify_hostname", server_name),
        ],
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert "Verify return code: 0 (ok)" in run.stdout, run.stdout + run.stderr
    return serial_of(run.stdout)


def wait_until_served(address: dict[str, Any], client: dict[str, str], certificate_path: str) -> None:
    """Return when gateway C(east) serves this certificate; the test fails when it does not."""
    wanted = serial_of(Path(certificate_path).read_text(encoding="utf-8"))
    wait_until(
        f"gateway east serves the certificate with {wanted}",
        lambda: served_certificate(address, client, "east") == wanted,
    )


def serial_of(certificate: str) -> str:
    """The serial number of the first certificate in a text."""
    run = subprocess.run(
        ["openssl", "x509", "-noout", "-serial"], input=certificate, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def said_last(kubectl: Kubectl, context: str) -> str:
    """The last lines that a cluster's gateways logged; where they cannot be read, what is in the way.

    Those about single connections are left out: they have tokens, and are too many.
    """
    soon = ("--request-timeout=10s",)
    names = "jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{'\\n'}{end}"
    of_gateways = "app in (cl-controlplane, cl-dataplane)"
    found = kubectl(*("get", "pods", "-A", "-l", of_gateways, "-o", names), *soon, context=context, check=False)
    logs = []
    for namespace, pod in (line.split() for line in found.splitlines() if len(line.split()) == 2):
        lines = kubectl("logs", "--tail=500", "-n", namespace, pod, *soon, context=context, check=False).splitlines()
        told = [_COLOUR.sub("", line) for line in lines if not _OF_A_CONNECTION.search(line)]
        logs.append("\n".join((f"{namespace}/{pod}:", *told[-30:])))
    return "\n".join(logs) or found


def inventory(kubectl: Kubectl) -> set[str]:
    """All objects of a cluster by kind, namespace and name, but for what Kubernetes itself stirs.

    Namespaces of fixture C(namespace) are left out with all that is in them: those of other tests are on their way out.
    What else is on its way is waited for; pods that serve on for a while are told not to.
    """
    _wait_for_what_goes(kubectl)
    found = (line for line in holdings(kubectl, RESTLESS) if not _OF_A_TEST.search(line))
    return {line for line in found if line.split()[1] not in _SYSTEM and not line.startswith("Node ")}


def _wait_for_what_goes(kubectl: Kubectl) -> None:
    names = "KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name"
    columns = f"-o=custom-columns={names},SINCE:.metadata.deletionTimestamp"
    deadline = time.monotonic() + 90
    while True:
        lines = kubectl("get", "namespaces,pods", "-A", "--no-headers", "--ignore-not-found", columns).splitlines()
        going = [line for line in lines if not line.rstrip().endswith("<none>") and not _OF_A_TEST.search(line)]
        if not going:
            return
        assert time.monotonic() < deadline, f"these do not go: {going}"
        for kind, namespace, name, _since in map(str.split, going):
            if kind == "Pod":
                kubectl.hurry(namespace, name)
        time.sleep(0.5)


def pods(kubectl: Kubectl, namespace: str, app: str) -> set[str]:
    """The names of a workload's pods that are not on their way out."""
    listed = kubectl.json("get", "pods", "-n", namespace, "-l", f"app={app}")["items"]
    return {pod["metadata"]["name"] for pod in listed if "deletionTimestamp" not in pod["metadata"]}


def deployment_of_others(namespace: str, name: str = DATAPLANE) -> dict[str, Any]:
    """A data plane, or a control plane, without pods that this collection did not make."""
    pod = {"containers": [{"name": "other", "image": f"ghcr.io/clusterlink-net/{name}:v0.4.0"}]}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
