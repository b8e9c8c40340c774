"""What integration tests share: a scripted server and a lab, both fresh for each test."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import garner  # noqa: E402
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
