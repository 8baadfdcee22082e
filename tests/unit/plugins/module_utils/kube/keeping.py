# SPDX-FileCopyrightText: The skyshift.clusterlink contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run in small: a main process whose worker starts a keeper, as Ansible's does.

    python keeping.py FOLDER HOW

Each Lease is a file in the folder, which its renewals make longer and its removal removes. HOW is what becomes of the
run: C(end), C(killed) (by whoever started it), C(lost) (the Leases are, and the run goes on).
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ansible_collections.skyshift.clusterlink.plugins.module_utils.kube import keeper


class FileLease:
    """Stands for a Lease."""

    def __init__(self, path: Path) -> None:
        self.cluster = self
        self.duration = 0.15
        self._path = path
        path.touch()

    def close(self) -> None:
        pass

    def renew(self) -> bool:
        if not self._path.exists():
            return False
        with self._path.open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        return True

    def release(self) -> None:
        self._path.unlink(missing_ok=True)


def main(folder: Path, how: str) -> None:
    worker = os.fork()
    if worker == 0:
        keeper.keep([FileLease(folder / "east.lease"), FileLease(folder / "west.lease")])
        if how == "killed":
            os.setsid()
            (folder / "making").write_text(str(os.getpid()), encoding="ascii")
            (folder / "making").rename(folder / "worker")
            time.sleep(60)
        os._exit(0)
    if how != "killed":
        os.waitpid(worker, 0)
    if how == "end":
        time.sleep(0.5)
    else:
        time.sleep(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
