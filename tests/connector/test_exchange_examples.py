"""The examples run as they are: a minute of market time, or a few seconds where time is real."""

import re
import runpy
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from paper_bitmart.connector.hummingbot.embedded import EmbeddedExchange
from paper_bitmart.connector.hummingbot.settings import PaperSettings

EXAMPLES = Path(__file__).parents[2] / "examples"
FILL = re.compile(r"(buy|sell) +\S+ at \S+, fee \S+", re.IGNORECASE)


@pytest.mark.parametrize("name", ["asyncio", "ccxt", "hummingbot"])
def test_a_market_maker_is_forty_lines_of_code(name):
    lines = (EXAMPLES / f"market_maker_{name}.py").read_text().split('"""')[2].splitlines()
    assert sum(1 for line in lines if line.strip()) <= 40


def test_the_asyncio_market_maker_trades_for_a_minute_of_market_time():
    done = subprocess.run(
        [sys.executable, EXAMPLES / "market_maker_asyncio.py", "60"],
        capture_output=True, text=True, check=True, cwd=EXAMPLES.parent, env={"PYTHONPATH": "."},
    )  # fmt: skip
    *fills, result = done.stdout.splitlines()
    assert len(fills) > 5
    assert all(FILL.match(line) for line in fills)
    assert result.endswith("USDT, fees included")


def test_the_example_in_the_documents_runs():
    text = (EXAMPLES.parent / "docs" / "connector.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=EXAMPLES.parent, env={"PYTHONPATH": "."},
    )  # fmt: skip
    assert "OrderFilledEvent" in done.stdout
    assert "'BTC': Decimal('0.01')" in done.stdout


@pytest.mark.clients
def test_the_ccxt_market_maker_trades_over_rest(monkeypatch, capsys):
    pytest.importorskip("ccxt", reason="ccxt is not installed (extra `clients`)")
    exchange = EmbeddedExchange(PaperSettings(), None)
    exchange.set_balance("USDT", Decimal(10_000))
    exchange.set_balance("BTC", Decimal(1))
    exchange.start()
    try:
        set_speed(exchange, 10)
        module = runpy.run_path(str(EXAMPLES / "market_maker_ccxt.py"))
        module["main"].__globals__["REFRESH_S"] = 1
        key = exchange.key
        module["main"](exchange.url, key.access_key, key.secret, key.memo, 4)
        said = capsys.readouterr().out.splitlines()
        fills = exchange.paper.venue.fills("default")
    finally:
        exchange.stop()
    assert len(fills) > 0
    assert sum(1 for line in said if FILL.match(line)) == len(fills)


def set_speed(exchange, speed):
    async def on_its_own_loop():
        exchange.paper.session.clock.set_speed(speed)

    exchange.call(on_its_own_loop())
