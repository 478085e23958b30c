"""`serve` and `connect` on live markets: local venues on real sockets, each command a process of its own."""

import asyncio
import contextlib
import io
import json
import queue
import signal
import sys
import time
import urllib.error
import urllib.request
from decimal import Decimal

import pytest
from venue.binance_venue import BinanceVenue
from venue.fault_plan import FaultPlan
from venue.faulty_venue import FaultyVenue
from venue.small_disk import fill_disk, needs_limits
from venue.socket_venue import SocketVenue

from paper_bitmart import cli
from paper_bitmart.backtest.session_reader import SessionReader
from paper_bitmart.backtest.session_replay import replay_session
from paper_bitmart.bitmart import signing
from paper_bitmart.connector.paper_exchange import PaperOptions
from paper_bitmart.connector.shell_run import announce, run_shell
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.capture import CaptureReader
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.live.live_source import SystemClock, WatchSettings
from paper_bitmart.feed.live.registry import open_source
from paper_bitmart.server.serve import ServeOptions, serve
from paper_bitmart.server.settings import ClockMode, ServerSettings

PATIENCE_S = 240
"""The matching core may have to be compiled first."""
SETTLED_S = 20
SYMBOLS = ("BTC_USDT", "ETH_USDT")
KEY, SECRET, MEMO = "k", "s", "m"
SERVE = (
    "serve", "--port", "0", "--rate-limits", "off", "--api-key", KEY, "--api-secret", SECRET,
    "--api-memo", MEMO,
)  # fmt: skip
NOBODY = ("--rest-url", "http://127.0.0.1:9", "--ws-url", "ws://127.0.0.1:9")


def urls_of(venue):
    return "--rest-url", venue.rest_url, "--ws-url", venue.ws_url


async def command(*arguments):
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "paper_bitmart", *arguments, stdin=pipe, stdout=pipe, stderr=pipe
    )


