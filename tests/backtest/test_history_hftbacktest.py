import numpy as np
import pytest

from paper_bitmart.backtest.foreign import ForeignDataError
from paper_bitmart.backtest.history_check import check_events
from paper_bitmart.backtest.history_hftbacktest import (
    BUY,
    CLEAR,
    DEPTH,
    EXCH,
    FOREIGN_DTYPE,
    LOCAL,
    SELL,
    SNAPSHOT,
    TRADE,
    read_hftbacktest,
    write_hftbacktest,
)
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import Kind
from tests.small_market import DEMO, DEMO_RULES

BOTH = EXCH | LOCAL


@pytest.fixture(scope="module")
def demo():
    return load_capture(DEMO, DEMO_RULES)


@pytest.fixture
def rules(demo):
    return demo.rules["BTC_USDT"]


def foreign(path, *rows):
    """(ev, exch, local, px, qty) saved as hftbacktest does."""
    array = np.zeros(len(rows), FOREIGN_DTYPE)
    for target, (ev, exch, local, px, qty) in zip(array, rows, strict=True):
        target["ev"], target["exch_ts"], target["local_ts"] = ev, exch, local
        target["px"], target["qty"] = px, qty
    np.savez_compressed(path, data=array)
    return path


def told(events):
    return [
        (int(e["recv_ns"]), Kind(e["kind"]).name, int(e["side"]), int(e["price_ticks"]), int(e["size_lots"]))
        for e in events
    ]


def test_rows_become_messages_with_a_snapshot_in_front(tmp_path, rules):
    path = foreign(
        tmp_path / "x.npz",
        (CLEAR | BOTH, 9, 10, 0, 0),
        (SNAPSHOT | BOTH | BUY, 9, 10, 100.01, 0.00002),
        (SNAPSHOT | BOTH | SELL, 9, 10, 100.03, 1.1),
        (DEPTH | BOTH | SELL, 11, 12, 100.02, 3.0),
        (DEPTH | EXCH | SELL, 11, 12, 100.02, 4.0),
        (TRADE | BOTH | BUY, 12, 13, 100.02, 0.5),
    )
    events = read_hftbacktest(path, rules)
    assert told(events) == [
        (10, "FEED_STATE", 0, 0, 0),
        (10, "SNAPSHOT_BEGIN", 0, 0, 0),
        (10, "LEVEL", 0, 10_001, 2),
        (10, "LEVEL", 1, 10_003, 110_000),
        (10, "SNAPSHOT_END", 0, 0, 0),
        (10, "FEED_STATE", 0, 0, 1),
        (12, "LEVEL", 1, 10_002, 300_000),
        (13, "TRADE", 0, 10_002, 50_000),
    ]
    assert check_events([events], "x").counts == {}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ((99 | BOTH, 9, 10, 1.0, 1.0), r":1: ev: unknown kind"),
        ((DEPTH | BOTH | BUY, 9, 5, 1.0, 1.0), r":1: local_ts: goes back"),
        ((DEPTH | BOTH | BUY, 9, 10, 1.005, 1.0), r":1: px: is no multiple of 0.01"),
        ((DEPTH | BOTH | BUY, 9, 10, 1.0, float("nan")), r":1: qty: is no multiple"),
        ((CLEAR | BOTH | BUY, 9, 10, 1.0, 0), r":1: ev: a cleared range without a snapshot"),
    ],
)
def test_a_row_that_cannot_be_is_named(tmp_path, rules, row, why):
    path = foreign(tmp_path / "x.npz", (DEPTH | BOTH | BUY, 8, 9, 1.0, 1.0), row)
    with pytest.raises(ForeignDataError, match=why):
        read_hftbacktest(path, rules)


def test_another_file_is_refused(tmp_path, rules):
    np.savez(tmp_path / "x.npz", data=np.zeros(3))
    with pytest.raises(ForeignDataError, match="has no column ev"):
        read_hftbacktest(tmp_path / "x.npz", rules)


@pytest.mark.parametrize("symbol", ["BTC_USDT", "ETH_USDT"])
def test_what_we_write_reads_back_as_the_same_market(tmp_path, demo, symbol):
    events, rules = demo.events[symbol], demo.rules[symbol]
    exported = write_hftbacktest(tmp_path / "x.npz", events, rules)
    back = read_hftbacktest(tmp_path / "x.npz", rules)
    kept = np.isin(events["kind"], (Kind.LEVEL, Kind.TRADE))
    again = back[np.isin(back["kind"], (Kind.LEVEL, Kind.TRADE))]
    for column in ("recv_ns", "price_ticks", "size_lots", "side", "kind"):
        assert np.array_equal(events[kept][column], again[column]), column
    assert np.array_equal(events[kept]["exch_ns"] + exported.exch_shift_ns, again["exch_ns"])
    assert exported.exch_shift_ns < -(10**9), "the recorder's clock was behind by more than a second"


def test_exchange_and_local_rows_are_each_in_their_own_order(tmp_path, demo, rules):
    write_hftbacktest(tmp_path / "x.npz", demo.events["BTC_USDT"], rules)
    rows = np.load(tmp_path / "x.npz")["data"]
    for flag, column in ((EXCH, "exch_ts"), (LOCAL, "local_ts")):
        own = rows[(rows["ev"] & np.uint64(flag)) != 0]
        assert np.all(np.diff(own[column]) >= 0), column
    assert np.all(rows["local_ts"] >= rows["exch_ts"])
    assert np.count_nonzero((rows["ev"] & np.uint64(BOTH)) == BOTH) > len(rows) // 2
