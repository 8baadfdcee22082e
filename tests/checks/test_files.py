# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every file of the repository: a licence header, nothing of one machine, and a readable length."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

HEADER = (
    "SPDX-FileCopyrightText: The skyshift.clusterlink contributors",
    "SPDX-License-Identifier: GPL-3.0-or-later",
)
WITH_HEADER = {".c", ".cfg", ".conf", ".go", ".j2", ".py", ".service", ".sh", ".toml", ".txt", ".yaml", ".yml"}

WITHOUT_HEADER = re.compile(
    r"^changelogs/changelog\.yaml$"  # written by antsibull-changelog
)

MACHINE = re.compile(
    r"/root/|/work/|/home/\w|file:///"  # paths of one machine
    # Package clients know their registries' hosts.
    r"|pypi\.org|pythonhosted\.org|proxy\.golang\.org|sum\.golang\.org|registry\.npmjs|deb\.debian\.org"
)

LONGEST = 400


def files() -> list[Path]:
    """The files that are, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in sorted(filter(None, listed.split("\0"))) if (ROOT / name).is_file()]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def is_source(path: Path) -> bool:
    return path.suffix in WITH_HEADER or path.name == "Makefile" or text(path).startswith("#!")


def code(path: Path) -> str:
    """The file's text without a module's or a fragment's documentation, which is as long as its options are many."""
    return re.sub(r'^ *(DOCUMENTATION|EXAMPLES|RETURN) = r""".*?"""', "", text(path), flags=re.DOTALL | re.MULTILINE)


def test_every_source_file_has_a_licence_header() -> None:
    missing = [
        name(path)
        for path in files()
        if is_source(path)
        and not WITHOUT_HEADER.match(name(path))
        and not all(line in "\n".join(text(path).splitlines()[:6]) for line in HEADER)
    ]
    assert not missing, "no SPDX header in the first lines of: " + ", ".join(missing)


def test_no_file_knows_one_machine() -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in files()
        if path != Path(__file__)
        for number, line in enumerate(text(path).splitlines(), start=1)
        if MACHINE.search(line)
    ]
    assert not found, "paths or registry hosts of one machine:\n" + "\n".join(found)


def test_no_source_file_is_too_long_to_read() -> None:
    long = [
        f"{name(path)}: {lines} lines"
        for path in files()
        if is_source(path) and path.suffix != ".txt" and (lines := len(code(path).splitlines())) > LONGEST
    ]
    assert not long, f"over {LONGEST} lines, split by reason to change:\n" + "\n".join(long)


@pytest.mark.parametrize("folder", ["tests/sanity", "tests"])
def test_sanity_ignores_nothing(folder: str) -> None:
    assert not list((ROOT / folder).glob("ignore*.txt"))
