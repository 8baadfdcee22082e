# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with pods, and their shells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube.exec import Container, ExecResult
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.client_pod import TEMPORARY_NAME, Client
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.run import Probe
from ansible_collections.skyshift.clusterlink.plugins.module_utils.probe.script import Target

Object = dict[str, Any]
CLIENT = Client("default", labels={"app": "frontend"})


def pod(name: str, *, ready: bool = True, going: bool = False, account: str = "default", **labels: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": labels or {"app": "frontend"},
            **({"deletionTimestamp": "2025-01-31T12:00:00Z"} if going else {}),
        },
        "spec": {"containers": [{"name": "app"}, {"name": "sidecar"}], "serviceAccountName": account},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": TEMPORARY_NAME, "state": {"running": {}}}],
        },
    }


class Pods:
    """A cluster that has pods, and counts how it is asked; what C(apply) makes runs at once."""

    def __init__(self, *pods: Object) -> None:
        self.pods = list(pods)
        self.lists: list[str] = []
        self.made: list[Object] = []
        self.removed: list[str] = []
        self.groups: list[str] = []
        self.imports: list[Object] = []
        self.clock = None

    def fetch(self, api_path: str) -> Object:
        group = api_path.removeprefix("/apis/")
        return {"name": group} if group in self.groups else {}

    def list(self, kind: str, namespace: str = "", label_selector: str = "") -> Sequence[Object]:
        if kind == "Import":
            return self.imports
        assert (kind, namespace) == ("Pod", "default")
        self.lists.append(label_selector)
        wanted = dict(term.split("=") for term in label_selector.split(",") if term)
        return [each for each in self.pods if wanted.items() <= each["metadata"]["labels"].items()]

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        assert (kind, namespace) == ("Pod", "default")
        return next((each for each in [*self.pods, *self.made] if each["metadata"]["name"] == name), None)

    def apply(self, obj: Object) -> Object:
        running: Object = {"containerStatuses": [{"name": TEMPORARY_NAME, "state": {"running": {}}}]}
        made = {**obj, "metadata": {**obj["metadata"], "uid": "made"}, "status": running}
        self.made.append(made)
        return made

    def delete(self, _kind: str, name: str, _namespace: str, *, uid: str) -> bool:
        assert uid == "made", "another pod of its name would be deleted"
        self.removed.append(name)
        return True


class Shell:
    """Stands for the containers' shells: each command gets the next of the planned outcomes, the last for ever.

    An outcome is C(True) or C(False), for answered or refused, the status of an answer, or an error to raise.
    """

    def __init__(self, *outcomes: int | Exception) -> None:
        self.outcomes = list(outcomes)
        self.commands: list[tuple[str, list[str]]] = []

    def __call__(self, _cluster: object, container: Container, words: list[str], _timeout: float) -> ExecResult:
        self.commands.append((container.pod, words))
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        mark, counts = words[4], [int(count) for count in words[12::5]]
        requests = sum(counts)
        status = 200 if outcome is True else outcome
        body = f"HTTP/1.1 {status} OK\r\n\r\nhello from {container.pod}" if outcome else ""
        code = 0 if outcome else 52
        return ExecResult(f"\n{mark}\n{body}" * requests, f"curl: refused\n{mark} {code} 1.00 1.01\n" * requests, 0)


class Shells:
    """A shell for each pod, by its name: outcomes of requests that are made side by side."""

    def __init__(self, shells: Mapping[str, Shell]) -> None:
        self.shells = shells

    def __call__(self, cluster: object, container: Container, words: list[str], timeout: float) -> ExecResult:
        return self.shells[container.pod](cluster, container, words, timeout)


def one(name: str = "web", count: int = 1, **attributes: Any) -> Probe:
    target = Target("http", f"{name}.default", 80, "/", count)
    return Probe(**{"name": name, "namespace": "default", "target": target, "client": CLIENT, **attributes})
