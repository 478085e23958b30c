import gzip

import numpy as np
import pytest

from paper_bitmart.backtest.catalogue import Catalogue
from paper_bitmart.backtest.foreign import ForeignDataError
from paper_bitmart.backtest.history import HistoryError
from paper_bitmart.backtest.history_convert import Form, convert, form_of
from paper_bitmart.backtest.history_hftbacktest import write_hftbacktest
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.feed.capture import CaptureError
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.event_file import save_events
from tests.backtest.test_history_binance import book, diff
from tests.backtest.test_history_binance import read as write_binance
from tests.backtest.test_history_tardis import read as write_tardis
from tests.small_market import DEMO, DEMO_RULES

RULES = load_rules(DEMO_RULES)


@pytest.fixture(scope="module")
def demo():
    return load_capture(DEMO, DEMO_RULES)


@pytest.mark.parametrize("packed", [False, True])
def test_a_capture_becomes_one_history_per_symbol_under_its_day(tmp_path, demo, packed):
    done = convert([DEMO], tmp_path, RULES, packed=packed)
    catalogue = Catalogue(tmp_path)
    assert catalogue.symbols() == ["BTC_USDT", "ETH_USDT"]
    assert catalogue.days("BTC_USDT") == ["2024-08-09"]
    (history,) = catalogue.histories("ETH_USDT")
    assert np.array_equal(history.read(), demo.events["ETH_USDT"])
    assert [report.counts for report in done.reports] == [{}, {}]


def test_a_capture_is_converted_piece_by_piece_to_the_same_histories(tmp_path, demo, monkeypatch):
    monkeypatch.setattr("paper_bitmart.backtest.history_convert.LINES_AT_ONCE", 7)
    done = convert([DEMO], tmp_path, RULES)
    assert [history.symbol for history in done.histories] == ["ETH_USDT", "BTC_USDT"]
    for history in done.histories:
        assert np.array_equal(history.read(), demo.events[history.symbol])
    assert done.captures[0].messages == demo.report.messages


def test_a_capture_with_a_fault_leaves_no_history(tmp_path):
    lines = gzip.decompress(DEMO.read_bytes()).splitlines(keepends=True)
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b"".join([*lines[:900], b'1723161800000000000 {"table":"spot/trade","data":3}\n']))
    with pytest.raises(CaptureError, match="901"):
        convert([bad], tmp_path / "out", RULES)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_every_form_is_told_by_its_content(tmp_path, demo):
    save_events(tmp_path / "a", demo.events)
    write_hftbacktest(tmp_path / "b", demo.events["BTC_USDT"], RULES["BTC_USDT"])
    write_tardis(tmp_path)
    write_binance(tmp_path, book(7), diff(8, 8))
    convert([DEMO], tmp_path / "c", RULES, symbol="BTC_USDT")
    forms = {
        "a": Form.EVENTS, "b": Form.HFTBACKTEST, "book.csv.gz": Form.TARDIS,
        "trades.csv": Form.TARDIS_TRADES, "raw.jsonl": Form.BINANCE, "c/BTC_USDT/2024-08-09": Form.HISTORY,
    }  # fmt: skip
    assert {name: form_of(tmp_path / name) for name in forms} == forms
    assert form_of(DEMO) is Form.CAPTURE


def test_tardis_depth_and_trades_become_one_history(tmp_path):
    write_tardis(tmp_path)
    files = [tmp_path / "trades.csv", tmp_path / "book.csv.gz"]
    done = convert(files, tmp_path / "out", RULES, symbol="BTC_USDT")
    assert [report.trades for report in done.reports] == [2]


def test_an_hftbacktest_file_needs_its_symbol_named(tmp_path, demo):
    write_hftbacktest(tmp_path / "b.npz", demo.events["BTC_USDT"], RULES["BTC_USDT"])
    with pytest.raises(ForeignDataError, match="symbol: must be chosen: one of BTC_USDT, ETH_USDT"):
        convert([tmp_path / "b.npz"], tmp_path / "out", RULES)
    done = convert([tmp_path / "b.npz"], tmp_path / "out", RULES, symbol="BTC_USDT")
    assert done.reports[0].trades == 2_085


def test_a_day_is_never_written_twice(tmp_path):
    convert([DEMO], tmp_path, RULES)
    with pytest.raises(HistoryError, match="exists already"):
        convert([DEMO], tmp_path, RULES)


def test_what_is_no_market_data_is_told(tmp_path):
    (tmp_path / "x").write_text("hello\n")
    with pytest.raises(ForeignDataError, match="market data of no known form"):
        form_of(tmp_path / "x")
    with pytest.raises(ForeignDataError, match=r"^[^:]*: is a folder, but no history"):
        form_of(tmp_path)


def test_a_catalogue_names_what_it_does_not_have(tmp_path):
    with pytest.raises(HistoryError, match="no history of BTC_USDT"):
        Catalogue(tmp_path).histories("BTC_USDT")
