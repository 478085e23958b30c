import pytest
from rest_support import ASKS, BUY, START_NS, depth, serving, snapshot, trades

from paper_bitmart.server.market_wire import fluctuation, ticker

DAY_NS = 86_400 * 10**9


@pytest.mark.parametrize(
    ("last", "open_", "text"),
    [
        (250137, 248810, "0.00533"),
        (100, 100, "0.00000"),
        (99, 100, "-0.01000"),
        (300, 100, "2.00000"),
        (999_999, 1_000_000, "0.00000"),
        (1, 100_000, "-0.99999"),
    ],
)
def test_the_change_of_a_day_is_cut_at_five_decimals(last, open_, text):
    assert fluctuation(last, open_) == text


async def shown(exchange):
    return ticker(exchange.session.views["ETH_USDT"], exchange.books)


async def test_there_is_no_ticker_before_the_first_trade():
    async with serving() as exchange:
        assert await shown(exchange) is None


async def test_a_day_without_trades_keeps_the_last_price_and_no_volume():
    async with serving() as exchange:
        await exchange.market(trades(START_NS, (BUY, 250010, 10)))
        exchange.pass_ms(2 * DAY_NS // 10**6)
        await exchange.market(depth(START_NS + 2 * DAY_NS, bids={249990: 1}))
        row = await shown(exchange)
        prices = {row.last, row.open_24h, row.high_24h, row.low_24h}
        assert prices == {"2500.10"}
        assert (row.v_24h, row.qv_24h, row.fluctuation) == ("0.0000", "0.00000000", "0.00000")
        assert (await exchange.get("/spot/quotation/v3/tickers")).data == []


async def test_an_empty_side_of_the_book_reads_zero():
    async with serving() as exchange:
        await exchange.market(snapshot(START_NS, {}, ASKS))
        await exchange.market(trades(START_NS, (BUY, 250010, 10)))
        row = await shown(exchange)
        assert (row.bid_px, row.bid_sz, row.ask_px) == ("0.00", "0.0000", "2500.10")
