"""The soak in small: some accounts for a minute and a half, killed three times. tests/soak/soak.py says what must be so."""

import json
import subprocess
import sys

from garner import ROOT


def test_nothing_is_lost_while_it_is_killed(tmp_path):
    figures = tmp_path / "figures.json"
    run = subprocess.run([sys.executable, "-B", ROOT / "tests/soak/soak.py", "--minutes", "1", "--accounts", "20", "--collections", "5", "--moto", "2",
                          "--every", "2s", "--kill-every", "10", "--changes", "10", "--quiet", "15", "--folder", tmp_path / "soak", "--json", figures],
                         capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, f"{run.stdout}{run.stderr}"
    made = json.loads(figures.read_text())
    assert made["kills"] == 3 and made["changes"] > 100 and made["latency_s"]["samples"] > 100 and not made["faults"], made