class Served:
    """A running `serve`: what it printed, and requests to it."""

    def __init__(self, process):
        self.process = process
        self.said = {}
        self.warnings = []

    async def until_ready(self):
        async with asyncio.timeout(PATIENCE_S):
            while "ready:" not in self.said:
                line = (await self.process.stdout.readline()).decode()
                assert line, (await self.process.stderr.read()).decode()
                name, _, rest = line.partition(" ")
                self.said[name] = rest.split()

    @property
    def urls(self):
        return "--rest-url", self.said["REST"][0], "--ws-url", self.said["websocket"][0]

    async def ask(self, path, body=None, **headers):
        payload = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.said["REST"][0] + path, payload, headers)

        def answer():
            with contextlib.closing(urllib.request.urlopen(request)) as response:
                return json.loads(response.read())

        return await asyncio.to_thread(answer)

    async def admin(self, path):
        return await self.ask(f"/paper/v1{path}", {}, **self._token())

    async def status(self):
        return (await self.ask("/paper/v1/status", **self._token()))["data"]

    def _token(self):
        return {"X-Paper-Token": self.said["token"][0], "Content-Type": "application/json"}

    async def signed(self, path, body, key=KEY, secret=SECRET, memo=MEMO):
        stamp = str(time.time_ns() // 10**6)
        signature = signing.sign(secret, memo, stamp, json.dumps(body).encode())
        headers = {"X-BM-KEY": key, "X-BM-SIGN": signature, "X-BM-TIMESTAMP": stamp}
        return await self.ask(path, body, **headers, **{"Content-Type": "application/json"})

    async def book(self, symbol):
        data = (await self.ask(f"/spot/quotation/v3/books?symbol={symbol}&limit=50"))["data"]
        return data["bids"], data["asks"]

    async def is_live(self):
        [service] = (await self.ask("/system/service"))["data"]["service"]
        return service["status"] == "2"

    async def buys_at_market(self, symbol, **key_set):
        """Place a buy that takes; returns the order as it stands."""
        _, asks = await self.book(symbol)
        order = {"symbol": symbol, "side": "buy", "type": "limit", "size": "0.1", "price": asks[9][0]}
        placed = await self.signed("/spot/v2/submit_order", order, **key_set)
        query = {"orderId": placed["data"]["order_id"]}
        return (await self.signed("/spot/v4/query/order", query, **key_set))["data"]


@contextlib.asynccontextmanager
async def serving(*arguments, warns=False):
    served = Served(await command(*SERVE, *arguments))
    try:
        await served.until_ready()
        yield served
        served.process.send_signal(signal.SIGTERM)
        _, errors = await served.process.communicate()
        served.warnings = told(errors)
        assert served.process.returncode == 0
        assert warns or not served.warnings
    finally:
        if served.process.returncode is None:
            served.process.kill()
            await served.process.communicate()


def told(stderr):
    """Lines on stderr without those about compiling the core, which only the first start has."""
    text = stderr if isinstance(stderr, str) else stderr.decode()
    return [line for line in text.splitlines() if not line.startswith("Compiling ")]


async def until(condition):
    async with asyncio.timeout(SETTLED_S):
        while not await condition():
            await asyncio.sleep(0.05)


# --- serve ---


async def test_a_server_mirrors_another_server():
    async with serving("--pairs", "BTC-USDT") as first:
        rows = (await first.ask("/spot/v1/symbols"))["data"]["symbols"]
        assert rows == ["BTC_USDT"]
        async with serving("--source", "bitmart", "--pairs", "BTC-USDT", *first.urls) as mirror:
            await until(mirror.is_live)
            order = await mirror.buys_at_market("BTC_USDT")
            assert (order["state"], Decimal(order["filledSize"])) == ("filled", Decimal("0.1"))

            async def is_equal():
                # Pushes keep market time: paused between a change and its push, the first is ahead for good.
                await first.admin("/clock/resume")
                await asyncio.sleep(0.13)
                await first.admin("/clock/pause")
                await asyncio.sleep(0.1)
                return await mirror.book("BTC_USDT") == await first.book("BTC_USDT")

            await until(is_equal)
            bids, asks = await mirror.book("BTC_USDT")
            assert (len(bids), len(asks)) == (50, 50)


async def test_a_server_of_binances_market_fills_and_tells_feed_states_and_cannot_be_paused():
    venue = BinanceVenue(SYMBOLS, 1, SystemClock().now_ns)
    async with venue.serving(), serving("--source", "binance", *urls_of(venue)) as served:
        await until(served.is_live)
        status = await served.status()
        assert status["source"] == f"Binance at {venue.ws_url}"
        assert {symbol: row["state"] for symbol, row in status["feed"].items()} == {
            "BTC_USDT": "live", "ETH_USDT": "live",
        }  # fmt: skip
        assert (await served.buys_at_market("ETH_USDT"))["state"] == "filled"
        await venue.cut()

        async def is_back():
            # The source knows of an outage before the venue does: look for its end.
            feed = (await served.status())["feed"]["BTC_USDT"]
            last = feed["outages"]["last"]
            return feed["state"] == "live" and last is not None and last["end_ms"] is not None

        await until(is_back)
        outages = (await served.status())["feed"]["BTC_USDT"]["outages"]
        assert outages["last"]["why"].startswith("connection lost: closed by the venue")
        assert outages["count"] == 1
        assert outages["longest_ms"] == outages["total_ms"] > 0
        with pytest.raises(urllib.error.HTTPError) as refused:
            await served.admin("/clock/pause")
        assert refused.value.code == 409
        assert "the market is live, its clock cannot be steered" in refused.value.read().decode()
        assert {name.partition("@")[0] for name in venue.subscriptions} == {"btcusdt", "ethusdt"}


async def test_a_journal_from_the_future_is_refused(tmp_path):
    """One that a hurried replay left: live time cannot be moved to where it ended."""
    venue = BinanceVenue(SYMBOLS, 1, SystemClock().now_ns)
    async with venue.serving():
        options = {"rest_url": venue.rest_url, "ws_url": venue.ws_url}
        rules = (await asyncio.to_thread(open_source, "binance", SYMBOLS, **options)).rules
        with Journal(tmp_path) as journal:
            journal.bind_rules(rules)
            Venue(rules, journal=journal).open_account("default", None, 4 * 10**18)
            journal.commit()
        process = await command(*SERVE, "--state", tmp_path, "--source", "binance", *urls_of(venue))
        out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    [line] = told(err)
    assert line.startswith("error: state_dir: one whose journal does not reach beyond now, got ")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"speed": 2.0}, "error: speed: 1 for a live market"),
        ({"settings": ServerSettings(clock=ClockMode.RECORDED)}, "error: clock: wall for a live market"),
    ],
)
def test_a_live_market_has_its_own_time(capsys, changed, message):
    assert serve(ServeOptions(source="binance", **changed)) == 2
    assert capsys.readouterr().err.startswith(message)


