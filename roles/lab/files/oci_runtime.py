# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OCI runtime for Docker on a host without CAP_SYS_RESOURCE: runc, asked for what such a host can give.

A privileged container is started with every capability, which the kernel refuses where one is missing from the bounding
set, as in some sandboxes and Linux containers. This drops that one capability, and the out-of-memory score that needs
it, from what Docker asks for, and leaves the rest to runc.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

CAPABILITY = "CAP_SYS_RESOURCE"


def option(arguments: list[str], *names: str) -> str | None:
    """Return the value of the first of these options that is given, as `--name value` or `--name=value`."""
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else arguments[index + 1]
    return None


def without_capability(process: dict[str, Any]) -> dict[str, Any]:
    """Return an OCI process description that does not ask for the capability or for an out-of-memory score."""
    capabilities = process.get("capabilities") or {}
    return {
        **{key: value for key, value in process.items() if key != "oomScoreAdj"},
        "capabilities": {kind: [name for name in names if name != CAPABILITY] for kind, names in capabilities.items()},
    }


def rewrite(arguments: list[str]) -> None:
    """Change the file that describes the process which this call of runc starts, if it starts one.

    `create` and `run` read it from the bundle's config.json, `exec` from the file that --process names.
    """
    if "create" in arguments or "run" in arguments:
        path = Path(option(arguments, "--bundle", "-b") or ".") / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["process"] = without_capability(config["process"])
        path.write_text(json.dumps(config), encoding="utf-8")
    elif "exec" in arguments and (process_file := option(arguments, "--process", "-p")):
        path = Path(process_file)
        process = without_capability(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(json.dumps(process), encoding="utf-8")


if __name__ == "__main__":
    rewrite(sys.argv[1:])
    os.execvp("runc", ["runc", *sys.argv[1:]])  # noqa: S606, S607 - found on the PATH, as Docker finds it
