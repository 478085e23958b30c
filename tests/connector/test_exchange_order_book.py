"""Queries of the order book against a book that can be reckoned by hand, and its events."""

import pytest
from exchange_bench import PAIR, D, running
from small_market import BOOK, depth, trade

from paper_bitmart.connector.exchange.events import OrderBookTradeEvent
from paper_bitmart.connector.exchange.order_book import OrderBookRow
from paper_bitmart.connector.exchange.vocabulary import OrderBookEvent, OrderType, PriceType, TradeType

# bids 100.00 x 2, 99.99 x 5; asks 100.02 x 1, 100.03 x 4
NAN = "NaN"


def text(result):
    return str(result.result_price), str(result.result_volume)


def same(number, expected):
    return number.is_nan() if expected == NAN else number == D(expected)


@pytest.mark.parametrize(
    ("query", "is_buy", "asked", "price", "volume"),
    [
        ("get_price_for_volume", True, "1", "100.02", "1"),
        ("get_price_for_volume", True, "1.5", "100.03", "1.5"),
        ("get_price_for_volume", False, "2.001", "99.99", "2.001"),
        ("get_price_for_volume", True, "6", NAN, "5"),
        ("get_price_for_quote_volume", True, "100.02", "100.02", "100.02"),
        ("get_price_for_quote_volume", True, "100.03", "100.03", "100.03"),
        ("get_price_for_quote_volume", True, "1000", NAN, "500.14"),
        ("get_vwap_for_volume", True, "1", "100.02", "1"),
        ("get_vwap_for_volume", True, "2", "100.025", "2"),
        ("get_vwap_for_volume", False, "4", "99.995", "4"),
        ("get_vwap_for_volume", False, "8", NAN, "7"),
        ("get_quote_volume_for_base_amount", True, "2", NAN, "200.05"),
        ("get_quote_volume_for_base_amount", False, "9", NAN, "699.95"),
        ("get_volume_for_price", True, "100.02", "100.02", "1"),
        ("get_volume_for_price", True, "100.5", "100.03", "5"),
        ("get_volume_for_price", False, "100.00", "100.00", "2"),
        ("get_volume_for_price", True, "99", NAN, "0"),
        ("get_quote_volume_for_price", False, "99.99", "99.99", "699.95"),
    ],
)
async def test_queries(tmp_path, query, is_buy, asked, price, volume):
    async with running(tmp_path, market=(BOOK,)) as exchange:
        result = getattr(exchange, query)(PAIR, is_buy, D(asked))
        assert same(result.result_price, price), result
        assert same(result.result_volume, volume), result
        assert D(asked) in (result.query_price, result.query_volume)


async def test_prices(tmp_path):
    async with running(tmp_path, market=(BOOK, trade(50, "sell", "100.00", "0.001"))) as exchange:
        assert (exchange.get_price(PAIR, True), exchange.get_price(PAIR, False)) == (D("100.02"), 100)
        assert exchange.get_mid_price(PAIR) == D("100.01")
        assert exchange.get_price_by_type(PAIR, PriceType.LastTrade).is_nan()
        await exchange.sleep(0.1)
        prices = [exchange.get_price_by_type(PAIR, kind) for kind in PriceType]
        assert prices == [D("100.01"), 100, D("100.02"), 100]
        assert await exchange.get_last_traded_prices([PAIR]) == {PAIR: 100}
        assert await exchange.get_quote_price(PAIR, True, D(2)) == D("100.025")
        assert await exchange.get_order_price(PAIR, True, D(2)) == D("100.03")


async def test_an_empty_side_has_no_price(tmp_path):
    empty = depth(100, asks=[("100.02", "0"), ("100.03", "0")], version=2)
    async with running(tmp_path, market=(BOOK, empty)) as exchange:
        await exchange.sleep(0.2)
        assert exchange.get_price(PAIR, True).is_nan()
        assert exchange.get_mid_price(PAIR).is_nan()
        assert exchange.get_price(PAIR, False) == 100


async def test_entries_come_best_first(tmp_path):
    async with running(tmp_path, market=(BOOK,)) as exchange:
        version = exchange.get_order_book(PAIR).snapshot_uid
        assert list(exchange.order_book_bid_entries(PAIR)) == [
            OrderBookRow(D("100.00"), D(2), version), OrderBookRow(D("99.99"), D(5), version),
        ]  # fmt: skip
        assert [row.price for row in exchange.order_book_ask_entries(PAIR)] == [D("100.02"), D("100.03")]


async def test_prints_and_changes_are_told_to_the_books_listeners(tmp_path):
    market = (BOOK, trade(150, "sell", "100.00", "0.5"), depth(200, bids=[("100.00", "1.5")], version=2))
    async with running(tmp_path, market=market) as exchange:
        book, prints, changes = exchange.get_order_book(PAIR), [], []
        book.add_listener(OrderBookEvent.TradeEvent, prints.append)
        book.add_listener(
            OrderBookEvent.OrderBookDataSourceUpdateEvent, lambda book: changes.append(book.get_price(False))
        )
        await exchange.sleep(1)
    assert [event._replace(timestamp=0) for event in prints] == [
        OrderBookTradeEvent(PAIR, 0, TradeType.SELL, D("100.00"), D("0.5"))
    ]
    assert changes == [100]


@pytest.mark.parametrize(
    ("price", "expected"), [("100.019", "100.01"), ("100.01", "100.01"), ("0.001", "0"), ("NaN", NAN)]
)
async def test_prices_are_cut_to_the_tick(tmp_path, price, expected):
    async with running(tmp_path) as exchange:
        assert same(exchange.quantize_order_price(PAIR, D(price)), expected)


@pytest.mark.parametrize(("amount", "expected"), [("1.2349", "1.234"), ("0.0009", "0"), ("5", "5")])
async def test_amounts_are_cut_to_the_smallest_size(tmp_path, amount, expected):
    async with running(tmp_path) as exchange:
        assert exchange.quantize_order_amount(PAIR, D(amount)) == D(expected)


async def test_trading_rules_are_read_as_the_real_connector_reads_them(tmp_path):
    async with running(tmp_path) as exchange:
        rule = exchange.trading_rules[PAIR]
        assert (rule.min_order_size, rule.min_base_amount_increment) == (D("0.001"), D("0.001"))
        assert (rule.min_price_increment, rule.min_order_value) == (D("0.01"), 5)
        assert exchange.trading_pairs == [PAIR]
        assert set(exchange.supported_order_types()) == set(OrderType)