async def recording_with_orders(venue, out, *more):
    """A recording that serves an exchange, once it has filled an order there; and the keys of its account."""
    arguments = ("record", "--source", "binance", "--with-orders", "--port", "0", "--out", out)
    served = Served(await command(*arguments, *more, "--quiet", *urls_of(venue)))
    await served.until_ready()

    async def is_live():
        # Within BitMart's rate limits.
        await asyncio.sleep(0.5)
        return await served.is_live()

    await until(is_live)
    own = {name: served.said[name][0] for name in ("key", "secret", "memo")}
    assert (await served.buys_at_market("ETH_USDT", **own))["state"] == "filled"
    return served, own


async def test_a_recording_with_orders_holds_the_market_and_a_session_that_replays(tmp_path):
    venue, out = BinanceVenue(SYMBOLS, 1, SystemClock().now_ns), tmp_path / "out"
    async with venue.serving():
        served, own = await recording_with_orders(venue, out, "--balance", "USDT=100000")
        low = {"symbol": "BTC_USDT", "side": "buy", "type": "limit", "size": "1", "price": "30.00"}
        order_id = (await served.signed("/spot/v2/submit_order", low, **own))["data"]["order_id"]
        await served.signed("/spot/v3/cancel_order", {"symbol": "BTC_USDT", "order_id": order_id}, **own)
        served.process.send_signal(signal.SIGINT)
        _, errors = await served.process.communicate()
        assert served.process.returncode == 0
    said = told(errors)
    assert said[0] == f"recording Binance at {venue.ws_url}: BTC_USDT, ETH_USDT to {out}"
    assert said[-1].startswith("stopped: ")
    verdict = replay_session(out)
    assert verdict.is_identical
    # The market that was kept, read again, is the market that was matched.
    market = load_capture(next(out.glob("market-*.jsonl.zst")), out / "symbols_details.json").events
    matched = {symbol: [] for symbol in SYMBOLS}
    for step in SessionReader(out).steps():
        for symbol, events in (step.market or {}).items():
            matched[symbol] += essence(events)
    for symbol in SYMBOLS:
        # The capture ends with the recorder's own mark that the connection is over.
        kept = essence(market[symbol])
        assert len(matched[symbol]) > 100
        assert kept[: len(matched[symbol])] == matched[symbol]


@needs_limits
async def test_a_disk_that_fills_ends_a_recording_with_orders_and_what_was_written_replays(tmp_path):
    venue, out = BinanceVenue(SYMBOLS, 1, SystemClock().now_ns), tmp_path / "out"
    async with venue.serving():
        served, _ = await recording_with_orders(venue, out)
        # Everything is on disk after a second.
        await asyncio.sleep(1.5)
        largest = max(path.stat().st_size for path in out.rglob("*") if path.is_file())
        fill_disk(served.process.pid, largest + 10_000)
        async with asyncio.timeout(SETTLED_S):
            _, errors = await served.process.communicate()
    assert served.process.returncode == 1
    said = told(errors)
    [error] = [line for line in said if line.startswith("error")]
    assert error.endswith(f"What was written to {out} until now is readable")
    assert not any("Traceback" in line for line in said)
    verdict = replay_session(out)
    assert verdict.is_identical
    assert verdict.counts["OrderFilled"] >= 1
    for path in out.glob("*-*.jsonl.zst"):
        assert sum(1 for _ in CaptureReader(path)) > 10


