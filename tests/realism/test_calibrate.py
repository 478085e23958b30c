"""The command: what it prints, writes and refuses."""

import json
import re
import sys

import pytest

from paper_bitmart import cli
from paper_bitmart.matching.models import DEFAULT_MODEL, LOG
from tests.realism.fabricated import Fabricated
from tests.realism.queue_market import QueueMarket, uniform


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return QueueMarket(150, uniform).write(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def real(market, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    return Fabricated(*market, folder, count=150, model=LOG, delay_ms=20).write_csv(folder / "real.csv")


@pytest.fixture
def calibrate(market, monkeypatch, capsys):
    def command(*arguments):
        capture, symbols = market
        words = ["paper-bitmart", "calibrate", capture, "--symbols", symbols, *arguments]
        monkeypatch.setattr(sys, "argv", [*map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return command


def test_a_capture_alone_gives_a_line_to_type(calibrate):
    code, out, _ = calibrate("--queue-model", "log")
    assert code == 0
    assert "BTC_USDT, 150 s: channels" in out
    assert re.search(r"\d+ orders of others were followed", out)
    assert re.search(r"^  BTC_USDT: --queue-model \S+", out, re.MULTILINE)


def test_the_page_is_one_file_that_loads_nothing(calibrate, tmp_path):
    pytest.importorskip("plotly")
    page = tmp_path / "r.html"
    code, _, err = calibrate("--queue-model", "log", "--out", page)
    assert code == 0
    assert f"report: {page}" in err
    text = page.read_text()
    assert "<title>Calibration: capture.jsonl</title>" in text
    assert not re.search(r"<(script|link|img)[^>]*\b(src|href)=", text)
    assert text.count("Plotly.newPlot(") == 2


def test_findings_are_json_for_programs(calibrate, tmp_path):
    code, out, _ = calibrate("--queue-model", "log", "--json", "--out", tmp_path / "r.json")
    assert code == 0
    found = json.loads(out)["symbols"]["BTC_USDT"]
    assert found["channels"]["interval_ms"] == 100
    assert found["models"] == [DEFAULT_MODEL.name, "log"]
    assert len(found["choice"]["loss"]) == 2
    assert found["recommended_setting"].startswith("--queue-model ")
    assert json.loads((tmp_path / "r.json").read_text()) == json.loads(out)


def test_real_orders_give_settings_and_a_page(calibrate, real, tmp_path):
    pytest.importorskip("plotly")
    page = tmp_path / "r.html"
    code, out, _ = calibrate("--real", real, "--real-form", "csv", "--queue-model", "log", "--out", page)
    assert code == 0
    assert "150 used, " in out
    assert "taker share of filled size" in out
    assert re.search(r"^  --queue-model \S+ --entry-latency-ms (19|20)", out, re.MULTILINE)
    assert page.read_text().count("Plotly.newPlot(") == 2


def test_too_few_real_orders_say_so(calibrate, market, tmp_path):
    few = Fabricated(*market, tmp_path, count=40, model=LOG, delay_ms=0).write_csv(tmp_path / "few.csv")
    code, out, _ = calibrate("--real", few, "--real-form", "csv", "--queue-model", "log")
    assert code == 0
    assert "too few to say anything: at least 100 orders in 10 blocks, 30 of them filled, are needed" in out
    assert "Nothing: too few data, so the defaults stay." in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--real-form", "xls"), "--real-form: must be bitmart or csv, not 'xls'"),
        (("--out", "r.pdf"), "--out: must end in .html or .json, not 'r.pdf'"),
        (("--queue-model", "best"), "--queue-model: must be one of conservative, "),
    ],
)
def test_a_bad_option_is_one_line(calibrate, arguments, told):
    code, out, err = calibrate(*arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_a_bad_file_is_one_line_with_its_place(calibrate, real, tmp_path):
    lines = real.read_text().splitlines()
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join([lines[0], lines[1].replace(",buy,", ",up,").replace(",sell,", ",up,")]))
    code, out, err = calibrate("--real", bad, "--real-form", "csv")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].endswith(f"{bad}:2:side: must be buy or sell, not 'up'")
    code, _, err = calibrate("--real", bad)
    assert code == 2
    assert f"{bad}:1: is no JSON" in err
