"""Planned moves of busy shards, in small: tests/bench/moves.py says what is measured, and what must be so."""

import json
import subprocess
import sys

from garner import ROOT

MOVES = 20


def test_a_planned_move_pauses_commits_for_a_moment_and_reads_not_at_all(tmp_path):
    figures = tmp_path / "figures.json"
    run = subprocess.run([sys.executable, "-B", ROOT / "tests/bench/moves.py", "--moves", str(MOVES), "--json", figures],
                         capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, f"{run.stdout}{run.stderr}"
    made = json.loads(figures.read_text())
    assert made["moves"] >= MOVES and made["reads"] > MOVES and not made["faults"], made