@needs_limits
async def test_a_disk_that_fills_ends_the_recording_of_a_session_and_trading_goes_on(tmp_path):
    out = tmp_path / "out"
    async with serving("--record", out, "--pairs", "BTC-USDT", warns=True) as served:
        await served.buys_at_market("BTC_USDT")
        await asyncio.sleep(1.5)
        fill_disk(served.process.pid, max(path.stat().st_size for path in out.rglob("*") if path.is_file()))
        said = ""
        async with asyncio.timeout(SETTLED_S):
            # An order that is large for the book of the moment is told too.
            while not said.startswith(f"{out}: the recording stops, the session goes on: "):
                said = (await served.process.stderr.readline()).decode()
                assert said
        assert (await served.buys_at_market("BTC_USDT"))["state"] == "filled"
    assert any(line.startswith(f"warning: {out} is not whole: ") for line in served.warnings)
    verdict = replay_session(out)
    assert verdict.is_identical
    assert verdict.counts["OrderFilled"] >= 1


def essence(events):
    """Everything but the ordinal of the message, which is the line in a capture."""
    return events[["recv_ns", "exch_ns", "price_ticks", "size_lots", "flags", "kind", "side"]].tolist()


# --- both ---


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("bitmart", "BitMart stopped trading on 26 August 2026. Use --source demo"),
        ("binance", "Binance may be closed to your country or network"),
    ],
)
@pytest.mark.parametrize("arguments", [("connect", "bitmart_paper_trade"), SERVE])
def test_a_venue_that_nobody_answers_for_is_one_line_and_2(monkeypatch, capsys, arguments, source, said):
    monkeypatch.setattr(sys, "argv", ["paper-bitmart", *arguments, "--source", source, *NOBODY])
    monkeypatch.setattr(sys, "stdin", io.StringIO("balance\n"))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (2, "")
    [line] = told(captured.err)
    assert line.startswith("error: ")
    assert said in line


# --- connect ---


async def shell_session(venue, source, *lines):
    process = await command("connect", "bitmart_paper_trade", "--source", source, *urls_of(venue))
    out, err = await process.communicate("\n".join((*lines, "")).encode())
    return process.returncode, out.decode(), err.decode()


async def test_a_shell_on_binances_market_trades():
    venue = BinanceVenue(SYMBOLS, 1, SystemClock().now_ns)
    async with venue.serving():
        code, out, err = await shell_session(venue, "binance", "buy BTC-USDT market 100", "status", "exit")
    assert (code, told(err)) == (0, [])
    assert f"BTC-USDT and ETH-USDT from Binance at {venue.ws_url}; paper money only." in out
    assert "#1 bought " in out
    assert "BTC-USDT: live, 0 open orders" in out


async def test_a_bitmart_whose_books_are_empty_is_told_at_the_start_with_what_to_do():
    clock = SystemClock()
    venue = SocketVenue(FaultyVenue(SYMBOLS, 1, FaultPlan([], 0), clock.now_ns()), clock.now_ns)
    venue.books_are_empty = True
    async with venue.serving():
        code, out, err = await shell_session(venue, "bitmart", "balance")
    assert (code, out) == (2, "")
    [line] = told(err)
    assert line.startswith(
        f"error: BitMart at {venue.rest_url}: its books are empty. BitMart stopped trading on 26 August 2026."
    )


class Typed:
    """A pipe into the shell that stays open until it is closed."""

    def __init__(self):
        self._lines = queue.Queue()
        self.readline = self._lines.get

    def isatty(self):
        return False

    def close(self):
        self._lines.put("")


async def test_a_market_that_goes_away_later_is_announced_in_the_shell(capsys):
    venue = BinanceVenue(SYMBOLS, 1, SystemClock().now_ns)
    typed, out, said = Typed(), io.StringIO(), []

    def source(clock):
        urls = {"rest_url": venue.rest_url, "ws_url": venue.ws_url}
        watch = WatchSettings(silent_ns=10**9)
        return open_source("binance", SYMBOLS, None, clock, notify=announce, watch=watch, **urls)

    async def is_announced():
        said.append(capsys.readouterr().out)
        return "Trying on." in "".join(said)

    async def is_connected():
        return "You are now connected" in out.getvalue()

    async with venue.serving():
        shell = asyncio.ensure_future(
            asyncio.to_thread(run_shell, PaperOptions(source=source), "paper", stdin=typed, stdout=out)
        )
        await until(is_connected)
        assert "the market is" not in out.getvalue()
    try:
        await until(is_announced)
    finally:
        typed.close()
        assert await shell == 0
    assert f"Binance at {venue.ws_url}: no market (" in "".join(said)
    assert "BTC-USDT: the market is closed; nothing fills until it is back" in out.getvalue()
