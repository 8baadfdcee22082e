# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a release."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.release import findings

ROOT = Path(__file__).resolve().parents[2]
SUMMARY = {"0.2.0.yml": {"release_summary": "More."}}
CHANGE = {"web.yml": {"minor_changes": ["web - more."]}}


@pytest.mark.parametrize(
    ("releases", "fragments", "tag", "found"),
    [
        (["0.1.0"], {**SUMMARY, **CHANGE}, "", ""),
        (["0.1.0", "0.2.0"], {}, "v0.2.0", ""),
        (["0.1.0", "0.2.0"], {}, "", ""),
        (["0.1.0"], CHANGE, "", "no fragment has the release_summary of 0.2.0"),
        (["0.1.0"], {}, "", "no fragment has the release_summary of 0.2.0"),
        (["0.2.0"], CHANGE, "", "0.2.0 is released already, so these need another version: web.yml"),
        (["0.1.0"], SUMMARY, "v0.2.0", "has no release 0.2.0: run antsibull-changelog release"),
        (["0.2.0"], {}, "v0.3.0", "galaxy.yml has version 0.2.0, and the tag is v0.3.0"),
    ],
)
def test_the_changelog_must_fit_the_version(
    releases: list[str], fragments: dict[str, dict[str, object]], tag: str, found: str
) -> None:
    problems = findings.changelog("0.2.0", releases, fragments, tag)
    assert len(problems) == bool(found)
    assert found in "".join(problems)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["Linting...", findings.IMPORTED], []),
        (["WARNING: No changelog found.", findings.IMPORTED], ["WARNING: No changelog found."]),
        (["ERROR: The import failed"], ["ERROR: The import failed", "galaxy-importer did not come to its end"]),
        ([], ["galaxy-importer did not come to its end"]),
    ],
)
def test_every_warning_of_the_importer_counts(lines: list[str], found: list[str]) -> None:
    assert findings.importer("\n".join(lines)) == found


def test_every_warning_of_the_changelog_counts_but_those_of_ansible_core_about_itself() -> None:
    own = (
        "[WARNING]: Collection at '/lib/ansible/_internal/ansible_collections/ansible/x' does not have a MANIFEST.json"
    )
    assert findings.warnings(f"{own}\nWARNING: a fragment is empty\nWritten") == ["WARNING: a fragment is empty"]


def test_the_artifact_has_what_users_need_and_nothing_of_developers() -> None:
    names = ("README.md", "LICENSE", "SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "bindep.txt")
    files = [*names, "requirements.txt", "meta/runtime.yml", "meta/execution-environment.yml", "tests/config.yml"]
    files += ["roles/mesh/meta/main.yml", "roles/mesh/README.md", ".ansible-lint-ignore", "playbooks/site.yml"]
    assert findings.content(files) == []
    files.remove("roles/mesh/README.md")
    more = [
        ".github/workflows/ci.yml",
        "Makefile",
        "awx/configure.yml",
        "requirements-dev.txt",
        "tests/unit/test_run.py",
    ]
    expected = ["roles/mesh/README.md is missing", *(f"{each} stays out" for each in more)]
    assert findings.content([*files, *more]) == expected


def test_plugins_without_documentation_are_named() -> None:
    documented = {"a": {"doc": {"name": "a"}}, "b": {"doc": None}, "c": None, "r": {"entry_points": {}}}
    assert findings.undocumented(["a", "b", "c", "d", "r"], documented) == ["b", "c", "d"]


def test_what_is_documented_is_found_among_the_files() -> None:
    files = [
        *("plugins/modules/peer.py", "plugins/filter/report.py", "plugins/inventory/kubeconfig.py"),
        *("plugins/action/peer.py", "plugins/module_utils/errors.py", "plugins/modules/__init__.py"),
        *("roles/mesh/meta/argument_specs.yml", "roles/mesh/meta/main.yml"),
    ]
    assert findings.plugins(files) == {
        "filter": ["report"],
        "inventory": ["kubeconfig"],
        "module": ["peer"],
        "role": ["mesh"],
    }


def test_the_workflow_releases_what_the_check_has_built() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert workflow[True] == {"push": {"tags": ["v*"]}}, "YAML reads on as true"
    (job,) = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert 'make release-check TAG="$GITHUB_REF_NAME"' in commands[0]
    assert all(".build/release/" in command for command in commands[1:])
