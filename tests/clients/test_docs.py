"""The programs of docs/clients.md run as they stand there, but for address and keys."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
PATIENCE_S = 60
NEEDS = {"ccxt": "ccxt", "bitmart": "bitmart-python-sdk-api", "aiohttp": "aiohttp"}
SAID = {
    "import ccxt\n": "open {",
    "import ccxt.pro": "[",
    "bitmart.api_spot": "new",
    "SpotSocketClient": "{'event': 'login'}",
    "import aiohttp": "partially_canceled",
}
"""What tells a program from the others -> how one of the lines that it prints begins."""


def test_every_program_is_known():
    assert len(PROGRAMS) == len(SAID)


@pytest.mark.parametrize("mark", SAID)
def test_a_program_runs_as_it_stands(exchange, key, mark):
    [program] = [text for text in PROGRAMS if mark in text]
    for module, package in NEEDS.items():
        if re.search(rf"^(import|from) {module}\b", program, re.MULTILINE):
            pytest.importorskip(module, reason=f"{package} is not installed (extra `clients`)")
    program = program.replace("127.0.0.1:8080", exchange.url.removeprefix("http://"))
    for name, value in (("KEY", key.access_key), ("SECRET", key.secret), ("MEMO", key.memo)):
        program = program.replace(f'"{name}"', f'"{value}"')
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert any(line.startswith(SAID[mark]) for line in done.stdout.splitlines()), done.stdout
