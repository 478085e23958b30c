"""Real orders made up under a known delay and model: they are found again, and told when they cannot be."""

import json

import pytest

from paper_bitmart.matching.models import DEFAULT_MODEL, LOG, PROPORTIONAL
from paper_bitmart.realism import real_fit
from paper_bitmart.realism.real_fit import fit_real
from paper_bitmart.realism.real_orders import RealOrdersError
from tests.realism.fabricated import Fabricated
from tests.realism.queue_market import QueueMarket, uniform

DELAY_MS = 40


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return QueueMarket(150, uniform, seed=3).write(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def fabricated(market, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    return Fabricated(*market, folder, count=300, model=PROPORTIONAL, delay_ms=DELAY_MS, life_s=(1, 6))


@pytest.fixture(scope="module")
def found(market, fabricated, tmp_path_factory):
    path = fabricated.write_csv(tmp_path_factory.mktemp("csv") / "real.csv")
    return fit_real(*market, [path], "csv")


def test_the_delay_is_found_and_its_interval_holds_it(found):
    assert found.setting.delay_ns == pytest.approx(DELAY_MS * 1e6, abs=1e6)
    low, high = found.delay_95
    assert low <= DELAY_MS <= high
    assert high - low < 5
    assert found.seen.median_ms == pytest.approx(DELAY_MS)
    assert found.delay.settings[found.delay.choice.best].delay_ns == pytest.approx(DELAY_MS * 1e6, abs=1e6)


def test_the_queue_model_is_found(found):
    assert found.is_enough
    assert found.setting.model == PROPORTIONAL
    choice = found.models.choice
    assert choice.gain_95[1] < 0
    assert choice.loss[choice.recommended] < 0.001


def test_with_the_right_settings_nothing_is_left_to_differ(found):
    figures = {figure.name: figure for figure in found.recommended}
    assert figures["filled orders"].real == figures["filled orders"].simulated
    assert figures["wrongly filled or not"].simulated == 0
    plain = {figure.name: figure for figure in found.default}
    late = plain["first fill, simulated less real"]
    assert late.simulated < -DELAY_MS / 2
    assert late.difference_95[1] <= 0


def test_bitmarts_export_of_the_same_orders_says_the_same_of_the_model(market, fabricated, tmp_path):
    orders, trades = fabricated.bitmart_rows()
    files = [tmp_path / "orders.json", tmp_path / "trades.json"]
    for path, rows in zip(files, (orders, trades), strict=True):
        path.write_text(json.dumps({"code": 1000, "data": rows}))
    fit = fit_real(*market, files, "bitmart", only=PROPORTIONAL)
    assert fit.sent_on_venue_clock
    assert fit.orders == 300
    assert fit.setting.model == PROPORTIONAL
    assert fit.setting.delay_ns == pytest.approx(DELAY_MS * 1e6, abs=2e6)


def test_orders_of_the_default_settings_keep_them(market, tmp_path):
    real = Fabricated(*market, tmp_path, count=200, model=DEFAULT_MODEL, delay_ms=0, life_s=(1, 6))
    fit = fit_real(*market, [real.write_csv(tmp_path / "real.csv")], "csv", only=LOG)
    assert fit.is_enough
    assert str(fit.setting) == f"--queue-model {DEFAULT_MODEL.name}"


def test_where_too_few_orders_took_the_delay_is_fitted(market, fabricated, tmp_path, monkeypatch):
    monkeypatch.setattr(real_fit, "SEEN_MIN", 10**6)
    fit = fit_real(*market, [fabricated.write_csv(tmp_path / "real.csv")], "csv", only=PROPORTIONAL)
    assert fit.seen.delay_ns is None
    assert fit.setting.model == PROPORTIONAL
    assert fit.setting.delay_ns == pytest.approx(DELAY_MS * 1e6, abs=1e6)


def test_few_orders_recommend_nothing(market, tmp_path):
    real = Fabricated(*market, tmp_path, count=60, model=LOG, delay_ms=DELAY_MS)
    fit = fit_real(*market, [real.write_csv(tmp_path / "real.csv")], "csv", only=LOG)
    assert not fit.is_enough
    assert str(fit.setting) == f"--queue-model {DEFAULT_MODEL.name}"
    assert not fit.of_held_out


def test_orders_of_another_time_are_refused(market, fabricated, tmp_path):
    path = fabricated.write_csv(tmp_path / "real.csv")
    later = QueueMarket(150, uniform, seed=3)
    later.lines = [line for line in later.lines if line[0] < 500]
    with pytest.raises(
        RealOrdersError, match="no order can be used: 300 not wholly within the capture's time"
    ):
        fit_real(*later.write(tmp_path), [path], "csv")
