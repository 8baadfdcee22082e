# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ClusterLink's kinds agree with their definitions, and every module knows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.crds import crds
from ansible_collections.skyshift.clusterlink.plugins.module_utils.clusterlink.kinds import CLUSTERLINK_KINDS

BY_NAME = {kind.name: kind for kind in CLUSTERLINK_KINDS}

# In an interpreter of its own, where no test has registered the kinds.
PRINT_KINDS = """
import importlib, json, sys
utils = "ansible_collections.skyshift.clusterlink.plugins.module_utils"
for name in sys.argv[1:]:
    importlib.import_module(f"{utils}.{name}")
print(json.dumps(list(importlib.import_module(f"{utils}.common.kinds").KINDS)))
"""


def kinds_after_import(*names: str) -> set[str]:
    command = [sys.executable, "-c", PRINT_KINDS, *names]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return set(json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout))


def test_kinds_agree_with_the_definitions_that_are_installed() -> None:
    for crd in crds():
        spec = crd["spec"]
        kind = BY_NAME[spec["names"]["kind"]]
        assert crd["metadata"]["name"] == kind.resource
        assert kind.plural == spec["names"]["plural"]
        assert kind.namespaced is (spec["scope"] == "Namespaced")
        assert kind.api_version in {f"{spec['group']}/{version['name']}" for version in spec["versions"]}


def test_every_module_knows_them_since_it_imports_outcome() -> None:
    assert kinds_after_import("outcome") >= BY_NAME.keys()


def test_api_client_alone_knows_none_of_them() -> None:
    client = ("connection", "apply", "wait", "parallel", "exec", "readiness", "dry_run")
    assert not kinds_after_import(*(f"kube.{name}" for name in client)) & BY_NAME.keys()
