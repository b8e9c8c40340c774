"""A run that goes on answers over HTTP: metrics as Prometheus reads them, health, and its status as JSON."""

import http.client
import json
import re
import signal
import socket
import time

import pytest
import yaml
from continual import free_port
from garner import ACCOUNT, THING, collection
from prometheus_client.parser import text_string_to_metric_families
from server import Listing, error

PART = "p.part"


class Run:
    """`garner run` with `http` on a port that was free."""

    def __init__(self, lab):
        self.lab, self.log = lab, lab.folder / "run.log"
        self.listen = yaml.safe_load(lab.config.read_text())["listen"]
        with self.log.open("wb") as log:
            self.process = lab.start("run", "-c", lab.config, stderr=log)
        self.port = int(self.awaited(lambda: re.search(r'listening for HTTP.* port="?(\d+)', self.log.read_text()))[1])

    def awaited(self, look, seconds=30):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.process.poll() is None, f"it ended: {self.log.read_text()}"
            found = look()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited {seconds} s for nothing: {self.log.read_text()}")

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def status(self):
        code, _, text = self.get("/status")
        assert code == 200, text
        return json.loads(text)

    def metrics(self):
        code, headers, text = self.get("/metrics")
        assert code == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return {(sample.name, *sample.labels.values()): sample.value
                for family in text_string_to_metric_families(text) for sample in family.samples}

    def asked(self, *args, **more):
        """`garner status` at it."""
        return self.lab.garner("status", "--at", self.listen, *args, **more)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.log.read_text()
        assert "Sanitizer" not in self.log.read_text()


@pytest.fixture
def started(lab):
    runs = []

    def start(*collections, **config):
        lab.has(*collections, config={"http": "127.0.0.1:0", "listen": f"tcp://127.0.0.1:{free_port()}", **config})
        runs.append(Run(lab))
        return runs[-1]
    yield start
    for run in runs:
        if run.process.poll() is None:
            run.end()


def things(count):
    return Listing([{"id": f"a{n:02}"} for n in range(count)], size=100)


def test_metrics_are_read_by_prometheus_and_say_what_was_done(server, started):
    server.on("/things", things(7))
    server.on("/parts", error(403))
    run = started(collection(priority="high"), collection(PART, "/parts"))
    run.awaited(lambda: run.metrics()[("garner_harvests_total", "denied")] == 1)
    run.awaited(lambda: run.metrics()[("garner_harvests_total", "sound")] == 1)
    made = run.metrics()
    assert sum(made[("garner_collections", state)] for state in ("waiting", "due", "under_way")) == 2
    assert made[("garner_troubled_collections", "unreachable")] == 1
    assert made[("garner_troubled_collections", "held")] == 0
    assert made[("garner_items_total", "4")] == 7 and made[("garner_changes_total", "created")] == 7
    assert made[("garner_requests_total",)] >= 2 and made[("garner_commits_total",)] >= 1
    assert made[("garner_staleness_seconds_count", "high")] == 1
    assert made[("garner_staleness_seconds_count", "normal")] == 0
    assert made[("garner_never_harvested_collections", "normal")] == 1
    assert made[("garner_resident_bytes",)] > 1 << 20 and made[("garner_accounts",)] == 1
    assert abs(made[("garner_start_time_seconds",)] - time.time()) < 60


def test_counters_only_grow_and_tiers_are_told(server, started):
    server.on("/things", things(7))
    run = started(collection(every="1s"))
    run.awaited(lambda: run.metrics()[("garner_harvests_total", "sound")] >= 3)
    before = run.metrics()
    assert before[("garner_items_total", "1")] + before[("garner_items_total", "2")] >= 14
    time.sleep(1.2)
    after = run.metrics()
    assert all(after[key] >= value for key, value in before.items() if key[0].endswith("_total"))
    assert after[("garner_oldest_seconds", "normal")] < 10


def test_the_number_of_samples_is_the_same_for_one_collection_and_for_many(server, started, lab):
    server.on("/*", error(403))
    run = started(collection())
    few = set(run.metrics())
    run.end()
    run = started(*[collection(f"p.t{n}", f"/t{n}") for n in range(40)])
    run.awaited(lambda: run.metrics()[("garner_troubled_collections", "unreachable")] == 40)
    assert set(run.metrics()) == few


def test_status_names_what_is_wrong_and_when_it_is_tried_next(server, started):
    server.on("/things", error(403, "Forbidden"))
    run = started(collection(), collection(PART, "/parts"))
    server.on("/parts", things(3))
    run.awaited(lambda: run.status()["troubled"]["unreachable"] == 1 and run.status()["harvests"]["sound"] >= 1)
    made = run.status()
    trouble, = made["troubles"]
    assert (trouble["account"], trouble["type"], trouble["error"]) == (ACCOUNT, THING, "denied")
    assert "403" in trouble["cause"] and trouble["since"] and trouble["next"] > made["time"][:19]
    assert made["well"] is False and made["collections"] == 2 and made["resources"] == 3
    assert sum(made["states"].values()) == 2 and made["requests_per_second"] > 0


def test_the_command_asks_a_running_garner(server, started):
    server.on("/things", error(403, "Forbidden"))
    server.on("/parts", things(3))
    run = started(collection(), collection(PART, "/parts"))
    run.awaited(lambda: run.status()["troubled"]["unreachable"] == 1 and run.status()["harvests"]["sound"] >= 1)
    made = json.loads(run.asked("--json", expect=1).text)
    assert made["started"] and sum(made["states"].values()) == 2 and made["resources"] == 3
    assert [t["type"] for t in made["troubles"]] == [THING] and "403" in made["troubles"][0]["cause"]
    text = run.asked(expect=1).text
    assert "running for" in text and "requests a second" in text and "unreachable (denied)" in text
    assert json.loads(run.asked("--json", "-t", PART).text)["collections"] == 1
    assert json.loads(run.asked("--json", "-a", f"p/{ACCOUNT}", expect=1).text)["collections"] == 2
    run.asked("-t", "p.nothing").said("it harvests nothing of that")


def test_it_is_ready_and_healthy(server, started):
    server.on("/things", things(1))
    run = started(collection())
    run.awaited(lambda: run.get("/readyz")[0] == 200)
    assert run.get("/readyz")[2] == "ready\n"
    code, headers, text = run.get("/healthz")
    assert (code, text) == (200, "ok\n") and headers["Content-Type"].startswith("text/plain")
    assert run.get("/healthz", "HEAD")[2] == ""


def test_unknown_pages_and_methods(server, started):
    server.on("/things", things(1))
    run = started(collection())
    for path, wanted in (("/", 200), ("/nothing", 404)):
        code, _, text = run.get(path)
        assert code == wanted and all(page in text for page in ("/metrics", "/status", "/healthz", "/readyz"))
    assert run.get("/metrics", "POST")[0] == 405


def test_an_address_in_use_ends_the_run_at_once(server, lab):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        lab.has(collection(), config={"http": address, "listen": f"tcp://127.0.0.1:{free_port()}"})
        lab.garner("run", "-c", lab.config, expect=None).said(address, "another program listens there", "another port")
    assert server.asked() == []


def test_it_ends_while_it_is_asked(server, started):
    server.on("/things", things(1))
    run = started(collection())
    idle = socket.create_connection(("127.0.0.1", run.port))
    half = socket.create_connection(("127.0.0.1", run.port))
    half.sendall(b"GET /met")
    run.get("/metrics")
    began = time.monotonic()
    run.end()
    assert time.monotonic() - began < 5
    idle.close()
    half.close()
