import re
import struct

import pytest

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.report import write_report
from paper_bitmart.backtest.report_png import write_png
from paper_bitmart.backtest.report_series import pair_series
from paper_bitmart.backtest.strategy import Strategy
from tests.backtest.backtest_market import Quoter, demo


@pytest.fixture(scope="module")
def results():
    return Backtest(demo(), Quoter(), name="quoter <1>").run()


def test_the_report_is_one_file_that_loads_nothing(results, tmp_path):
    pytest.importorskip("plotly")
    write_report(results, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<title>Backtest: quoter &lt;1&gt;</title>" in page
    assert not re.search(r"<(script|link|img)[^>]*\b(src|href)=", page)
    assert page.count("Plotly.newPlot(") == 4
    assert f"{len(results.fills):,} fills" in page
    for symbol in ("BTC_USDT", "ETH_USDT"):
        assert f"<h2>{symbol}, account main</h2>" in page


def test_a_run_without_orders_has_a_report_too(tmp_path):
    pytest.importorskip("plotly")
    write_report(Backtest(demo(), Strategy()).run(), tmp_path / "report.html")
    assert "No order was sent." in (tmp_path / "report.html").read_text()


def test_the_picture_is_a_png_of_its_size(results, tmp_path):
    pytest.importorskip("matplotlib")
    write_png(results, tmp_path / "x.png", "main", "BTC_USDT")
    data = (tmp_path / "x.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (1210, 880)


def test_curves_hold_what_the_results_hold(results):
    series = pair_series(results, "main", "ETH_USDT")
    fills = results.fills_of("main", "ETH_USDT")
    assert len(series.fill_prices) == len(fills) == len(series.fill_evidence)
    assert len(series.quote_prices) == len(results.orders_of("main", "ETH_USDT"))
    assert series.quotes_left_out == 0
    assert (series.quotes_to >= series.quotes_from).all()
    assert series.equity["equity"][-1] == pytest.approx(results.equity("main", "ETH_USDT")["equity"][-1])
