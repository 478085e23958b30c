"""What the Python API says of an argument that it cannot take, and of orders that make no sense."""

from decimal import Decimal

import pytest

import paper_bitmart
from paper_bitmart.backtest.arguments import ArgumentError
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.desk import UnknownSymbol
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.tape import TapeError, open_data
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.matching.models import POWER
from tests.backtest.backtest_market import FUNDS, quiet, tape
from tests.small_market import DEMO

DATA = {"BTC_USDT": tape(quiet(100), quiet(200))}


class Quiet(Strategy):
    pass


async def program(exchange):
    await exchange.sleep(1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategy": Quiet}, r"strategy: must be an object, not the class: write Quiet\(\)"),
        ({"strategy": None}, "strategy: must be a Strategy, not the NoneType None"),
        ({"strategy": program}, "strategy: an async program of the connector runs in ConnectorBacktest"),
        ({"strategy": {}}, "strategy: at least one is needed"),
        ({"fees": 0.001}, "fees: must be FeeRates"),
        ({"latency": 10}, "latency: must be a LatencyProfile"),
        ({"queue_model": "power:k=2"}, "queue_model: power has n, not 'k'"),
        ({"queue_model": 3}, "queue_model: must be a QueueModel or its name, not the int 3"),
        (
            {"balances": {"USDT": 0.5}},
            r"balances\['USDT'\]: must be a Decimal, int or text, not the float 0.5",
        ),
        ({"balances": {"main": {"USDT": "x"}}}, r"balances\['main'\]\['USDT'\]: must be a number, not 'x'"),
        ({"balances": 1000}, "balances: must be a dict"),
    ],
)
def test_an_argument_of_a_backtest_is_named_with_its_rule(settings, said):
    with pytest.raises(ArgumentError, match=said):
        Backtest(DATA, **({"strategy": Quiet()} | settings))


def test_settings_are_taken_in_the_forms_that_people_write():
    backtest = Backtest(
        DATA, Quiet(), balances={"USDT": "10.5", "BTC": 1}, queue_model="power", latency=LatencyChoice()
    )
    assert backtest.run().balances["main"]["USDT"] == (Decimal("10.5"), 0)
    same = Backtest(DATA, Quiet(), balances={"main": FUNDS}, queue_model=POWER)
    assert same.run().balances["main"]["BTC"] == (FUNDS["BTC"], 0)


def test_the_bundled_market_and_rules_beside_a_capture_are_found():
    assert list(open_data("demo")) == list(open_data(DEMO)) == ["ETH_USDT", "BTC_USDT"]
    assert list(open_data("demo", symbols=["btc-usdt"])) == ["BTC_USDT"]
    with pytest.raises(TapeError, match=r"symbols: must be a list such as \['BTC_USDT'\], not a text"):
        open_data("demo", symbols="BTC_USDT")


@pytest.mark.parametrize("engine", ["compiled", "venue"])
@pytest.mark.parametrize(
    ("order", "error", "said"),
    [
        (
            ("BTC_USDT", 100.5, 1),
            TypeError,
            "price_ticks: must be a whole number, not the float 100.5; desk.rules",
        ),
        (("BTC_USDT", 100, "1"), TypeError, "size_lots: must be a whole number, not the str '1'"),
        (
            ("BTC-USDT", 100, 1),
            UnknownSymbol,
            "'BTC-USDT' is not traded in this backtest, which has BTC_USDT",
        ),
    ],
)
def test_an_order_that_makes_no_sense_names_the_field_and_is_not_sent(engine, order, error, said):
    class Wrong(Strategy):
        tickets = None

        def on_start(self, desk):
            try:
                desk.buy(*order)
            finally:
                self.tickets = dict(desk.tickets)

    wrong = Wrong()
    with pytest.raises(error, match=said):
        Backtest(DATA, wrong, engine=engine).run()
    assert wrong.tickets == {}


def test_a_misspelt_method_is_warned_of_where_it_is_written():
    with pytest.warns(UserWarning, match=r"Typo.on_boook is never called; did you mean on_book\?"):

        class Typo(Strategy):
            def on_boook(self, desk, symbol):
                raise AssertionError

    assert issubclass(Typo, Strategy)


def test_the_public_names_are_listed():
    assert {"Backtest", "Strategy", "connect", "__version__"} <= set(dir(paper_bitmart))


def test_results_say_what_they_are():
    assert (
        repr(Backtest(DATA, Quiet()).run()) == "<Results of Quiet on BTC_USDT: 0 orders, 0 fills, 0 refused>"
    )
