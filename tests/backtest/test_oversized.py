"""Orders too large for their market: in a replay, in a backtest, and on a running market, by one rule."""

import numpy as np
import pytest

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.oversized import SENT_DTYPE, market_sizes, oversized, oversized_orders
from paper_bitmart.backtest.tape import ArrayTape, open_data
from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.exchange.orders import Order
from paper_bitmart.exchange.size_rule import too_large
from paper_bitmart.exchange.size_watch import SizeWatch
from paper_bitmart.feed.market_view import MarketView
from tests.backtest.backtest_market import Quoter, demo
from tests.small_market import BOOK, DEMO, DEMO_RULES, MS, START_NS, Files, depth, submit, trade

LATER = (
    BOOK,
    trade(1_000, "sell", "100.00", "0.4"),
    depth(1_100, bids=[("100.00", "1.6")], version=2),
    trade(90_000, "buy", "100.02", "0.5"),
    depth(90_100, asks=[("100.02", "0.5")], version=3),
    depth(120_000, bids=[("99.98", "3")], version=4),
)
"""Bids 1.6 + 5 (+ 3), asks 0.5 + 4 after 90 s; 0.9 traded in the first 90 s."""


def tape_of(folder, market=LATER):
    files = Files(folder, market=market)
    return open_data(files.capture, files.symbols)["BTC_USDT"]


def sent(at_ms, side, price, lots, kind=OrderType.LIMIT):
    row = (START_NS + at_ms * MS, price, lots, [*Side].index(side), [*OrderType].index(kind))
    return np.array([row], SENT_DTYPE)


@pytest.mark.parametrize(
    ("order", "displayed"),
    [
        (sent(500, Side.BUY, 10_000, 1), 7_000),
        (sent(500, Side.BUY, 10_002, 1), 5_000),
        (sent(500, Side.SELL, 10_003, 1), 5_000),
        (sent(500, Side.SELL, 10_000, 1), 7_000),
        (sent(500, Side.BUY, 1, 1, OrderType.MARKET), 5_000),
        (sent(500, Side.SELL, 0, 1, OrderType.MARKET), 7_000),
        (sent(100_000, Side.BUY, 10_000, 1), 6_600),
        (sent(100_000, Side.SELL, 10_009, 1, OrderType.IOC), 6_600),
        (sent(130_000, Side.BUY, 10_000, 1), 9_600),
    ],
)
def test_a_resting_order_meets_its_own_side_and_a_taking_one_the_other(tmp_path, order, displayed):
    assert market_sizes(tape_of(tmp_path), order)[0].displayed_lots == displayed


def test_trades_count_from_the_start_of_the_tape_or_five_minutes_back(tmp_path):
    at_90, at_400 = (
        market_sizes(tape_of(tmp_path), sent(at, Side.BUY, 10_000, 1))[0] for at in (90_000, 390_001)
    )
    assert (at_90.traded_lots, at_90.observed_ns) == (900, 90_000 * MS)
    assert (at_400.traded_lots, at_400.observed_ns) == (0, 300_000 * MS)


def test_nothing_is_known_before_the_first_book(tmp_path):
    assert market_sizes(tape_of(tmp_path), sent(-5, Side.BUY, 10_000, 1)) == [None]


def test_how_the_tape_is_cut_into_chunks_changes_nothing(tmp_path):
    tape = tape_of(tmp_path)
    whole = np.concatenate([*tape.chunks()])
    rows = np.concatenate([sent(at, Side.BUY, 10_000, 9) for at in range(0, 130_000, 700)])
    assert market_sizes(ArrayTape(tape.rules, whole, chunk_rows=1), rows) == market_sizes(tape, rows)


def accepted(side, price_ticks, size_lots, kind=OrderType.LIMIT, notional_atoms=0):
    return Order(
        order_id=1, client_order_id="x", account="a", symbol="BTC_USDT", side=side, type=kind,
        price_ticks=price_ticks, size_lots=size_lots, notional_atoms=notional_atoms, stp_mode=StpMode.NONE,
        maker_ppm=0, taker_ppm=0, hold_asset="USDT", hold_atoms=0, created_ns=0, updated_ns=0,
    )  # fmt: skip


