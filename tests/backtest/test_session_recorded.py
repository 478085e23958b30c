"""A recorded session with live random trading, replayed to the same fills, byte for byte.

A minute of market time in CI; PAPER_BITMART_SESSION_MINUTES=60 makes it the hour.
"""

import os

import pytest
from session_bench import TradedMarket, real_latency

from paper_bitmart.backtest.session_replay import replay_session
from paper_bitmart.exchange.events import FeedChanged, OrderCanceled, OrderFilled
from paper_bitmart.feed.events import FeedState

MINUTES = int(os.environ.get("PAPER_BITMART_SESSION_MINUTES", "1"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return TradedMarket(
        9, MINUTES, tmp_path_factory.mktemp("recorded") / "session", latency=real_latency(9)
    ).record()


def test_the_session_has_something_to_compare(recorded):
    fills = [event for event in recorded.events if isinstance(event, OrderFilled)]
    cancels = [event for event in recorded.events if isinstance(event, OrderCanceled)]
    states = {event.state for event in recorded.events if isinstance(event, FeedChanged)}
    assert len(fills) > 10 * MINUTES
    assert len(cancels) > 10 * MINUTES
    assert 50022 in {error.code for error in recorded.refusals}
    assert states >= {FeedState.LIVE, FeedState.SYNCING}
    assert not recorded.tape.failure


def test_a_recorded_session_replays_to_the_same_fills(recorded, tmp_path):
    verdict = replay_session(recorded.tape.path, out=tmp_path / "out.jsonl")
    assert verdict.is_identical, verdict.lines()
    assert verdict.is_state_compared
    assert verdict.counts["OrderFilled"] == sum(isinstance(event, OrderFilled) for event in recorded.events)
