import pytest
from rest_support import ALICE, ASKS, BIDS, BOB, MS, SELL, START_NS, depth, serving, trades

from paper_bitmart.feed.events import ASK, BID
from paper_bitmart.server.book_view import BookView
from paper_bitmart.server.settings import BookMode, ServerSettings

MERGED = ServerSettings(rate_limits="off", book=BookMode.MERGED)


def book_of(exchange):
    return exchange.books


async def rest_book(exchange):
    data = (await exchange.get("/spot/quotation/v3/books", symbol="ETH_USDT")).data
    return data["bids"], data["asks"]


async def test_in_market_mode_own_orders_stay_invisible():
    async with serving() as exchange:
        await exchange.buy("2500.00", "1")
        bids, asks = book_of(exchange).sides("ETH_USDT")
        assert (dict(bids), dict(asks)) == (BIDS, ASKS)
        assert book_of(exchange).account is None


async def test_in_merged_mode_the_orders_of_the_first_keys_account_stand_in_the_book():
    async with serving(MERGED) as exchange:
        assert book_of(exchange).account == ALICE.account
        await exchange.buy("2500.00", "1")
        await exchange.buy("2499.90", "0.5")
        await exchange.buy("2500.05", "2", key=BOB)
        bids, asks = await rest_book(exchange)
        assert bids[:2] == [["2500.00", "1.0000"], ["2499.90", "3.7110"]]
        assert asks[0] == ["2500.10", "0.9050"]


async def test_another_account_can_be_named():
    settings = ServerSettings(rate_limits="off", book=BookMode.MERGED, book_account="bob")
    async with serving(settings) as exchange:
        await exchange.buy("2500.00", "1", key=ALICE)
        await exchange.buy("2499.95", "1", key=BOB)
        assert (await rest_book(exchange))[0][0] == ["2499.95", "1.0000"]


async def test_fills_and_cancels_take_size_out_of_the_merged_book():
    async with serving(MERGED) as exchange:
        first = await exchange.buy("2500.00", "1")
        await exchange.buy("2500.00", "1")
        exchange.pass_ms(1)
        await exchange.market(trades(START_NS + MS, (SELL, 250000, 4000)))
        assert (await rest_book(exchange))[0][0] == ["2500.00", "1.6000"]
        await exchange.post("/spot/v3/cancel_order", symbol="ETH_USDT", order_id=first)
        assert (await rest_book(exchange))[0][0] == ["2500.00", "1.0000"]
        await exchange.post("/spot/v4/cancel_all")
        assert (await rest_book(exchange))[0][0] == ["2499.90", "3.2110"]


async def test_an_order_that_never_rests_leaves_no_trace():
    async with serving(MERGED) as exchange:
        await exchange.buy("2500.10", "1", type="limit_maker")
        await exchange.buy("2500.10", "1", type="ioc")
        await exchange.post(
            "/spot/v2/submit_order", symbol="ETH_USDT", side="buy", type="market", notional="100"
        )
        bids, _ = book_of(exchange).sides("ETH_USDT")
        assert dict(bids) == BIDS


async def test_the_merged_book_follows_the_market_and_leaves_the_views_alone():
    async with serving(MERGED) as exchange:
        await exchange.buy("2499.90", "1")
        exchange.pass_ms(1)
        await exchange.market(depth(START_NS + MS, bids={249990: 0}))
        bids, _ = book_of(exchange).sides("ETH_USDT")
        assert bids[249990] == 10_000
        assert 249990 not in exchange.session.views["ETH_USDT"].bids


@pytest.mark.parametrize(
    ("price", "side", "best_bid", "best_ask"),
    [
        ("2500.05", "buy", (250005, 10_000), (250010, 9050)),
        ("2499.90", "buy", (249990, 42_110), (250010, 9050)),
        ("2400.00", "buy", (249990, 32_110), (250010, 9050)),
        ("2500.05", "sell", (249990, 32_110), (250005, 10_000)),
        ("2500.10", "sell", (249990, 32_110), (250010, 19_050)),
        ("2600.00", "sell", (249990, 32_110), (250010, 9050)),
    ],
)
async def test_ticker_and_book_agree_on_the_best_level(price, side, best_bid, best_ask):
    async with serving(MERGED) as exchange:
        await exchange.buy(price, "1", side=side)
        books = book_of(exchange)
        assert books.best("ETH_USDT") == (best_bid, best_ask)
        bids, asks = books.depth("ETH_USDT", 1)
        assert (bids[0], asks[0]) == (best_bid, best_ask)
        exchange.pass_ms(1)
        await exchange.market(trades(START_NS + MS, (SELL, 249990, 1)))
        row = (await exchange.get("/spot/quotation/v3/ticker", symbol="ETH_USDT")).data
        rules = exchange.venue.rules["ETH_USDT"]
        assert row["ask_px"] == rules.format_price(books.best("ETH_USDT")[1][0])


async def test_listeners_hear_where_own_size_changed():
    async with serving(MERGED) as exchange:
        heard = []
        book_of(exchange).on_change(lambda *place: heard.append(place))
        await exchange.buy("2499.90", "1")
        await exchange.buy("2600.00", "1", side="sell")
        assert set(heard) == {("ETH_USDT", BID, 249990), ("ETH_USDT", ASK, 260000)}


async def test_orders_that_were_there_before_the_view_are_in_it():
    async with serving() as exchange:
        await exchange.buy("2500.00", "1")
        books = BookView(exchange.session, BookMode.MERGED, "alice")
        assert books.best("ETH_USDT")[0] == (250000, 10_000)


async def test_an_account_that_is_not_open_yet_may_be_named():
    async with serving() as exchange:
        books = BookView(exchange.session, BookMode.MERGED, "carol")
        assert books.best("ETH_USDT")[0] == (249990, 32_110)
