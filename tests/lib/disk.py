"""A small disk of its own, in memory, that is filled up and has room again. Needs root.

    with Disk(folder, "256m") as disk:
        disk.fill()
        disk.clear()
"""

import os
import subprocess
from contextlib import suppress
from pathlib import Path


class Disk:
    def __init__(self, folder, size):
        assert os.geteuid() == 0, "a small disk needs root: run the tests as root"
        self.folder, self.size = Path(folder), size
        self.ballast = self.folder / "ballast"

    def __enter__(self):
        self.folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "garner-test", str(self.folder)], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.folder)], check=True)

    def fill(self):
        """Others may write meanwhile: so until there is no room."""
        with open(self.ballast, "wb", buffering=0) as ballast, suppress(OSError):
            while ballast.write(bytes(1 << 20)):
                pass

    def clear(self):
        self.ballast.unlink()
