"""What `connect` takes, and what it says of an argument that it cannot take."""

import asyncio
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
from paper_bitmart.connector.exchange.vocabulary import OrderType
from paper_bitmart.connector.hummingbot.embedded import EmbeddedExchange
from paper_bitmart.connector.hummingbot.settings import PaperSettings
from paper_bitmart.feed.live.registry import open_source
from paper_bitmart.feed.pairs_only import UnknownPair
from paper_bitmart.feed.sources import CaptureSource


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"connector": "binance"}, "connector: must be bitmart_paper_trade, not 'binance'"),
        ({"speed": 0}, "speed: must be above 0"),
        ({"source": "nowhere.jsonl"}, "source: there is no capture file 'nowhere.jsonl'"),
        ({"source": "binance", "speed": 2}, "speed: binance is live and runs at speed 1, not 2"),
        ({"source": "ccxt:okx", "speed": None}, "speed: ccxt:okx is live"),
        ({"symbols": "x.json"}, "symbols: this source brings its own rules"),
        ({"trading_pairs": ["BTC"]}, "trading_pairs: 'BTC' does not read BASE-QUOTE"),
        ({"balances": {"USDT": 0.1}}, r"balances\['USDT'\]: must be a Decimal, int or text, not the float"),
        ({"speed": "max"}, "speed: must be above 0, or None for a simulated clock, not 'max'"),
        ({"trading_pairs": "BTC-USDT"}, r"trading_pairs: must be a list such as \['BTC-USDT'\]"),
        ({"fees": 0.001}, r"fees: must be FeeRates\(maker_ppm=..., taker_ppm=...\), not the float 0.001"),
        ({"latency": 10}, "latency: must be a LatencyProfile, .* not the int 10"),
        ({"queue_model": "best"}, "queue_model: must be one of conservative, "),
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


async def test_a_live_market_is_followed():
    """BitMart's protocol over real sockets, from another paper exchange in another thread."""
    venue = EmbeddedExchange(PaperSettings(), None)
    venue.start()

    def source(clock):
        urls = {"rest_url": venue.url, "ws_url": f"{venue.ws_url}/api?protocol=1.1"}
        return open_source("bitmart", ["BTC_USDT"], clock=clock, **urls)

    try:
        async with connect(source=source, balances={"USDT": 1_000}) as exchange:
            assert exchange.ready
            order_id = exchange.buy(
                "BTC-USDT", Decimal("0.001"), OrderType.LIMIT, exchange.get_price("BTC-USDT", True) + 100
            )
            order = exchange.in_flight_orders[order_id]
            async with asyncio.timeout(20):
                await order.wait_until_completely_filled()
            assert exchange.get_balance("BTC") == Decimal("0.001")
    finally:
        venue.stop()


async def test_a_running_clock_needs_no_stepping(tmp_path):
    files = Files(tmp_path)
    async with connect(source=files.capture, symbols=files.symbols, speed=1000, loop=True) as exchange:
        before_s = exchange.current_timestamp
        await exchange.sleep(2)
        assert exchange.current_timestamp >= before_s + 2


async def test_a_session_can_be_recorded(tmp_path):
    files = Files(tmp_path)
    recorded = tmp_path / "session"
    async with connect(source=files.capture, symbols=files.symbols, speed=None, record=recorded) as exchange:
        exchange.buy("BTC-USDT", Decimal(1), OrderType.LIMIT, Decimal("100.02"))
        await exchange.sleep(1)
    assert any(path.stat().st_size > 0 for path in recorded.iterdir())


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
