# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a release, read from the changelog and from the output of tools."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

IMPORTED = "Importer processing completed successfully"
_NEEDED = (
    *("README.md", "LICENSE", "SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "bindep.txt", "requirements.txt"),
    *("meta/runtime.yml", "meta/execution-environment.yml"),
)
_KEPT = ("tests/config.yml", ".ansible-lint-ignore")
"""What ansible-test and Galaxy's ansible-lint read."""
_DEVELOPERS = re.compile(
    r"tests/.|\.|molecule/|(Makefile|noxfile\.py|pyproject\.toml|ansible\.cfg|site\.yml|.*-dev\.txt)$|awx/."
)
_LEVEL = re.compile(r"^(?:WARNING|ERROR|CRITICAL): ")


def changelog(
    version: str, releases: Collection[str], fragments: Mapping[str, Mapping[str, Any]], tag: str
) -> list[str]:
    """Why the changelog does not fit the version.

    Args:
        version: That of galaxy.yml.
        releases: The releases of changelogs/changelog.yaml.
        fragments: The content of the fragments, by file.
        tag: The tag that is released; empty before there is one. A tag needs the release's own entry.
    """
    found = []
    if tag and tag != f"v{version}":
        found.append(f"galaxy.yml has version {version}, and the tag is {tag}")
    if version in releases:
        if fragments:
            found.append(
                f"{version} is released already, so these need another version: {', '.join(sorted(fragments))}"
            )
    elif tag:
        found.append(f"changelogs/changelog.yaml has no release {version}: run antsibull-changelog release")
    elif not any("release_summary" in fragment for fragment in fragments.values()):
        found.append(f"no fragment has the release_summary of {version}")
    return found


def warnings(output: str) -> list[str]:
    """What antsibull-changelog warns of, but for what C(ansible-galaxy) says of ansible-core's own collection.

    Args:
        output: Its output.
    """
    return [line for line in output.splitlines() if "WARNING" in line and "/ansible/_internal/" not in line]


def importer(log: str) -> list[str]:
    """What galaxy-importer warns of, and whether it came to its end.

    Args:
        log: Its output.
    """
    found = [line for line in log.splitlines() if _LEVEL.match(line)]
    return found if IMPORTED in log else [*found, "galaxy-importer did not come to its end"]


def undocumented(names: Iterable[str], documented: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """The plugins whose documentation ansible-doc does not show.

    Args:
        names: The plugins.
        documented: The output of C(ansible-doc --json): by plugin, C(doc) and more; of a role C(entry_points).
    """
    shown = {
        name for name, content in documented.items() if content and (content.get("doc") or "entry_points" in content)
    }
    return sorted(set(names) - shown)


def content(files: Collection[str]) -> list[str]:
    """What is missing among a collection's files, and what only developers need.

    Args:
        files: Paths within the collection.
    """
    roles = {file.split("/")[1] for file in files if re.match(r"roles/\w+/meta/", file)}
    needed = {*_NEEDED, *(f"roles/{role}/README.md" for role in roles)}
    surplus = sorted(file for file in files if file not in _KEPT and _DEVELOPERS.match(file))
    return [
        *(f"{file} is missing" for file in sorted(needed.difference(files))),
        *(f"{file} stays out" for file in surplus),
    ]


def plugins(files: Sequence[str]) -> dict[str, list[str]]:
    """The plugins and roles among a collection's files, by ansible-doc's types, without the collection's name.

    Args:
        files: Paths within the collection.
    """
    found: dict[str, list[str]] = {}
    for file in sorted(files):
        parts = file.split("/")
        if re.fullmatch(r"plugins/(modules|filter|inventory)/[a-z]\w*\.py", file):
            found.setdefault({"modules": "module"}.get(parts[1], parts[1]), []).append(parts[2].removesuffix(".py"))
        elif re.fullmatch(r"roles/\w+/meta/argument_specs\.yml", file):
            found.setdefault("role", []).append(parts[1])
    return found
