"""Measures Garner against programs that do only what can't be avoided. run.sh builds and calls this.

Exits 0 when everything worked, whether or not what is wanted was reached; 1 when something didn't: a run that
failed, or said other counts than the pages have. Such a run is no figure.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pages
from figures import Bench
from harvest import Garner
from latency import Live
from measure import Trouble, machine_of
from nginx import Nginx, find_program
from options import arguments
from report import json_lines, table

ROOT = Path(__file__).resolve().parents[2]
SMALL = pages.Shape(accounts=2, pages=3, items=50, regions=20, regions_same=20, pages_million=5, parallel=2,
                    live=Live(accounts=2, regions=40, period_s=1, writes=60, gap_s=0.05))


def programs(build):
    """Garner, and the folder of the bare ones."""
    needed = [build / "bin/garner", build / "tests/bare_curl", build / "tests/bare_lmdb"]
    missing = [str(path) for path in needed if not path.is_file()]
    if missing:
        raise SystemExit(f"bench: not built: {', '.join(missing)}: use tests/bench/run.sh")
    return needed[0], build / "tests"


def machine():
    version = subprocess.run([find_program() or "nginx", "-v"], capture_output=True, text=True, check=False).stderr.strip()
    return f"{machine_of()}; {version}"


def measure(bench, names):
    """The figures that could be had, and what was wrong with the others."""
    figures, troubles = [], []
    for name in names:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        try:
            figures += bench.ALL[name](bench)
        except Trouble as trouble:
            troubles.append(f"bench: {name}: {trouble}")
            print(troubles[-1], file=sys.stderr, flush=True)
    return figures, troubles


def main():
    args = arguments("tests/bench/run.sh", "Measure Garner against bare programs (docs/performance.md).", Bench.ALL)
    shape = SMALL if args.small else pages.Shape()
    garner, bare = programs(args.build.resolve())
    (ROOT / "build/bench").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=ROOT / "build/bench"))
    try:
        source = folder / "pages" if args.small else ROOT / "build/bench/pages"
        pages.make(source, shape)
        (folder / "garner").mkdir()
        with Nginx(folder / "nginx", source) as nginx:
            bench = Bench(Garner(garner, folder / "garner"), bare, nginx, source, shape, args.runs)
            figures, troubles = measure(bench, [name for name in Bench.ALL if name in args.only])
    finally:
        if args.keep:
            print(f"bench: kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{machine()}\n{shape.accounts} accounts x {shape.pages} pages x {shape.items:,} items; medians of {args.runs}\n")
    print(table(figures, judged=not args.small))
    if args.json:
        args.json.write_text(json_lines(figures))
    return 1 if troubles else 0


sys.exit(main())
