from decimal import Decimal

import msgspec
import pytest
from venue_bench import ALICE, Bench

from paper_bitmart.exchange.events import decode_events, encode_events


@pytest.fixture
def every_kind():
    """At least one event of every kind, with money beyond 64 bits."""
    bench = Bench()
    bench.venue.open_account("ample", None, bench.tick())
    bench.venue.set_fees(ALICE, None, 1, 2, bench.tick())
    bench.place("buy", "limit", account="ample", price="100.01", size="4")
    bench.venue.withdraw(ALICE, "BTC", Decimal("0.000000000000000001"), bench.tick())
    bench.venue.cancel_all("ample", at_ns=bench.tick())
    bench.venue.close_feeds(bench.tick())
    return bench.journal.events


def test_every_event_round_trips_through_json(every_kind):
    kinds = {type(event).__name__ for event in every_kind}
    assert kinds == {
        "AccountOpened",
        "BalanceChanged",
        "FeedChanged",
        "FeesChanged",
        "OrderAccepted",
        "OrderCanceled",
        "OrderFilled",
    }
    assert decode_events(encode_events(every_kind)) == every_kind


def test_amounts_of_money_are_not_limited_to_64_bits(every_kind):
    ample = next(event for event in every_kind if getattr(event, "available_atoms", 0) > 2**64)
    assert b"e+" not in encode_events([ample]).lower()
    assert decode_events(encode_events([ample]))[0].available_atoms == ample.available_atoms


@pytest.mark.parametrize("data", [b"", b"[{", b'[{"type":"Nonsense"}]', b"[[]]", b"{}"])
def test_what_is_no_event_is_refused(data):
    with pytest.raises(msgspec.DecodeError):
        decode_events(data)
