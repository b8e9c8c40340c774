"""What integration tests share: a scripted server and a lab, both fresh for each test."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import garner  # noqa: E402
from cluster import Cluster  # noqa: E402
from gateway import Starter  # noqa: E402
from server import Server  # noqa: E402


@pytest.fixture
def server():
    with Server() as made:
        yield made
        assert not made.trouble, f"the test's own script failed: {made.trouble}"


@pytest.fixture
def lab(tmp_path, server):
    if not garner.binary().exists():
        pytest.fail(f"{garner.binary()} is not built: cmake --preset dev && cmake --build --preset dev, or set GARNER_BIN",
                    pytrace=False)
    made = garner.Lab(tmp_path, server.url)
    yield made
    # Whatever happened: the store opens, and its invariants hold.
    if (made.data / "shards").exists():
        made.verify()


@pytest.fixture
def start(lab):
    made = Starter(lab)
    yield made
    made.end()


# --- the subscriber of client/python ---

@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder that `pip install ./client/python` installed into, as users do, but for the network."""
    tree, made = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("site")
    for part in ("client/python", "proto"):
        shutil.copytree(garner.ROOT / part, tree / part, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    done = subprocess.run([*pip, "--target", made, tree / "client/python"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def in_time():
    """A subscriber goes on trying, also where a run has crashed: not for ever here."""
    def too_late(*_):
        raise AssertionError("not within 60 s")
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(60)
    yield
    signal.alarm(0)


@pytest.fixture
def garner_feed(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    import garner_feed
    return garner_feed


@pytest.fixture
def cluster(lab):
    with Cluster(lab) as made:
        yield made
    made.verify()
