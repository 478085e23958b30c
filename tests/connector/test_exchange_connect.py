"""What `connect` takes, and what it says of an argument that it cannot take."""

import doctest
import subprocess
import sys
from decimal import Decimal

import pytest
from small_market import Files

import paper_bitmart
from paper_bitmart import connect
from paper_bitmart.connector.exchange import connect as module
from paper_bitmart.connector.exchange.connect import ConnectError
from paper_bitmart.connector.paper_exchange import UnknownPair
from paper_bitmart.feed.sources import CaptureSource


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"connector": "binance"}, "connector: must be bitmart_paper_trade, not 'binance'"),
        ({"speed": 0}, "speed: must be above 0"),
        ({"source": "nowhere.jsonl"}, "source: there is no capture file 'nowhere.jsonl'"),
        ({"symbols": "x.json"}, "symbols: this source brings its own rules"),
        ({"trading_pairs": ["BTC"]}, "trading_pairs: 'BTC' does not read BASE-QUOTE"),
        ({"balances": {"USDT": 0.1}}, r"balances\['USDT'\]: must be a Decimal, int or text, not the float"),
        ({"balances": {"USDT": "much"}}, r"balances\['USDT'\]: must be a number"),
        ({"balances": {"USDT": -1}}, r"balances\['USDT'\]: must be 0 or more"),
        ({"balances": {"USDT": "NaN"}}, r"balances\['USDT'\]: must be 0 or more"),
    ],
)
def test_a_wrong_argument_is_named_with_its_rule(arguments, said):
    with pytest.raises(ConnectError, match=said):
        connect(**arguments)


def test_a_capture_without_rules_is_refused(tmp_path):
    files = Files(tmp_path)
    files.symbols.rename(tmp_path / "elsewhere.json")
    with pytest.raises(ConnectError, match="symbols: is needed for"):
        connect(source=files.capture)


def test_a_pair_that_the_market_lacks_is_named():
    with pytest.raises(UnknownPair, match="DOGE-USDT is not in this market"):
        connect(trading_pairs=["DOGE-USDT"], speed=None)


async def test_rules_beside_the_capture_are_found(tmp_path):
    files = Files(tmp_path)
    files.symbols.rename(tmp_path / "symbols_details.json")
    async with connect(source=files.capture, speed=None) as exchange:
        assert exchange.trading_pairs == ["BTC-USDT"]


async def test_a_source_of_ones_own_follows_the_connectors_clock(tmp_path):
    files = Files(tmp_path)

    def source(clock):
        return CaptureSource(files.capture, files.symbols, loop=True, clock=clock)

    async with connect(source=source, speed=None) as exchange:
        await exchange.sleep(10)
        assert exchange.ready
        assert exchange.get_price("BTC-USDT", True) == Decimal("100.02")


async def test_a_running_clock_needs_no_stepping(tmp_path):
    files = Files(tmp_path)
    async with connect(source=files.capture, symbols=files.symbols, speed=1000, loop=True) as exchange:
        before_s = exchange.current_timestamp
        await exchange.sleep(2)
        assert exchange.current_timestamp >= before_s + 2


async def test_an_account_that_the_state_has_keeps_what_it_owns(tmp_path):
    files = Files(tmp_path)
    settings = {"source": files.capture, "symbols": files.symbols, "speed": None, "state": tmp_path / "state"}
    async with connect(balances={"USDT": 7}, **settings) as exchange:
        assert exchange.get_all_balances() == {"USDT": 7}
    async with connect(balances={"USDT": 9}, **settings) as exchange:
        assert exchange.get_all_balances() == {"USDT": 7}


def test_importing_the_package_loads_nothing_else():
    code = "import sys, paper_bitmart; print([m for m in sys.modules if m in ('numpy', 'typing', 'asyncio')])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_the_package_has_no_other_lazy_names():
    with pytest.raises(AttributeError, match="no attribute 'disconnect'"):
        _ = paper_bitmart.disconnect


def test_the_example_in_the_docstring_runs():
    assert doctest.testmod(module).failed == 0
