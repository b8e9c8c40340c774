"""Processes that tests start, and stop by themselves."""

import subprocess


def stop(process):
    """Ask it to end; after ten seconds it isn't asked any more."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """What a test starts as `process`, and stops at the end of its `with`."""

    def stop(self):
        stop(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
