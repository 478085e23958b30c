import re
import shutil
import struct
import subprocess

import numpy as np
import pytest

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.report import write_report
from paper_bitmart.backtest.report_figures import main_figure
from paper_bitmart.backtest.report_page import plotly_modules
from paper_bitmart.backtest.report_png import write_png
from paper_bitmart.backtest.report_series import MARKS_MAX, pair_series
from paper_bitmart.backtest.statistics import FORMULAS, markout_bps, statistics
from paper_bitmart.backtest.strategy import Strategy
from tests.backtest.backtest_market import MS, START_NS, Quoter, demo, quiet, tape

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def results():
    return Backtest(demo(), Quoter(), name="quoter <1>").run()


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(results, path)
    return path


def test_the_report_is_one_file_that_loads_nothing(results, page):
    text = page.read_text()
    assert "<title>Backtest: quoter &lt;1&gt;</title>" in text
    assert not re.search(r"<(script|link|img)[^>]*\b(src|href)=", text)
    assert text.count("Plotly.newPlot(") == 4
    assert f"{len(results.fills):,} fills" in text
    for symbol in ("BTC_USDT", "ETH_USDT"):
        assert f"<h2>{symbol}, account main</h2>" in text


def test_every_figure_is_shown_with_its_formula(results, page):
    text = page.read_text().replace("&gt;", ">").replace("&#x27;", "'")
    shown = set(statistics(results)[0].as_dict()) - {"account", "symbol", "sample_s"}
    assert shown == set(FORMULAS) - {"sample_s"}
    for name in shown:
        assert text.count(f"<td>{FORMULAS[name]}</td>") == 1, name
        label = name.removesuffix("_bps").replace("_", " ")
        assert text.count(f"<dt>{label}</dt>") == 2, name


def test_everything_is_drawn_at_its_time_and_price(results):
    series = pair_series(results, "main", "BTC_USDT")
    figure = main_figure(plotly_modules(), series)
    drawn = {trace.name: trace for trace in figure.data}
    assert set(drawn) == {
        "best bid", "best ask", "own bids", "own asks", "buys", "sells", "queue at entry", "queue at fills",
        "position", "equity",
    }  # fmt: skip
    start_ms, end_ms = results.start_ns / 1e6, results.end_ns / 1e6
    for name, trace in drawn.items():
        known = ~np.isnan(trace.x)
        assert known.sum() > 20, name
        assert start_ms <= trace.x[known].min() <= trace.x[known].max() <= end_ms, name
        assert np.array_equal(known, ~np.isnan(trace.y)) or name.startswith("best"), name
    fills = results.fills_of("main", "BTC_USDT")
    buys = fills[fills["side"] == 0]
    assert drawn["buys"].y == pytest.approx(buys["price_ticks"] * 0.01)
    assert drawn["buys"].x == pytest.approx(buys["at_ns"] / 1e6, abs=0.01)
    assert "maker: print" in drawn["buys"].text[0]
    low, high = figure.layout.yaxis.range
    assert low < drawn["own bids"].y[~np.isnan(drawn["own bids"].y)].min()
    assert high > np.nanmax(drawn["best ask"].y)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_draws_the_charts_over_the_minutes_of_the_run(page, tmp_path):
    flags = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    )
    done = subprocess.run(
        [CHROMIUM, *flags.split(), f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000", "--dump-dom",
         page.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.count('class="main-svg"') >= 4 * 2
    ticks = re.findall(r'class="x\d*tick"[^>]*><text[^>]*>(.*?)</text>', done.stdout)
    assert any("00:02:30" in tick for tick in ticks), ticks
    assert not any("1970" in tick or "Infinity" in tick for tick in ticks)


def test_a_run_without_orders_has_a_report_too(tmp_path):
    write_report(Backtest(demo(), Strategy()).run(), tmp_path / "report.html")
    assert "No order was sent." in (tmp_path / "report.html").read_text()


def test_a_stray_order_without_a_fill_does_not_flatten_the_market(tmp_path):
    class Stray(Strategy):
        def on_start(self, desk):
            desk.call_at(START_NS + 10 * MS)

        def on_timer(self, desk, tag):
            desk.buy("BTC_USDT", 100, 1_000)

    results = Backtest({"BTC_USDT": tape(quiet(5_000))}, Stray()).run()
    write_report(results, tmp_path / "report.html")
    write_png(results, tmp_path / "report.png", "main", "BTC_USDT")
    assert "Plotly.newPlot(" in (tmp_path / "report.html").read_text()
    low, high = main_figure(plotly_modules(), pair_series(results, "main", "BTC_USDT")).layout.yaxis.range
    assert 99.9 < low < 100.0 < 100.02 < high < 100.1


def test_the_picture_is_a_png_of_its_size(results, tmp_path):
    write_png(results, tmp_path / "x.png", "main", "BTC_USDT")
    data = (tmp_path / "x.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (1210, 1045)


def test_curves_hold_what_the_results_hold(results):
    series = pair_series(results, "main", "ETH_USDT")
    fills = results.fills_of("main", "ETH_USDT")
    assert len(series.fills["price"]) == series.fills_in_all == len(fills)
    assert len(series.quotes["price"]) == series.quotes_in_all == len(results.orders_of("main", "ETH_USDT"))
    assert (series.quotes_to >= series.quotes_from).all()
    assert series.equity["equity"][-1] == pytest.approx(results.equity("main", "ETH_USDT")["equity"][-1])
    expected = [markout_bps(results, "main", "ETH_USDT", round(s * 1e9)) for s in series.markout_s]
    assert list(series.markout_bps) == expected


def test_more_quotes_than_can_be_drawn_are_thinned_over_the_whole_run(results, monkeypatch):
    monkeypatch.setattr("paper_bitmart.backtest.report_series.MARKS_MAX", 100)
    series = pair_series(results, "main", "ETH_USDT")
    assert 50 < len(series.quotes["price"]) <= 100 < series.quotes_in_all < MARKS_MAX
    last_ns = series.quotes_from.astype(np.int64)[-1]
    assert last_ns > results.start_ns + 0.9 * (results.end_ns - results.start_ns)
    title = main_figure(plotly_modules(), series).layout.annotations[0].text
    assert f"{len(series.quotes['price'])} of {series.quotes_in_all:,} quotes drawn" in title
