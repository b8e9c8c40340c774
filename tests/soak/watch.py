"""The `garner run` that is watched: started, killed and started again; its feed read, its memory sampled."""

import json
import re
import signal
import threading
import time
from pathlib import Path

from truth import key_of, version_of

SAMPLE_S = 5
STOP_S = 30   # a graceful stop may take so long before the soak gives up on it (5 s are promised, and reported)


class Watched:
    def __init__(self, lab, truth, log):
        self.lab, self.truth, self.log = lab, truth, log
        self.process, self.reader, self.kills, self.starts = None, None, 0, 0
        self.samples, self.lines, self.false_deletes, self.seqs, self.faults = [], 0, [], {}, []
        self.ended = threading.Event()
        self.sampler = threading.Thread(target=self._sample, daemon=True)

    # --- its life ---

    def start(self):
        self.starts += 1
        self.process = self.lab.start("run", "-c", self.lab.config, "--print-feed", stderr=self.log)
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        if not self.sampler.is_alive():
            self.sampler.start()

    def kill(self):
        """kill -9. One that had ended by itself is a fault."""
        self.check_alive()
        self.process.kill()
        self._gone()
        self.kills += 1

    def check_alive(self):
        if self.process.poll() is not None:
            raise SystemExit(f"soak: garner run ended by itself with {self.process.returncode}: see {self.log.name}")

    def _gone(self):
        self.process.wait()
        self.reader.join(STOP_S)

    def stop(self):
        """SIGTERM. Returns how long it took, in seconds."""
        began = time.monotonic()
        self.ended.set()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        finally:
            self.process.kill()
            self._gone()
        if self.process.returncode != 0:
            self.faults.append(f"SIGTERM: garner run ended with {self.process.returncode}: see {self.log.name}")
        return time.monotonic() - began

    # --- its feed ---

    def _read(self, out):
        for line in out:
            at = time.monotonic()
            try:
                event = json.loads(line)
            except ValueError:
                if line.endswith(b"\n"):
                    self.faults.append(f"a line of the feed is no JSON: {line[:200]}")
                continue  # cut by kill -9
            if event["op"] != "bookmark":
                self._take(event, at)

    def _take(self, event, at):
        self.lines += 1
        last = self.seqs.get(event["shard"], 0)
        if event["seq"] <= last:
            self.faults.append(f"shard {event['shard']}: seq {event['seq']} printed after {last}")
        self.seqs[event["shard"]] = event["seq"]
        if event["op"] == "status":
            return
        self.truth.told(key_of(event), version_of(event), at)
        if event["op"] == "deleted" and not self.truth.is_gone(key_of(event)):
            self.false_deletes.append(event)

    # --- its memory ---

    def _sample(self):
        while not self.ended.wait(SAMPLE_S):
            try:
                text = Path(f"/proc/{self.process.pid}/status").read_text()
            except OSError:
                continue
            if found := re.search(r"RssAnon:\s+(\d+) kB", text):
                self.samples.append((time.monotonic(), int(found[1])))
