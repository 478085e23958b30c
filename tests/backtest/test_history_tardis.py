import gzip

import pytest

from paper_bitmart.backtest.foreign import ForeignDataError
from paper_bitmart.backtest.history_check import check_events
from paper_bitmart.backtest.history_tardis import TardisFiles
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.feed.events import Kind
from tests.small_market import DEMO_RULES

RULES = load_rules(DEMO_RULES)["BTC_USDT"]
BOOK = """exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount
binance,BTCUSDT,900,1000,true,bid,100.01,2
binance,BTCUSDT,900,1001,true,ask,100.03,1
binance,BTCUSDT,1900,2000,false,bid,100.01,0
binance,BTCUSDT,1900,2000,false,bid,100.00,0.5
"""
TRADES = """exchange,symbol,timestamp,local_timestamp,id,side,price,amount
binance,BTCUSDT,1800,1900,1,sell,100.01,2
binance,BTCUSDT,1950,2000,2,buy,100.03,0.3
"""


def read(folder, book=BOOK, trades=TRADES):
    (folder / "book.csv.gz").write_bytes(gzip.compress(book.encode()))
    (folder / "trades.csv").write_text(trades)
    return list(TardisFiles(folder / "book.csv.gz", folder / "trades.csv", RULES).chunks())


def test_depth_and_trades_are_merged_by_local_time_into_messages(tmp_path):
    (events,) = read(tmp_path)
    assert [
        (
            int(e["recv_ns"]) // 1000,
            int(e["exch_ns"]) // 1000,
            Kind(e["kind"]).name,
            int(e["side"]),
            int(e["price_ticks"]),
            int(e["size_lots"]),
        )
        for e in events
    ] == [
        (1000, 900, "FEED_STATE", 0, 0, 0),
        (1001, 900, "SNAPSHOT_BEGIN", 0, 0, 0),
        (1001, 900, "LEVEL", 0, 10_001, 200_000),
        (1001, 900, "LEVEL", 1, 10_003, 100_000),
        (1001, 900, "SNAPSHOT_END", 0, 0, 0),
        (1001, 900, "FEED_STATE", 0, 0, 1),
        (1900, 1800, "TRADE", 1, 10_001, 200_000),
        (2000, 1900, "LEVEL", 0, 10_001, 0),
        (2000, 1900, "LEVEL", 0, 10_000, 50_000),
        (2000, 1950, "TRADE", 0, 10_003, 30_000),
    ]
    assert check_events([events], "x").counts == {}


@pytest.mark.parametrize(
    ("book", "why"),
    [
        (BOOK.replace("is_snapshot", "snap"), r"book\.csv\.gz:1: is_snapshot: is not among the columns"),
        (BOOK.replace("1900,2000,false,bid,100.00", "1900,20,false,bid,100.00"), ":5: local_timestamp: goes"),
        (BOOK.replace("100.03", "100.035"), ":3: price, amount, timestamp"),
        (BOOK.replace("ask", "asks"), ":3: side: must be one of"),
        (BOOK.replace("false", "no"), ":4: is_snapshot: must be true or false"),
        (BOOK + "binance,BTCUSDT", ":6: 2 cells under 8 columns"),
    ],
)
def test_a_bad_line_is_named(tmp_path, book, why):
    with pytest.raises(ForeignDataError, match=why):
        read(tmp_path, book)


def test_a_file_that_was_cut_off_is_named(tmp_path):
    (tmp_path / "book.csv.gz").write_bytes(gzip.compress(BOOK.encode())[:-12])
    with pytest.raises(ForeignDataError, match="damaged or cut off"):
        list(TardisFiles(tmp_path / "book.csv.gz", None, RULES).chunks())
