"""Hummingbot in an environment of its own, built once in `.clients/hummingbot` of the checkout.

The build compiles Hummingbot's Cython modules: a few minutes, once.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from install import CACHE, alone, run_or_skip
from line_bridge import LineBridge

HERE = Path(__file__).parent
FOLDER = CACHE / "hummingbot"
PYTHON = FOLDER / "bin" / "python"
REQUIREMENTS = HERE / "hummingbot-requirements.txt"
VERSION = "20260922"
IMPORT = "from hummingbot.connector.exchange.bitmart.bitmart_exchange import BitmartExchange"
BUILD_S = 1200


def installed_python():
    """Hummingbot's interpreter; skips the test when it cannot be built."""
    with alone("hummingbot"):
        if not _is_usable():
            _build()
    return PYTHON


def _is_usable():
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", IMPORT], capture_output=True).returncode == 0


def _build():
    python = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if python is None:
        pytest.skip("Hummingbot's dependencies need Python 3.11")
    pip = [PYTHON, "-m", "pip", "install", "--quiet"]
    for command in (
        [python, "-m", "venv", FOLDER],
        [*pip, "-r", REQUIREMENTS],
        [*pip, "--no-deps", "--no-build-isolation", f"hummingbot=={VERSION}"],
    ):
        environment = os.environ | {"WITHOUT_CYTHON_OPTIMIZATIONS": "1"}
        run_or_skip(command, "Hummingbot cannot be built here", timeout_s=BUILD_S, env=environment)


class HummingbotBridge(LineBridge):
    """A process with any number of BitmartExchange connectors, by name."""

    def __init__(self, python):
        super().__init__([python, HERE / "hummingbot_driver.py"], FOLDER)

    def connector(self, name, exchange, key):
        """A connected BitmartExchange for the key's account."""
        urls = {
            "rest": exchange.url,
            "public": f"{exchange.ws_url}/api?protocol=1.1",
            "private": f"{exchange.ws_url}/user?protocol=1.1",
        }
        self.ask("connect", name=name, urls=urls, key=[key.access_key, key.secret, key.memo])
        return HummingbotConnector(self, name)


class HummingbotConnector:
    """One connector; its market events are in `heard`."""

    def __init__(self, bridge, name):
        self._bridge, self._name, self.heard = bridge, name, bridge.heard(name)

    def __getattr__(self, command):
        return lambda **fields: self._bridge.ask(command, name=self._name, **fields)

    def until(self, event, order_id):
        """Wait for a market event of that order; its fields."""
        return self._bridge.until(self._name, event, lambda data: data["order_id"] == order_id)

    def events_of(self, order_id):
        """Names of the order's events so far."""
        return [name for name, data in list(self.heard) if data["order_id"] == order_id]
