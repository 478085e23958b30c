import pytest

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.history_convert import convert
from paper_bitmart.backtest.tape import ArrayTape, HistoryTape, TapeError, open_data
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.exchange.fees import NO_FEES, FeeRates
from paper_bitmart.matching.latency import Exponential, LatencyProfile
from tests.backtest.backtest_market import MS, Quoter, demo, same
from tests.small_market import DEMO, DEMO_RULES, ES

RULES = load_rules(DEMO_RULES)


@pytest.fixture(scope="module")
def market():
    return demo()


def jitter(seed=1):
    """All four delays random."""
    models = [Exponential(5 * MS, 3 * MS, seed=10 * seed + role) for role in range(4)]
    return LatencyProfile(*models)


def test_equal_runs_are_equal_and_another_seed_is_not(market):
    runs = [Backtest(market, Quoter(), latency=jitter(seed)).run() for seed in (1, 1, 2)]
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])
    assert len(runs[0].fills) > 300


@pytest.mark.parametrize("rows", [97, 5_000])
def test_results_do_not_depend_on_the_size_of_the_chunks(market, rows):
    chunked = {
        symbol: ArrayTape(market.rules[symbol], events, chunk_rows=rows)
        for symbol, events in market.events.items()
    }
    assert same(Backtest(chunked, Quoter()).run(), Backtest(market, Quoter()).run())


def test_the_same_market_from_capture_and_catalogue_gives_the_same_run(market, tmp_path):
    convert([DEMO], tmp_path, RULES, packed=True)
    results = [
        Backtest(data, Quoter(), rules=DEMO_RULES, symbols=["BTC_USDT"]).run() for data in (DEMO, tmp_path)
    ]
    assert same(*results)
    assert isinstance(open_data(tmp_path)["BTC_USDT"], HistoryTape)


def test_fees_are_charged_by_their_rates(market):
    free, paid = (
        Backtest(market, Quoter(), symbols=["BTC_USDT"], fees=fees).run()
        for fees in (NO_FEES, FeeRates(1000, 0))
    )
    assert free.fills["fee_e8"].sum() == 0
    rules = market.rules["BTC_USDT"]
    atoms = [rules.notional_atoms(int(f["price_ticks"]), int(f["size_lots"])) for f in paid.fills]
    assert paid.fills["fee_e8"].tolist() == [one // 1000 // 10**10 for one in atoms]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"symbols": ["XRP_USDT"]}, "XRP_USDT is not in the data"),
        ({"data": {}}, "nothing to play"),
        ({"data": ES}, "carry no rules; give a symbols/details file, or put it beside"),
    ],
)
def test_data_that_cannot_be_played_are_named(market, arguments, why):
    with pytest.raises(TapeError, match=why):
        Backtest(**({"data": market, "strategy": Quoter()} | arguments))


def test_progress_tells_market_time_up_to_the_end(market):
    seen = []
    results = Backtest(market, Quoter()).run(progress=seen.append)
    assert [p.at_ns for p in seen] == sorted(p.at_ns for p in seen)
    assert (seen[-1].at_ns, seen[-1].events) == (results.end_ns, results.events)
