# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository is an AWX project as it is: AWX offers its playbooks alone, and they find the collection."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.gate import Gate

ROOT = Path(__file__).resolve().parents[2]

# AWX's rule, as of version 24: Project.playbooks of awx/main/models/projects.py and could_be_playbook and
# skip_directory of awx/main/utils/ansible.py. It follows no symbolic links to folders (AWX_SHOW_PLAYBOOK_LINKS).
PLAYBOOK_LINE = re.compile(r"\s*-?\s*(hosts|include|import_playbook):")
SKIPPED_FOLDERS = {"roles", "tasks", "group_vars", "host_vars"}


def offered() -> set[str]:
    """The files that AWX offers as playbooks of a job template."""
    found = set()
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [each for each in folders if not each.startswith(".") and each not in SKIPPED_FOLDERS]
        for path in (Path(folder, name) for name in names if name.endswith((".yml", ".yaml"))):
            if any(map(PLAYBOOK_LINE.match, path.read_text(encoding="utf-8").splitlines())):
                found.add(str(path.relative_to(ROOT)))
    return found


def test_awx_offers_the_playbooks_and_no_other_file() -> None:
    assert offered() == {"site.yml", *(f"playbooks/{path.name}" for path in ROOT.glob("playbooks/*.yml"))}


def test_a_project_update_installs_the_collection_that_site_yml_imports(gate: Gate, tmp_path: Path) -> None:
    awx = {"ANSIBLE_CONFIG": "", "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    requirements = ("-r", "collections/requirements.yml", "-p", str(tmp_path))
    gate("ansible-galaxy", "collection", "install", *requirements, env=awx)
    installed = tmp_path / "ansible_collections" / "skyshift" / "clusterlink"
    # The last three are what ansible-builder asks a collection for.
    parts = {"playbooks", "plugins", "roles", "meta", "bindep.txt", "requirements.txt"}
    assert parts <= {path.name for path in installed.iterdir()}
    assert not {"awx", "collections", "molecule", ".venv"} & {path.name for path in installed.iterdir()}
    gate("ansible-playbook", "--syntax-check", "-i", "inventories/example", "site.yml", env=awx)
