"""microburst in front of moto: failures as AWS words them, in the format of each service.

    with Burst(folder, moto.url) as burst:
        burst.rules({"service": "ec2", "times": 2, "error": {"code": "RequestLimitExceeded"}})
        …                     # ask burst.url
        burst.fired()         # [{"service": "ec2", "operation": "DescribeVolumes", "action": "error:…", …}, …] since the rules
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from fault_proxy import free_port
from process import Server

READY_S = 60


class Burst(Server):
    """Started by its making, stopped at the end of the `with`. What it said is in `folder`/microburst.log."""

    def __init__(self, folder, upstream):
        self.log = Path(folder) / "microburst.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_") and not key.lower().endswith("_proxy")}
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen([sys.executable, "-B", "-m", "microburst", "--upstream", upstream, "--host", "127.0.0.1",
                                             "--port", str(port), "--no-resign"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)
        deadline = time.monotonic() + READY_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"microburst did not start; is the virtual environment whole? (deploy/venv.sh)\n{self.log.read_text()}")
            time.sleep(0.1)

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + "/_microburst/" + path, method=method, data=None if body is None else json.dumps(body).encode())
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def _answers(self):
        try:
            self._ask("GET", "health")
            return True
        except OSError:
            return False

    def rules(self, *rules):
        """From now on these alone; what was fired before is forgotten."""
        self._ask("POST", "rules", list(rules))
        self._ask("DELETE", "fired")

    def fired(self):
        return self._ask("GET", "fired")
