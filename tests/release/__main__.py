# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Galaxy and its users would take the collection as it is: ``make release-check [TAG=v1.2.3] [DEMO=1]``.

    python -m tests.release [TAG]

The artifact stays in .build/release, with the release notes that the fragments would become. With DEMO in the
environment, the lab and the demo run from the installed artifact, too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from tests.release import findings
from tests.support.paths import LAB_CACHE, PROGRAMS, ROOT

WORK = ROOT / ".build" / "release"
INSTALLED = WORK / "installed"
COLLECTION = INSTALLED / "ansible_collections" / "skyshift" / "clusterlink"
EMPTY = WORK / "empty"
"""Where Ansible is started, with an empty configuration, so that it finds nothing but what is installed."""

NOTES = WORK / "release-notes.md"

IMPORTER = "0.4.44"
"""The version of galaxy-importer; its many dependencies have an environment of their own."""
IMPORTER_FOLDER = ROOT / ".build" / f"galaxy-importer-{IMPORTER}"


class CheckError(Exception):
    """What stands in the way of the release."""


def main(tag: str) -> int:
    """Run every check; returns how many found something."""
    shutil.rmtree(WORK, ignore_errors=True)
    EMPTY.mkdir(parents=True)
    (EMPTY / "ansible.cfg").touch()
    steps: list[tuple[str, Callable[[], None]]] = [
        ("the changelog fits the version", lambda: check_changelog(tag)),
        ("the collection is built and installed", build_and_install),
        ("the release notes can be made", preview_changelog),
        ("each playbook's syntax, as installed", check_playbooks),
        ("each plugin's documentation, as installed", check_documentation),
        ("galaxy-importer finds nothing", check_importer),
    ]
    if os.environ.get("DEMO"):
        steps.append(("the demo runs as installed (minutes)", run_demo))
    failed = 0
    for title, step in steps:
        print(f"==> {title}", flush=True)
        try:
            step()
        except CheckError as error:
            failed += 1
            print(f"    FAILED: {error}", flush=True)
            if step == build_and_install:
                break  # the others need it
    print(f"{failed} checks failed" if failed else f"{WORK.relative_to(ROOT)} has the artifact and its release notes")
    return failed


def check_changelog(tag: str) -> None:
    """The changelog's own linter, and its entry for the version."""
    run("antsibull-changelog", "lint", cwd=ROOT)
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    releases = yaml.safe_load((ROOT / "changelogs/changelog.yaml").read_text(encoding="utf-8"))["releases"]
    files = sorted((ROOT / "changelogs/fragments").glob("*.y*ml"))
    fragments = {file.name: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}
    refuse(findings.changelog(version, releases, fragments, tag))
    if tag and not (ROOT / "CHANGELOG.md").is_file():
        raise CheckError("there is no CHANGELOG.md: run antsibull-changelog release")


def build_and_install() -> None:
    """The artifact in an empty path."""
    run("ansible-galaxy", "collection", "build", "--output-path", str(WORK), cwd=ROOT)
    run("ansible-galaxy", "collection", "install", str(artifact()), "--offline", "--no-deps", "-p", str(INSTALLED))
    with tarfile.open(artifact()) as packed:
        refuse(findings.content([each.name for each in packed.getmembers() if each.isfile() or each.issym()]))


def preview_changelog() -> None:
    """What the fragments become, in a copy: antsibull-changelog has no preview, and a release removes them."""
    copy = WORK / "notes" / "ansible_collections" / "skyshift" / "clusterlink"
    shutil.copytree(COLLECTION, copy, symlinks=True)
    shutil.copy(ROOT / "galaxy.yml", copy)
    if list(copy.glob("changelogs/fragments/*.y*ml")):
        output = run("antsibull-changelog", "release", cwd=copy, collections=WORK / "notes")
        refuse(findings.warnings(output))
    latest = ("--only-latest", "--output-format", "md", "--output", str(NOTES))
    run("antsibull-changelog", "generate", *latest, cwd=copy, collections=WORK / "notes")


def check_playbooks() -> None:
    """Ansible's syntax check."""
    names = [f"skyshift.clusterlink.{path.stem}" for path in sorted(COLLECTION.glob("playbooks/*.yml"))]
    run("ansible-playbook", "--syntax-check", "--inventory", "localhost,", *names)


def check_documentation() -> None:
    """That ansible-doc shows every plugin and role."""
    with tarfile.open(artifact()) as packed:
        by_type = findings.plugins(packed.getnames())
    missing: list[str] = []
    show = ("ansible-doc", "--json", "--type")
    for kind, names in by_type.items():
        full = [f"skyshift.clusterlink.{name}" for name in names]
        missing += findings.undocumented(full, json.loads(run(*show, kind, *full, only_output=True)))
    refuse([f"ansible-doc shows nothing of {name}" for name in missing])


def check_importer() -> None:
    """What Galaxy checks at an upload, ansible-lint among it; it takes minutes."""
    python = IMPORTER_FOLDER / "bin" / "python"
    if not (IMPORTER_FOLDER / "complete").exists():
        print("    (makes its environment first)", flush=True)
        run(sys.executable, "-m", "venv", "--clear", str(IMPORTER_FOLDER))
        pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(*pip, "-r", str(ROOT / "requirements.txt"), f"galaxy-importer=={IMPORTER}")
        (IMPORTER_FOLDER / "complete").touch()
    log = run(str(python), "-m", "galaxy_importer.main", str(artifact()), cwd=WORK, programs=python.parent, check=False)
    (WORK / "importer.log").write_text(log, encoding="utf-8")
    refuse(findings.importer(log))


def run_demo() -> None:
    """The lab and the fabric of ``make demo``, by the installed collection; the lab is removed."""
    os.environ["PATH"] = f"{LAB_CACHE / 'bin'}{os.pathsep}{os.environ['PATH']}"
    play = ("ansible-playbook", "--inventory", str(ROOT / "inventories/lab"))
    try:
        for name in ("lab", "site", "show"):
            run(*play, f"skyshift.clusterlink.{name}")
    finally:
        run(*play, "skyshift.clusterlink.lab", "-e", "lab_state=absent")


def artifact() -> Path:
    """The artifact that was built."""
    return next(WORK.glob("*.tar.gz"))


def refuse(found: Sequence[str]) -> None:
    """Raise with what was found, if there is anything."""
    if found:
        raise CheckError("\n    ".join(found))


def run(
    *command: str,
    cwd: Path = EMPTY,
    collections: Path = INSTALLED,
    programs: Path = PROGRAMS,
    check: bool = True,
    only_output: bool = False,
) -> str:
    """What the command prints, standard output and error.

    Args:
        command: The program and its arguments.
        cwd: Where it runs.
        collections: The only path of collections.
        programs: Where programs are looked up first.
        check: Raise when it fails.
        only_output: Leave out standard error.

    Raises:
        CheckError: It failed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_CONFIG": str(EMPTY / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise CheckError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout if only_output else done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1] if len(sys.argv) > 1 else "")))
