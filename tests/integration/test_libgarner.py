"""libgarner as others get it: installed, found by CMake and by pkg-config, and the example as its user."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from continual import Continual
from garner import ROOT, SANITIZER, binary, collection
from process import stop
from server import Listing

SANITIZE = "GARNER_SANITIZE:STRING="


def build_folder():
    return binary().resolve().parents[1]


def cache(name):
    line, = (line for line in (build_folder() / "CMakeCache.txt").read_text().splitlines() if line.startswith(name))
    return line.partition("=")[2]


def sanitizers():
    """Whoever links a library with sanitizers needs them, too."""
    chosen = cache("GARNER_SANITIZE:")
    return [f"-fsanitize={chosen}"] if chosen else []


def check(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    where = tmp_path_factory.mktemp("installed")
    check("cmake", "--install", build_folder(), "--component", "client", "--prefix", where)
    return where


def by_pkg_config(prefix, folder):
    at, = prefix.rglob("garner.pc")
    env = {**os.environ, "PKG_CONFIG_PATH": str(at.parent)}
    flags = check("pkg-config", "--cflags", "--libs", "garner", env=env).split()
    check(cache("CMAKE_C_COMPILER:"), ROOT / "client/example.c", "-o", folder / "example", *sanitizers(), *flags)
    return folder / "example"


def by_cmake(prefix, folder):
    (folder / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.25)
project(subscriber LANGUAGES C)
find_package(garner 0.1 REQUIRED)
add_executable(example {ROOT / "client/example.c"})
target_link_libraries(example PRIVATE garner::garner)
""")
    check("cmake", "-G", "Ninja", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
          f"-DCMAKE_C_COMPILER={cache('CMAKE_C_COMPILER:')}", f"-DCMAKE_C_FLAGS={' '.join(sanitizers())}")
    check("cmake", "--build", folder / "build")
    return folder / "build/example"


class Example:
    """The example, running; what it prints goes to a file."""

    def __init__(self, program, prefix, run, folder):
        library, = prefix.rglob("libgarner.so")
        self.out, self.err, self.cursor = folder / "out.txt", folder / "err.txt", folder / "cursor.txt"
        env = {**os.environ, "GARNER_AT": run.listen, "LD_LIBRARY_PATH": str(library.parent)}
        with open(self.out, "a") as out, open(self.err, "a") as err:
            self.process = subprocess.Popen([program, self.cursor], stdout=out, stderr=err, env=env)

    def lines(self):
        assert not SANITIZER.search(self.err.read_text()), self.err.read_text()
        return [" ".join(line.split()) for line in self.out.read_text().splitlines()]

    def wait(self, wanted):
        end = time.monotonic() + 30
        while self.lines() != wanted:
            assert time.monotonic() < end and self.process.poll() is None, f"{self.lines()}\n{self.err.read_text()}"
            time.sleep(0.05)

    def stored(self):
        """Until its cursor is behind what it has printed: if it ends before, it prints that again."""
        end = time.monotonic() + 30
        while not self.cursor.exists() or self.cursor.stat().st_mtime_ns <= self.out.stat().st_mtime_ns:
            assert time.monotonic() < end and self.process.poll() is None, self.err.read_text()
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)


@pytest.mark.parametrize("build", [by_pkg_config, by_cmake])
def test_the_example_begins_with_what_there_is_and_goes_on_where_it_was(lab, server, tmp_path, prefix, build):
    items = [{"id": "a"}, {"id": "b"}]
    server.on("/things", Listing(items, style="none"))
    lab.has(collection(every="200ms"))
    folder = tmp_path / "subscriber"
    folder.mkdir()
    program = build(prefix, folder)
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 2)
        with Example(program, prefix, run, folder) as example:
            example.wait(["is p.thing a", "is p.thing b"])
            items.append({"id": "c"})
            example.wait(["is p.thing a", "is p.thing b", "created p.thing c"])
            example.stored()
        del items[0]
        run.wait(lambda: "deleted a" in run.brief())
        with Example(program, prefix, run, folder) as example:
            example.wait(["is p.thing a", "is p.thing b", "created p.thing c", "deleted p.thing a"])


def test_only_what_the_header_declares_is_shown(prefix):
    library, = prefix.rglob("libgarner.so")
    shown = {line.split()[2] for line in check("nm", "-D", "--defined-only", library).splitlines()}
    header = (ROOT / "client/garner.h").read_text()
    assert all(f"{name}(" in header for name in shown if name.startswith("garner_")), shown
    assert all(name.startswith("garner_") for name in shown), shown
