"""The world that deploy/quickstart.sh harvests: fills a docker-registry, and changes it. Standard library only.

    quickstart.py config FOLDER   writes a registry's configuration, prints its path
    quickstart.py wait LOG PID    waits until the registry listens, prints its URL
    quickstart.py fill URL        pushes images and tags
    quickstart.py change URL      a new tag, a moved one, a deleted one
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/lib"))
sys.dont_write_bytecode = True

from registry import Client, find_url, write_config  # noqa: E402

REPOS = {"library/web": 8, "library/cache": 5, "team/shop": 6, "team/shop/worker": 4, "team/billing": 6, "tools": 3}


def wait(log, pid):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if url := find_url(log):
            return url
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    sys.exit(f"quickstart: docker-registry did not start; it said:\n{Path(log).read_text(errors='replace')[-2000:]}")


def fill(registry):
    tags = 0
    for repo, count in REPOS.items():
        for n in range(1, count + 1):
            registry.push(repo, f"1.{n}", f"{repo} 1.{n}")
            tags += 1
    registry.push("team/shop", "stable", "team/shop 1.5")
    print(f"  {len(REPOS)} repositories, {tags + 1} tags")


def change(registry):
    registry.push("team/billing", "2.0", "team/billing 2.0")
    print("  new:     team/billing:2.0")
    registry.push("team/shop", "stable", "team/shop 1.6")
    print("  moved:   team/shop:stable, from 1.5 to 1.6")
    registry.delete("library/cache", registry.digest("library/cache", "1.1"))
    print("  deleted: library/cache:1.1")


def main(args):
    match args:
        case ["config", folder]:
            print(write_config(folder))
        case ["wait", log, pid]:
            print(wait(log, pid))
        case ["fill", url]:
            fill(Client(url))
        case ["change", url]:
            change(Client(url))
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