def test_a_market_buy_is_judged_by_what_its_amount_buys(tmp_path):
    tape = tape_of(tmp_path)
    view = MarketView(tape.rules)
    view.apply(np.concatenate([*tape.chunks()])[:6])
    watch = SizeWatch({"BTC_USDT": view})
    amounts = {usdt: accepted(Side.BUY, 0, 0, OrderType.MARKET, usdt * 10**18) for usdt in (100, 300)}
    assert {usdt: len(watch.judge(order, START_NS + MS)) for usdt, order in amounts.items()} == {
        100: 0,
        300: 1,
    }
    assert watch.sentences(amounts[300], START_NS + MS)[0].startswith("2.999 BTC is 60 % of the 5 BTC that ")


def test_before_the_first_book_and_of_an_unknown_symbol_nothing_is_said(tmp_path):
    order = accepted(Side.BUY, 10_000, 10**6)
    assert SizeWatch({"BTC_USDT": MarketView(tape_of(tmp_path).rules)}).judge(order, 1) == []
    assert SizeWatch({}).judge(order, 1) == []


def test_the_running_watch_judges_as_the_tape_does(tmp_path):
    """Orders once a second against the demo market: the view of that moment gives the same verdict."""
    tape = open_data(DEMO, DEMO_RULES)["BTC_USDT"]
    events = np.concatenate([*tape.chunks()])
    view = MarketView(tape.rules)
    watch = SizeWatch({"BTC_USDT": view})
    rows, verdicts, start = [], [], 0
    for second in range(1, 60):
        at_ns = tape.first_ns + second * 10**9
        end = int(np.searchsorted(events["recv_ns"], at_ns, side="right"))
        view.apply(events[start:end])
        start = end
        side = (Side.BUY, Side.SELL)[second % 2]
        price = (view.best_bid() if side is Side.BUY else view.best_ask())[0]
        lots = 20_000 * second
        order = accepted(side=side, price_ticks=price, size_lots=lots)
        verdicts.append([one for one in watch.judge(order, at_ns) if one.measure == "displayed"])
        rows.append((at_ns, price, lots, [*Side].index(side), 0))
    met = market_sizes(tape, np.array(rows, SENT_DTYPE))
    expected = [
        [one for one in too_large(row[2], size) if one.measure == "displayed"]
        for row, size in zip(rows, met, strict=True)
    ]
    assert verdicts == expected
    assert [] in verdicts
    assert any(verdicts)


def test_a_symbol_with_large_orders_is_named_once_with_the_worst(tmp_path):
    tape = tape_of(tmp_path)
    rows = np.concatenate([sent(500, Side.BUY, 10_000, lots) for lots in (1, 2_000, 7_000)])
    (one,) = oversized({"BTC_USDT": tape}, {"BTC_USDT": rows})
    assert (one.judged, one.orders, one.worst.size_lots) == (3, 2, 7_000)
    assert one.sentence(tape.rules).startswith(
        "BTC_USDT: 2 of 3 orders are too large for this market; 7 BTC is 100 % of the 7 BTC that the best 10"
    )


def test_a_replay_says_so_in_its_summary_and_not_in_out(tmp_path):
    orders = [submit(500, "x1", size="5", price="99.99"), submit(500, "x2", size="0.1")]
    files = Files(tmp_path, orders=orders)
    files.run()
    assert len(files.summary.warnings) == 1
    assert "1 of 2 orders are too large" in files.summary.warnings[0]
    small = Files(tmp_path, orders=orders[1:])
    small.run()
    assert small.summary.warnings == ()


def test_orders_that_no_exchange_takes_are_judged_without_harm(tmp_path):
    orders = [
        submit(500, "x1", size="1e30", price="1e25"), submit(500, "x2", size="-1"),
        submit(500, "x3", kind="nonsense"), submit(500, "x4", kind="market", price=None),
    ]  # fmt: skip
    files = Files(tmp_path, orders=orders)
    rows = files.run()
    assert [row["event"] for row in rows] == ["reject"] * 4
    assert files.summary.warnings == ()


def test_a_backtest_of_small_orders_has_no_warning_and_of_large_ones_has(tmp_path):
    results = Backtest(demo(), Quoter()).run()
    rows = results.orders.copy()
    before = oversized_orders(results)
    results.orders = rows
    rows["size_lots"] = 10**9
    after = oversized_orders(results)
    assert len(after) == 2
    assert before != after
    pytest.importorskip("plotly")
    from paper_bitmart.backtest.report import write_report

    write_report(results, tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text().count('<p class="warning">') == 2
