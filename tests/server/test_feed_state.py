"""One outage of one symbol, seen from everywhere: orders, /system/service, the admin API, the journal."""

import numpy as np
import pytest
from rest_support import ASKS, BIDS, MS, START_NS, serving, snapshot

from paper_bitmart.exchange.journal import Journal
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.feed.live.outages import OutageLog

OUTAGE_MS = 400
DOWN = [FeedState.SYNCING, FeedState.STALE, FeedState.CLOSED]


def feed(state, at_ns):
    row = np.zeros(1, EVENT_DTYPE)
    row["recv_ns"] = row["exch_ns"] = at_ns
    row["kind"], row["size_lots"], row["flags"] = Kind.FEED_STATE, state, Flag.LAST
    return row


async def goes_down(exchange, state):
    """ETH_USDT is no longer live, 100 ms after START."""
    exchange.pass_ms(100)
    await exchange.market(feed(state, START_NS + 100 * MS))


async def comes_back(exchange, asks=ASKS):
    exchange.pass_ms(OUTAGE_MS)
    await exchange.market(snapshot(START_NS + (100 + OUTAGE_MS) * MS, BIDS, asks))


async def service(exchange):
    (row,) = (await exchange.get("/system/service")).data["service"]
    return row


@pytest.mark.parametrize("state", DOWN)
async def test_system_service_is_in_maintenance_exactly_while_a_feed_is_not_live(state):
    async with serving() as exchange:
        assert (await service(exchange))["status"] == "2"
        await goes_down(exchange, state)
        row = await service(exchange)
        assert row["status"] == "1"
        assert row["start_time"] <= START_NS // MS + 100 < row["end_time"]
        await comes_back(exchange)
        assert (await service(exchange))["status"] == "2"


@pytest.mark.parametrize("state", DOWN)
async def test_the_admin_api_names_the_state_of_the_symbol_and_of_no_other(state):
    async with serving() as exchange:
        await goes_down(exchange, state)
        symbols = (await exchange.admin("GET", "/status")).data["feed"]
        assert (symbols["ETH_USDT"]["state"], symbols["BTC_USDT"]["state"]) == (state.name.lower(), "live")


async def test_the_admin_api_tells_what_a_live_market_missed_and_nothing_of_a_recording():
    async with serving() as exchange:
        feeds = (await exchange.admin("GET", "/feed")).data["symbols"]
        assert feeds["ETH_USDT"]["outages"] is None
        log = exchange.source.outages = OutageLog()
        log.enter("ETH_USDT", FeedState.LIVE, START_NS, "")
        log.enter("ETH_USDT", FeedState.STALE, START_NS + 100 * MS, "no content")
        log.enter("ETH_USDT", FeedState.LIVE, START_NS + 500 * MS, "")
        log.enter("ETH_USDT", FeedState.CLOSED, START_NS + 600 * MS, "cable cut")
        log.of("ETH_USDT").trades_lost = 3
        feeds = (await exchange.admin("GET", "/feed")).data["symbols"]
        last = {"state": "closed", "why": "cable cut", "start_ms": START_NS // MS + 600, "end_ms": None}
        assert feeds["ETH_USDT"]["outages"] == {
            "count": 2, "total_ms": 400, "longest_ms": 400, "trades_lost": 3, "last": last,
        }  # fmt: skip
        assert feeds["BTC_USDT"]["outages"] == {
            "count": 0, "total_ms": 0, "longest_ms": 0, "trades_lost": 0, "last": None,
        }  # fmt: skip
        log.enter("ETH_USDT", FeedState.LIVE, START_NS + 900 * MS, "")
        status = (await exchange.admin("GET", "/status")).data["feed"]["ETH_USDT"]["outages"]
        assert (status["total_ms"], status["last"]) == (700, last | {"end_ms": START_NS // MS + 900})


@pytest.mark.parametrize("state", DOWN)
async def test_orders_are_refused_cancels_work_and_other_symbols_trade_on(state):
    async with serving() as exchange:
        resting = await exchange.buy("2499.80", "1")
        await goes_down(exchange, state)
        order = {"side": "buy", "type": "limit", "price": "2499.80", "size": "1"}
        refused = await exchange.post("/spot/v2/submit_order", symbol="ETH_USDT", **order)
        assert (refused.code, refused.status) == (50022, 400)
        assert (await exchange.post("/spot/v2/submit_order", symbol="BTC_USDT", **order)).code == 1000
        cancel = {"symbol": "ETH_USDT", "order_id": resting}
        assert (await exchange.post("/spot/v3/cancel_order", **cancel)).code == 1000


async def test_an_order_that_the_market_passed_meanwhile_fills_at_its_own_price_once_the_book_is_back():
    async with serving() as exchange:
        resting = int(await exchange.buy("2499.80", "0.1"))
        await goes_down(exchange, FeedState.SYNCING)
        assert exchange.session.venue.order("alice", order_id=resting).filled_lots == 0
        await comes_back(exchange, asks={249970: 1_000_000})
        order = exchange.session.venue.order("alice", order_id=resting)
        assert order.filled_lots == order.size_lots
        assert order.last_fill.price_ticks == 249980
        assert order.last_fill.at_ns == START_NS + (100 + OUTAGE_MS) * MS


@pytest.mark.parametrize("state", DOWN)
async def test_the_journal_has_the_outages_start_and_end(tmp_path, state):
    with Journal(tmp_path) as journal:
        async with serving(journal=journal) as exchange:
            await goes_down(exchange, state)
            await comes_back(exchange)
            gaps = [gap for gap in journal.feed_gaps() if gap.symbol == "ETH_USDT"]
            assert (START_NS + 100 * MS, START_NS + (100 + OUTAGE_MS) * MS) in [gap[1:] for gap in gaps]
