"""Our copies of Hummingbot's words, and the documents' table, held to the Hummingbot that is installed."""

import inspect
import re
from decimal import Decimal
from pathlib import Path

import pytest
from exchange_bench import running
from hummingbot_env import probe
from small_market import BOOK

from paper_bitmart.connector.exchange import events, vocabulary
from paper_bitmart.connector.exchange.connector import BitmartPaperTrade
from paper_bitmart.connector.exchange.in_flight_order import InFlightOrder, TradeUpdate
from paper_bitmart.connector.exchange.vocabulary import OrderState, OrderType, TradeType

pytestmark = pytest.mark.clients
TABLE = Path(__file__).parents[2] / "docs" / "connector.md"
ENUMS = (
    "OrderType", "TradeType", "PriceType", "PositionAction", "OrderState", "MarketEvent", "OrderBookEvent",
    "NetworkStatus",
)  # fmt: skip
EVENTS = (
    "BuyOrderCreatedEvent", "SellOrderCreatedEvent", "OrderFilledEvent", "BuyOrderCompletedEvent",
    "SellOrderCompletedEvent", "OrderCancelledEvent", "MarketOrderFailureEvent", "OrderBookTradeEvent",
)  # fmt: skip
OURS = {name for name in dir(BitmartPaperTrade) if not name.startswith("_")}
OUR_OWN = {"has_listeners", "hears", "order_tracker", "session", "set_balance", "sleep"}
"""What the real connector has no word for."""


def table_rows():
    """The table of docs/connector.md: name -> what ours does (same, differs, absent)."""
    rows = {}
    for line in TABLE.read_text().splitlines():
        match = re.match(r"\| `(\w+)` \| (same|differs|absent)\b", line)
        if match:
            assert match[1] not in rows, f"{match[1]} is twice in the table"
            rows[match[1]] = match[2]
    return rows


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return probe("interface", tmp_path_factory.mktemp("interface"))


def test_the_table_has_every_public_name_of_the_real_connector(theirs):
    assert sorted(table_rows()) == sorted(theirs["public"])


def test_the_table_tells_what_is_here_and_what_is_not():
    here = {name for name, verdict in table_rows().items() if verdict != "absent"}
    assert here == OURS - OUR_OWN


def test_methods_take_the_same_parameters(theirs):
    for name, verdict in table_rows().items():
        ours = getattr(BitmartPaperTrade, name, None)
        if verdict == "absent" or not callable(ours) or name not in theirs["parameters"]:
            continue
        parameters = [one for one in inspect.signature(ours).parameters if one != "self"]
        assert parameters == theirs["parameters"][name], name


@pytest.mark.parametrize("name", EVENTS)
def test_events_have_the_same_fields(theirs, name):
    assert list(getattr(events, name)._fields) == theirs["fields"][name]


def test_trade_updates_have_the_same_fields(theirs):
    assert list(TradeUpdate._fields) == theirs["trade_update"]


@pytest.mark.parametrize("name", ENUMS)
def test_enums_have_the_same_values(theirs, name):
    for member in getattr(vocabulary, name):
        assert theirs["enums"][name][member.name] == member.value


def test_an_order_passes_through_hummingbots_json(tmp_path):
    order = InFlightOrder(
        "B1", "BTC-USDT", OrderType.LIMIT, TradeType.BUY, Decimal(2), 1.5, Decimal(100), "7", OrderState.OPEN
    )
    theirs = probe("json", tmp_path, given=order.to_json())
    assert InFlightOrder.from_json(theirs).to_json() == order.to_json()


QUESTIONS = [
    (query, is_buy, asked)
    for query, amounts in {
        "get_price_for_volume": ("0.5", "1", "1.5", "5", "6", "8"),
        "get_price_for_quote_volume": ("50", "150", "250", "1000"),
        "get_vwap_for_volume": ("0.5", "1", "1.5", "5", "6", "8"),
        "get_quote_volume_for_base_amount": ("0.5", "1", "1.5", "6"),
        "get_volume_for_price": ("99.98", "99.99", "100.01", "100.02", "100.5"),
        "get_quote_volume_for_price": ("99.98", "99.99", "100.01", "100.02", "100.5"),
    }.items()
    for asked in amounts
    for is_buy in (True, False)
]
FIELDS = ["query_price", "query_volume", "result_price", "result_volume"]


async def test_order_book_queries_answer_as_hummingbots_order_book(tmp_path):
    levels = {
        "bids": [("100.00", "2"), ("99.99", "5")],
        "asks": [("100.02", "1"), ("100.03", "4")],
    }
    given = levels | {"questions": QUESTIONS, "fields": FIELDS}
    theirs = probe("book", tmp_path / "hummingbot", given=given)
    async with running(tmp_path, market=(BOOK,)) as exchange:
        book = exchange.get_order_book("BTC-USDT")
        for (query, is_buy, asked), answer in zip(QUESTIONS, theirs, strict=True):
            result = getattr(book, query)(is_buy, Decimal(asked))
            ours = [float(getattr(result, field)) for field in FIELDS]
            expected = [float(number) for number in answer]
            assert ours == pytest.approx(expected, nan_ok=True), (query, is_buy, asked)
