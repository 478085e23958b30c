"""Reports that the real core never sends: the venue finds out, instead of moving money on them."""

import numpy as np
import pytest
from venue_bench import SYMBOL, Bench, print_at

from paper_bitmart.bitmart.enums import OrderState, Side
from paper_bitmart.exchange.lifecycle import VenueInconsistent
from paper_bitmart.matching.core.state import UNKNOWN_AHEAD
from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.reports import REPORT_DTYPE, ReportKind


class ScriptedMatcher(Matcher):
    """The real core, with reports of a test's own put in front."""

    def __init__(self):
        super().__init__()
        self.script = []

    def drain(self):
        scripted = np.zeros(len(self.script), REPORT_DTYPE)
        for row, fields in zip(scripted, self.script, strict=True):
            for name, value in fields.items():
                row[name] = value
        self.script = []
        return np.concatenate([scripted, super().drain()])


@pytest.fixture
def matchers():
    made = []

    class Made(ScriptedMatcher):
        def __init__(self):
            super().__init__()
            made.append(self)

    Made.made = made
    return Made


def play(bench, matchers, **report):
    matchers.made[0].script.append({"at_ns": bench.at_ns, **report})
    return bench.venue.market(SYMBOL, print_at(bench.tick(), Side.BUY, 10001, 1))[1]


def test_a_report_for_an_unknown_order_is_a_defect(matchers):
    bench = Bench(matchers=matchers)
    with pytest.raises(VenueInconsistent, match="unknown order 7"):
        play(bench, matchers, kind=ReportKind.FILL, order_id=7, size_lots=1, price_ticks=1)


@pytest.mark.parametrize("kind", [ReportKind.FILL, ReportKind.CANCEL])
def test_a_report_for_a_finished_order_is_a_defect(matchers, kind):
    bench = Bench(matchers=matchers)
    order = bench.order(bench.place("buy", "ioc", price="100.01", size="1"))
    assert order.state is OrderState.FILLED
    with pytest.raises(VenueInconsistent, match="which is filled"):
        play(bench, matchers, kind=kind, order_id=order.order_id, size_lots=1, price_ticks=1)


def test_a_market_order_that_the_core_leaves_open_is_closed_by_the_venue(matchers):
    matchers.place = lambda self, *order: None
    bench = Bench(matchers=matchers)
    order = bench.order(bench.place("sell", "market", size="1"))
    assert order.state is OrderState.CANCELED
    bench.venue.check()


def test_a_rest_later_in_life_changes_nothing(matchers):
    bench = Bench(matchers=matchers)
    order = bench.order(bench.place("buy", "limit", price="99", size="1"))
    assert play(bench, matchers, kind=ReportKind.REST, order_id=order.order_id, ahead_after=5.0) == []


def test_an_unpublished_price_has_no_queue_to_tell(matchers):
    bench = Bench(matchers=matchers)
    order = bench.order(bench.place("buy", "limit", price="99", size="1"))
    fill = {"price_ticks": 9900, "size_lots": 400, "leaves_lots": 600, "reason": 3}
    events = play(
        bench, matchers, kind=ReportKind.FILL, order_id=order.order_id, ahead_before=UNKNOWN_AHEAD, **fill
    )
    assert (events[0].fill.ahead_before, events[0].fill.ahead_after) == (-1.0, 0.0)
