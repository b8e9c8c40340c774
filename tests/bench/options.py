"""What the benchmarks' command lines have in common."""

import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def arguments(prog, description, figures):
    """What a command line says; `figures` are the names that there are."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write a line of JSON for each figure")
    parser.add_argument("--runs", metavar="N", type=int, help="rounds, of which the median counts (5)")
    parser.add_argument("--only", metavar="NAME,…", help=f"only these: {','.join(figures)}")
    parser.add_argument("--small", action="store_true", help="a little, once: says whether all of this works, and measures nothing")
    parser.add_argument("--keep", action="store_true", help="keep the folder with configurations, data and what was said")
    parser.add_argument("--build", metavar="DIR", type=Path, default=ROOT / "build/release", help="where the programs were built (build/release)")
    made = parser.parse_args()
    made.runs = made.runs or (1 if made.small else 5)
    made.only = made.only.split(",") if made.only else list(figures)
    unknown = [name for name in made.only if name not in figures]
    if unknown or made.runs < 1:
        parser.error(f"there is no figure '{unknown[0]}'" if unknown else "--runs is at least 1")
    return made
