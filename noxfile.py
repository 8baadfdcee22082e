# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supported releases of ansible-core, Python and libraries: a session for each combination that is tested.

    nox                                       all units and playbooks in every session; 'make matrix' runs this
    nox -s oldest -- tests/unit/test_run.py   some tests in one
    nox -s docs                               the documentation's site

A session needs 'make setup' once before. One whose Python is not installed is skipped. What 'make setup' installs is
one of the combinations: the newest, or that of core 2.19 where Python 3.11 is the newest.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nox

OLDEST = ("kubernetes==29.0.0", "cryptography==42.0.0", "urllib3==2.0.2")
NEWEST = ("kubernetes", "cryptography")
TOOLS = ("pytest>=9,<10", "pytest-xdist>=3.8,<4", "hypothesis>=6,<7", "PySocks>=1.7,<2")
TESTS = ("-m", "not long", "-n", "2", "--dist", "worksteal", "tests/unit", "tests/playbooks")
ENVIRONMENTS = Path(__file__).parent / ".build" / "nox"
DOCS = Path(__file__).parent / ".build" / "docs"

nox.options.envdir = str(ENVIRONMENTS)
nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "venv"


@dataclass(frozen=True)
class Corner:
    """Releases that are tested together.

    Attributes:
        pythons: Releases of Python; the first that is installed is used.
        core: What pip installs of ansible-core.
        libraries: What pip installs besides.
        pinned: Whether constraints.txt says the exact releases, as for 'make setup'.
    """

    pythons: tuple[str, ...]
    core: str
    libraries: tuple[str, ...]
    pinned: bool = False


CORNERS = {
    "oldest": Corner(("3.10", "3.11", "3.12"), "ansible-core==2.16.0", OLDEST),
    "core-2.16": Corner(("3.12",), "ansible-core==2.16.19", NEWEST),
    "core-2.17": Corner(("3.10",), "ansible-core==2.17.14", NEWEST),
    "core-2.18": Corner(("3.13",), "ansible-core==2.18.19", OLDEST),
    "core-2.19": Corner(("3.11",), "ansible-core", NEWEST, pinned=True),
    "core-2.20": Corner(("3.12",), "ansible-core==2.20.10", NEWEST),
    "core-2.21": Corner(("3.12",), "ansible-core==2.21.5", OLDEST),
    "newest": Corner(("3.13", "3.12"), "ansible-core", NEWEST, pinned=True),
}


@functools.cache
def find_python(release: str) -> str | None:
    """The path of this release's interpreter, on the PATH or in pyenv, or None.

    A shim of pyenv is on the PATH also where it has no such interpreter, so each is asked; shims last, which are slow.
    """
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in (*sorted(versions.glob(f"{release}.*/bin/python")), shutil.which(f"python{release}")):
        command = [str(candidate), "-c", "import ensurepip, sys, venv; print(sys.executable)"]
        answer = candidate and subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - an interpreter's path
        if answer and answer.returncode == 0:
            return answer.stdout.strip()
    return None


def python_of(corner: str) -> str | None:
    """The path of the interpreter that a session uses, or None where none of its releases is installed."""
    return next(filter(None, map(find_python, CORNERS[corner].pythons)), None)


def environment_of(corner: str) -> Path:
    """The virtual environment of a session; nox writes its name without dots."""
    return ENVIRONMENTS / corner.replace(".", "-")


def is_set_up(corner: str) -> bool:
    """Whether the Python that runs this is of .venv with these releases, so that all tests run with them already."""
    found = next(filter(find_python, CORNERS[corner].pythons), None)
    return CORNERS[corner].pinned and found == f"{sys.version_info.major}.{sys.version_info.minor}"


def _install(session: nox.Session, corner: Corner) -> None:
    packages = (corner.core, *corner.libraries, *TOOLS, *(("-c", "constraints.txt") if corner.pinned else ()))
    _install_once(session, packages, Path("constraints.txt").read_text(encoding="utf-8") if corner.pinned else "")


def _install_once(session: nox.Session, packages: tuple[str, ...], pins: str) -> None:
    """Install packages, unless the same ones with the same pins are installed."""
    known = Path(session.virtualenv.location) / "installed"
    wanted = "\n".join(packages) + pins
    if not known.exists() or known.read_text(encoding="utf-8") != wanted:
        # Most of what a package has is never imported, so it is compiled when it is.
        session.install("--quiet", "--no-compile", *packages)
        known.write_text(wanted, encoding="utf-8")


def _define(name: str, corner: Corner) -> None:
    @nox.session(name=name, python=python_of(name) or corner.pythons[0], reuse_venv=True)
    def unit(session: nox.Session) -> None:
        _install(session, corner)
        # What a property finds in many examples is hardly a matter of releases.
        environment = {"ANSIBLE_CONFIG": str(Path("ansible.cfg").resolve()), "CLUSTERLINK_TEST_EXAMPLES": "0.1"}
        session.run("pytest", "-q", "-p", "no:cacheprovider", *(session.posargs or TESTS), env=environment)

    unit.__doc__ = f"Unit tests and playbooks with {corner.core} and {', '.join(corner.libraries)}"


for _name, _corner in CORNERS.items():
    _define(_name, _corner)


@nox.session(python=python_of("newest") or python_of("core-2.19") or "3.13", reuse_venv=True, default=False)
def docs(session: nox.Session) -> None:
    """The documentation's site in .build/docs/html, with warnings as errors"""
    pins = ("-r", "docs/docsite/requirements.txt", "-c", "docs/docsite/constraints.txt")
    _install_once(session, pins, "".join(Path(file).read_text(encoding="utf-8") for file in pins[1::2]))
    source, reference = DOCS / "source", DOCS / "source" / "reference"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree("docs", source, ignore=shutil.ignore_patterns("docsite"))
    reference.mkdir()
    reference.chmod(0o755)  # antsibull-docs wants that only its owner can write
    environment = {"ANSIBLE_CONFIG": str(Path("ansible.cfg").resolve()), "ANSIBLE_HOME": str(DOCS / "ansible")}
    session.run("antsibull-docs", "lint-collection-docs", ".", env=environment)
    session.run(
        *("antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"),
        *("--dest-dir", str(reference), "skyshift.clusterlink"),
        env=environment,
    )
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-c", "docs/docsite", str(source), str(DOCS / "html"))
