"""Where clients of other languages and environments are installed: once, by one test process at a time."""

import contextlib
import subprocess
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / ".clients"
"""Not under version control; removing it makes the next run install anew."""


@contextlib.contextmanager
def alone(name):
    """Wait until no other process installs `name`; parallel test workers share the cache."""
    fcntl = pytest.importorskip("fcntl", reason="the shared cache of clients needs POSIX file locks")
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_or_skip(command, what, *, timeout_s, **options):
    """Run an installation step; when it fails or hangs the test is skipped with the reason."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, **options)
    except subprocess.TimeoutExpired:  # a registry out of reach may not answer at all
        pytest.skip(f"{what}: {command[0]} was not done after {timeout_s} s")
    if done.returncode:
        pytest.skip(f"{what}: {done.stderr.strip()[-300:]}")
