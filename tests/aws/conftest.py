"""What tests of aws.yaml share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import garner  # noqa: E402


@pytest.fixture(scope="session")
def binary():
    if not garner.binary().exists():
        pytest.fail(f"{garner.binary()} is not built: cmake --preset dev && cmake --build --preset dev, or set GARNER_BIN",
                    pytrace=False)
    return str(garner.binary())
