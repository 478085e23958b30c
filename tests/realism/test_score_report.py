"""From a capture, its orders and a truth to figures and pages."""

import json
import re
import struct
import sys

import numpy as np
import pytest

from paper_bitmart import cli
from paper_bitmart.realism.score_figures import late_bars, within_line, write_score_png
from paper_bitmart.realism.score_report import lines, write_score_report
from paper_bitmart.realism.score_run import ScoreOptions, run_score
from tests.small_market import MARKET, MS, START_NS, Files, cancel, submit

ORDERS = [
    submit(100, "front", size="0.5", kind="limit_maker"),
    submit(100, "behind", price="99.99", size="1", kind="limit_maker", account="a2"),
    submit(200, "take", price="100.02", size="0.5", account="a3"),
    cancel(1_500, "behind", account="a2"),
]


def true_row(name, at_ms, price, size, *fills, **labels):
    return {
        "client_order_id": name, "symbol": "BTC_USDT", "ts": START_NS + at_ms * MS, "side": "buy",
        "price": price, "size": size,
        "fills": [[START_NS + ms * MS, price, lots, role] for ms, lots, role in fills], **labels,
    }  # fmt: skip


TRUTH = [
    true_row("front", 100, "100.00", "0.5", (1_000, "0.5", "maker"), contested=True),
    true_row("behind", 100, "99.99", "1", (1_050, "1", "maker")),
    true_row("take", 200, "100.02", "0.5", (200, "0.5", "taker"), **{"class": "taker"}),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("score")
    files = Files(folder, MARKET, ORDERS)
    files.truth = folder / "truth.jsonl"
    files.truth.write_text("".join(json.dumps(row) + "\n" for row in TRUTH))
    return files


def options(files, **settings):
    return ScoreOptions(
        capture=files.capture, symbols=files.symbols, orders=files.orders, truth=files.truth, **settings
    )


@pytest.fixture(scope="module")
def scored(files):
    return run_score(options(files, with_probabilities=True))


def test_a_replay_is_scored_with_mids_of_its_own_book(scored):
    score = scored.score
    assert (score.maker["tp"], score.maker["fn"], score.maker["fp"]) == (1, 1, 0)
    assert score.contested["orders"] == 1
    assert score.taker["same_price_share"] == 1
    assert score.mids == "the capture's own book"
    # 99.99 is the bid and 100.02 the ask after the fill at 100.00.
    assert score.maker["markout_sim_ticks"] == pytest.approx(0.5)


def test_every_model_votes_on_the_probability(scored):
    assert [(one.predicted, one.orders, one.filled) for one in scored.curves.bins] == [(0, 1, 1), (1, 1, 1)]
    assert scored.curves.brier == 0.5


def test_fills_that_were_made_before_are_scored_without_a_replay(files, scored):
    files.run()
    again = run_score(options(files, fills=files.out, with_probabilities=True))
    assert again.score.maker == scored.score.maker
    assert again.curves.bins == []


def test_the_page_is_one_file_that_loads_nothing(scored, tmp_path):
    pytest.importorskip("plotly")
    write_score_report(scored, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "<title>Realism: capture.jsonl, places, against truth.jsonl</title>" in page
    assert not re.search(r"<(script|link|img)[^>]*\b(src|href)=", page)
    assert page.count("Plotly.newPlot(") == 1
    assert "<td>contested: yes</td>" in page
    assert "contested" in page


def test_the_picture_is_a_png_of_its_size(scored, tmp_path):
    pytest.importorskip("matplotlib")
    write_score_png(scored, tmp_path / "r.png")
    assert struct.unpack(">II", (tmp_path / "r.png").read_bytes()[16:24]) == (1210, 1265)


def test_the_markout_bias_has_an_interval_at_every_horizon(scored):
    curves = scored.curves
    assert len(curves.markout_bias_95) == len(curves.markout_s) == len(curves.sim_markout)
    at = curves.markout_s.index(1.0)
    low, high = curves.markout_bias_95[at]
    assert low <= curves.sim_markout[at] - curves.true_markout[at] <= high


def test_errors_of_the_first_fill_are_binned_and_summed_up():
    late_ms = np.array([0.0, 3.0, -3.0, 200.0])
    names, shares = late_bars(late_ms)
    assert {name: share for name, share in zip(names, shares, strict=True) if share} == {
        "-10 ms to -1 ms": 25, "within 1 ms": 25, "1 ms to 10 ms": 25, "100 ms to 250 ms": 25,
    }  # fmt: skip
    within = dict(zip(*within_line(late_ms), strict=True))
    assert (within["1 ms"], within["5 ms"], within["250 ms"]) == (25, 75, 100)


def test_a_terminal_is_told_the_same_figures(scored):
    text = "\n".join(lines(scored))
    assert "resting orders       2           500.0" in text
    assert "contested            1             0.0" in text
    assert "95 % resting orders: " in text


@pytest.fixture
def run(monkeypatch, capsys):
    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["paper-bitmart", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return command


def test_the_command_prints_figures_or_json_and_writes_the_page(files, run, tmp_path):
    pytest.importorskip("plotly")
    inputs = ("score", files.capture, files.orders, files.truth, "--symbols", files.symbols)
    code, out, err = run(*inputs, "--out", tmp_path / "r.html", "--png", tmp_path / "r.png")
    assert code == 0
    assert "contested episodes 1" in out
    assert f"report: {tmp_path / 'r.html'}" in err
    code, out, _ = run(*inputs, "--json", "--queue-model", "conservative")
    assert code == 0
    assert json.loads(out)["maker"]["orders"] == 2


def test_a_truth_that_cannot_be_read_is_one_line_with_its_place(files, run, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps(TRUTH[0] | {"price": "x"}) + "\n")
    code, _, err = run("score", files.capture, files.orders, bad, "--symbols", files.symbols)
    assert code == 2
    assert f"{bad}:1:price: " in err
