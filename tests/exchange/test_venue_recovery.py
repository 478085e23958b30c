"""A venue from a checkpoint and the events after it: the same accounts, orders and money."""

from decimal import Decimal

import msgspec
import pytest
from venue_bench import ALICE, RATES, SYMBOL, Bench, feed, names, rules_of, whole_book

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.exchange.events import decode_events, encode_events
from paper_bitmart.exchange.recovery import StateMismatch
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.state import decode_state, encode_state, state_hash
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.events import FeedState

SYMBOLS = (SYMBOL, "ETH_USDT")


def new_venue():
    return Venue({symbol: rules_of(symbol) for symbol in SYMBOLS}, settings=VenueSettings(fees=RATES))


@pytest.fixture
def bench():
    return Bench(*map(rules_of, SYMBOLS))


def essence(venue):
    """The whole state as bytes, the matchers' dumps with it."""
    return encode_state(venue.export_state())


def live_a_little(bench):
    """Resting, part-filled, filled and cancelled orders on both symbols, other fees, a gap, a withdrawal."""
    bench.venue.set_fees(ALICE, "ETH_USDT", 0, 500, bench.tick())
    for symbol in SYMBOLS:
        bench.place("sell", "ioc", price="99.99", size="1", symbol=symbol)
        bench.place("buy", "limit", price="99.99", size="2", symbol=symbol)
        bench.place("buy", "limit", price="100.01", size="4", symbol=symbol, client_order_id=f"x{symbol[0]}")
    bench.trade(Side.SELL, 10000, 500)
    bench.venue.cancel(ALICE, client_order_id="xE", at_ns=bench.tick())
    bench.venue.open_account("ample", None, bench.tick())
    bench.place("buy", "market", account="ample", notional="50")
    bench.venue.withdraw(ALICE, "BTC", Decimal("1.5"), bench.tick())


def test_an_exported_state_round_trips(bench):
    live_a_little(bench)
    state = bench.venue.export_state()
    copy = new_venue()
    copy.import_state(decode_state(encode_state(state)))
    assert essence(copy) == essence(bench.venue)
    copy.check()


def test_a_copy_goes_on_exactly_like_the_original(bench):
    live_a_little(bench)
    copy = Bench(*map(rules_of, SYMBOLS), live=False)
    copy.venue = new_venue()
    copy.venue.import_state(bench.venue.export_state())
    copy.at_ns = bench.at_ns
    for one in (bench, copy):
        one.place("buy", "limit", price="100.02", size="3")
        one.trade(Side.SELL, 9999, 30_000)
        one.venue.cancel_all("ample", at_ns=one.tick())
    assert essence(copy.venue) == essence(bench.venue)


def test_events_alone_rebuild_accounts_orders_and_money(bench):
    live_a_little(bench)
    copy = new_venue()
    for event in bench.journal.events:
        copy.restore(*decode_events(encode_events([event])))
    told = copy.finish_restore()
    assert names(told) == ["feed SYNCING", "feed SYNCING"]
    ours, theirs = copy.export_state(), bench.venue.export_state()
    for field in (
        "accounts",
        "orders",
        "fills",
        "fee_rates",
        "fee_atoms",
        "market_atoms",
        "net_deposit_atoms",
    ):
        assert getattr(ours, field) == getattr(theirs, field), field
    assert (ours.next_order_id, ours.next_trade_id) == (theirs.next_order_id, theirs.next_trade_id)
    assert ours.next_event_seq == theirs.next_event_seq + len(told)
    copy.check()


def test_a_checkpoint_and_the_events_after_it_rebuild_the_same(bench):
    bench.place("buy", "limit", price="99.99", size="9", symbol="ETH_USDT")
    checkpoint = bench.venue.export_state()
    seen = len(bench.journal.events)
    live_a_little(bench)
    copy = new_venue()
    copy.import_state(checkpoint)
    for event in bench.journal.events[seen:]:
        copy.restore(event)
    copy.finish_restore()
    assert copy.export_state().orders == bench.venue.export_state().orders
    assert copy.balances(ALICE) == bench.venue.balances(ALICE)
    assert copy.account("ample") == bench.venue.account("ample")


def test_restored_orders_rest_again_at_their_queue_position_and_fill(bench):
    resting = bench.place("buy", "limit", price="99.99", size="2")[0]
    copy = new_venue()
    for event in bench.journal.events:
        copy.restore(event)
    copy.finish_restore()
    assert copy.feed_state(SYMBOL) is FeedState.SYNCING
    assert copy.queue_ahead(resting.order.order_id) == resting.queue_ahead == 5000.0
    # The market that comes back has passed the order: it fills at its own price.
    events = copy.market(SYMBOL, whole_book(bench.tick(), bids={9900: 10}, asks={9950: 10}))[1]
    assert [event.fill.price_ticks for event in events if hasattr(event, "fill")] == [9999]
    copy.check()


def test_restored_orders_can_be_cancelled(bench):
    live_a_little(bench)
    copy = new_venue()
    for event in bench.journal.events:
        copy.restore(event)
    copy.finish_restore()
    copy.cancel_all(ALICE, at_ns=bench.tick())
    assert copy.open_orders(ALICE) == []
    assert copy.balance(ALICE, "USDT").frozen_atoms == 0


def test_a_symbol_that_missed_nothing_keeps_its_matcher_and_its_feed(bench):
    checkpoint = bench.venue.export_state()
    seen = len(bench.journal.events)
    bench.place("buy", "limit", price="99.99", size="2")
    copy = new_venue()
    copy.import_state(checkpoint)
    for event in bench.journal.events[seen:]:
        copy.restore(event)
    copy.finish_restore()
    assert copy.feed_state("ETH_USDT") is FeedState.LIVE
    assert copy.export_state().markets["ETH_USDT"] == bench.venue.export_state().markets["ETH_USDT"]


def test_feed_states_come_back(bench):
    bench.venue.market(SYMBOL, feed(bench.tick(), FeedState.STALE))
    copy = new_venue()
    for event in bench.journal.events:
        copy.restore(event)
    copy.finish_restore()
    assert copy.feed_state(SYMBOL) is FeedState.STALE


def test_an_event_out_of_turn_is_refused(bench):
    copy = new_venue()
    copy.restore(bench.journal.events[0])
    with pytest.raises(StateMismatch, match="event 3 follows event 1"):
        copy.restore(bench.journal.events[2])


def test_a_state_that_does_not_fit_is_refused(bench):
    state = bench.venue.export_state()
    with pytest.raises(StateMismatch, match="accounts already"):
        bench.venue.import_state(state)
    with pytest.raises(StateMismatch, match="no rules for BTC_USDT, ETH_USDT"):
        Venue({"XRP_USDT": rules_of("XRP_USDT")}).import_state(state)
    with pytest.raises(StateMismatch, match="version 99"):
        new_venue().import_state(msgspec.structs.replace(state, version=99))


def test_the_hash_tells_states_apart(bench):
    before = state_hash(bench.venue.export_state())
    assert state_hash(bench.venue.export_state()) == before
    bench.place("buy", "limit", price="99", size="1")
    assert state_hash(bench.venue.export_state()) != before


def test_a_broken_event_names_its_field(bench):
    text = encode_events(bench.journal.events[:1]).replace(b'"alice"', b"7")
    with pytest.raises(msgspec.ValidationError, match=r"\$\[0\]\.account"):
        decode_events(text)
