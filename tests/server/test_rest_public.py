import msgspec
import pytest
from rest_support import ASKS, BIDS, BUY, MS, SELL, START_MS, START_NS, serving, snapshot, trades

from paper_bitmart.bitmart.envelope import decode_reply
from paper_bitmart.bitmart.rest_messages import (
    AccountCurrencies,
    BookData,
    ServerTime,
    Services,
    SpotCurrencies,
    SymbolDetails,
    SymbolNames,
    TickerData,
    TickerRow,
    TradeRow,
)
from paper_bitmart.bitmart.rules import parse_rules
from paper_bitmart.server.settings import ClockMode, ServerSettings

QUOTATION = "/spot/quotation/v3"


@pytest.mark.parametrize(
    ("path", "params", "kind", "text"),
    [
        ("/system/time", {}, ServerTime, "OK"),
        ("/system/service", {}, Services, "OK"),
        ("/spot/v1/currencies", {}, SpotCurrencies, "OK"),
        ("/account/v1/currencies", {}, AccountCurrencies, "OK"),
        ("/spot/v1/symbols", {}, SymbolNames, "OK"),
        ("/spot/v1/symbols/details", {}, SymbolDetails, "OK"),
        ("/contract/public/details", {}, SymbolDetails, "OK"),
        (f"{QUOTATION}/ticker", {"symbol": "ETH_USDT"}, TickerData, "success"),
        (f"{QUOTATION}/tickers", {}, list[TickerRow], "success"),
        (f"{QUOTATION}/books", {"symbol": "ETH_USDT", "size": "200"}, BookData, "success"),
        (f"{QUOTATION}/trades", {"symbol": "ETH_USDT"}, list[TradeRow], "success"),
    ],
)
async def test_each_public_endpoint_answers_in_its_declared_form(path, params, kind, text):
    async with serving() as exchange:
        await exchange.market(trades(START_NS, (BUY, 250010, 10)))
        reply = await exchange.get(path, **params)
        assert reply.status == 200
        assert reply.message == text
        assert reply.headers["Content-Type"].startswith("application/json")
        data = decode_reply(reply.body, kind)
        assert msgspec.json.decode(msgspec.json.encode(data)) == reply.data
        assert b'": ' not in reply.body, "Hummingbot searches the raw text for compact JSON"


@pytest.mark.parametrize("mode", ClockMode)
async def test_the_time_is_the_exchanges_as_all_outgoing_times_are(mode):
    async with serving(ServerSettings(clock=mode)) as exchange:
        exchange.wall.advance(7_000 * MS)
        assert (await exchange.get("/system/time")).data == {"server_time": START_MS}
        exchange.session.clock.advance(9_000 * MS)
        assert (await exchange.get("/system/time")).data == {"server_time": START_MS + 9_000}


async def test_spot_is_fine_only_while_every_tradable_symbol_is_live():
    async with serving(is_live=False) as exchange:
        [spot] = (await exchange.get("/system/service")).data["service"]
        assert (spot["service_type"], spot["status"]) == ("spot", "1")
        assert spot["end_time"] > START_MS
        for symbol in ("ETH_USDT", "BTC_USDT"):
            await exchange.market(snapshot(START_NS, BIDS, ASKS), symbol)
        [spot] = (await exchange.get("/system/service")).data["service"]
        assert spot["status"] == "2"


async def test_symbol_details_are_the_rules_that_orders_are_checked_by():
    async with serving() as exchange:
        reply = await exchange.get("/spot/v1/symbols/details")
        assert parse_rules(reply.body) == exchange.venue.rules
        assert (await exchange.get("/spot/v1/symbols")).data["symbols"] == list(exchange.venue.rules)


async def test_currencies_can_be_picked():
    async with serving() as exchange:
        reply = await exchange.get("/account/v1/currencies", currencies="ETH,NIX")
        assert [row["currency"] for row in reply.data["currencies"]] == ["ETH"]


async def test_the_book_is_best_first_and_its_limit_is_clamped():
    async with serving() as exchange:
        book = (await exchange.get(f"{QUOTATION}/books", symbol="ETH_USDT")).data
        assert book["bids"] == [["2499.90", "3.2110"], ["2499.80", "7.4400"], ["2499.00", "10.0000"]]
        assert book["asks"] == [["2500.10", "0.9050"], ["2500.20", "2.0000"], ["2501.00", "10.0000"]]
        assert book["ts"] == str(START_MS)
        many = {200000 + n: 1 for n in range(60)}
        await exchange.market(snapshot(START_NS, many, ASKS))
        for limit, levels in ((None, 35), ("1", 1), ("50", 50), ("500", 50)):
            params = {} if limit is None else {"limit": limit}
            book = (await exchange.get(f"{QUOTATION}/books", symbol="ETH_USDT", **params)).data
            assert len(book["bids"]) == levels


async def test_trades_come_newest_first_with_the_takers_side():
    async with serving() as exchange:
        await exchange.market(trades(START_NS, (BUY, 250010, 10)))
        exchange.pass_ms(1)
        await exchange.market(trades(START_NS + MS, (SELL, 249990, 25)))
        rows = (await exchange.get(f"{QUOTATION}/trades", symbol="ETH_USDT")).data
        assert rows == [
            ["ETH_USDT", str(START_MS + 1), "2499.90", "0.0025", "sell"],
            ["ETH_USDT", str(START_MS), "2500.10", "0.0010", "buy"],
        ]
        rows = (await exchange.get(f"{QUOTATION}/trades", symbol="ETH_USDT", limit="1")).data
        assert [row[4] for row in rows] == ["sell"]


async def test_the_ticker_sums_up_the_day():
    async with serving() as exchange:
        await exchange.market(trades(START_NS, (BUY, 250000, 10), (BUY, 250100, 10), (SELL, 249500, 20)))
        row = (await exchange.get(f"{QUOTATION}/ticker", symbol="ETH_USDT")).data
        assert row == {
            "symbol": "ETH_USDT",
            "last": "2495.00",
            "v_24h": "0.0040",
            "qv_24h": "9.99100000",
            "open_24h": "2500.00",
            "high_24h": "2501.00",
            "low_24h": "2495.00",
            "fluctuation": "-0.00200",
            "bid_px": "2499.90",
            "bid_sz": "3.2110",
            "ask_px": "2500.10",
            "ask_sz": "0.9050",
            "ts": str(START_MS),
        }
        assert (await exchange.get(f"{QUOTATION}/tickers")).data == [list(row.values())]


async def test_unknown_parameters_and_odd_content_types_of_a_get_are_ignored():
    async with serving() as exchange:
        reply = await exchange.request(
            "GET",
            f"{QUOTATION}/books",
            params={"symbol": "ETH_USDT", "size": "200", "recvWindow": "x"},
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert reply.code == 1000


async def test_every_limited_endpoint_tells_its_limit_also_while_limits_are_off():
    async with serving() as exchange:
        reply = await exchange.get("/system/time")
        assert reply.headers["X-BM-RateLimit-Limit"] == "10"
        assert reply.headers["X-BM-RateLimit-Remaining"] == "0"
        assert reply.headers["X-BM-RateLimit-Reset"] == "1"
        assert reply.headers["X-BM-RateLimit-Mode"] == "IP"
