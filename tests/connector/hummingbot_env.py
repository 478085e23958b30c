"""Hummingbot's own environment, `.clients/hummingbot` of the checkout, once tests/clients have built it."""

import json
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".clients" / "hummingbot" / "bin" / "python"
PROBE = Path(__file__).with_name("hummingbot_probe.py")
NEEDED = ("msgspec", "sortedcontainers", "zstandard")
"""What our package needs and Hummingbot does not bring."""
PROBE_S = 120


@cache
def environment():
    """The interpreter, or why there is none."""
    if not PYTHON.exists():
        return None, "Hummingbot is not installed; tests/clients build its environment"
    check = subprocess.run([PYTHON, "-c", f"import hummingbot, {', '.join(NEEDED)}"], capture_output=True)
    if check.returncode:
        install = [PYTHON, "-m", "pip", "install", "--quiet", *NEEDED]
        if subprocess.run(install, capture_output=True, timeout=300).returncode:
            return None, f"Hummingbot's environment lacks one of {', '.join(NEEDED)}"
    return PYTHON, ""


def hummingbot_python():
    """The interpreter; skips the test when there is none."""
    python, why_not = environment()
    if python is None:
        pytest.skip(why_not)
    return python


def probe(name, folder, given=None):
    """Run one probe of hummingbot_probe.py; its JSON. `folder` keeps Hummingbot's files."""
    done = subprocess.run(
        [hummingbot_python(), PROBE, name, folder],
        input="" if given is None else json.dumps(given),
        capture_output=True,
        text=True,
        timeout=PROBE_S,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
