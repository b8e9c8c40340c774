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
