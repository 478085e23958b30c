"""The half of the connector that looks at the market: books, prices, limits, quantizing."""

import logging
from collections.abc import Iterator, Sequence
from decimal import Decimal

from paper_bitmart.connector.exchange.order_book import OrderBook, OrderBookQueryResult, OrderBookRow
from paper_bitmart.connector.exchange.publisher import Publisher
from paper_bitmart.connector.exchange.trading_rule import TradingRule
from paper_bitmart.connector.exchange.vocabulary import OrderType, PriceType

LOG = logging.getLogger(__name__)


class NotConnected(RuntimeError):
    """An order for a connector that does not run."""

    def __init__(self) -> None:
        super().__init__("not connected: use `async with connect(...) as exchange`, or `start_network`")


class UnknownTradingPair(ValueError):
    """A trading pair that this connector does not have. Carries `trading_pair` and the `known` ones."""

    def __init__(self, trading_pair: str, known: Sequence[str]) -> None:
        super().__init__(f"trading_pair: {trading_pair!r} is not among {', '.join(known)}")
        self.trading_pair, self.known = trading_pair, list(known)


def cut(value: Decimal, quantum: Decimal) -> Decimal:
    """`value` in whole quanta, toward zero; NaN stays NaN."""
    return value // quantum * quantum


class MarketMethods(Publisher):
    """Needs `_order_books` and `_trading_rules`, by trading pair. All methods raise UnknownTradingPair.

    `is_buy` asks for what a buyer pays, so for the asks. A price that the book cannot answer is NaN.
    """

    def __init__(self) -> None:
        super().__init__()
        self._order_books: dict[str, OrderBook] = {}
        self._trading_rules: dict[str, TradingRule] = {}

    @property
    def trading_pairs(self) -> list[str]:
        return list(self._trading_rules)

    async def all_trading_pairs(self) -> list[str]:
        """Every trading pair of this exchange."""
        return self.trading_pairs

    @property
    def trading_rules(self) -> dict[str, TradingRule]:
        """By trading pair."""
        return self._trading_rules

    @property
    def order_books(self) -> dict[str, OrderBook]:
        """By trading pair."""
        return self._order_books

    def get_order_book(self, trading_pair: str) -> OrderBook:
        """The pair's book; it stays the same object and always shows the present."""
        try:
            return self._order_books[trading_pair]
        except KeyError:
            raise UnknownTradingPair(trading_pair, self.trading_pairs) from None

    def supported_order_types(self) -> list[OrderType]:
        return [OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER]

    def get_maker_order_type(self) -> OrderType:
        return OrderType.LIMIT_MAKER

    def get_taker_order_type(self) -> OrderType:
        return OrderType.LIMIT

    # --- prices ---

    def get_price(self, trading_pair: str, is_buy: bool) -> Decimal:
        """Best ask for a buyer, best bid for a seller."""
        price = self.get_order_book(trading_pair).get_price(is_buy)
        if price.is_nan():
            LOG.warning("%s %s book is empty", "ask" if is_buy else "bid", trading_pair)
        return price

    def get_mid_price(self, trading_pair: str) -> Decimal:
        """Half way between the best bid and the best ask."""
        return (self.get_price(trading_pair, True) + self.get_price(trading_pair, False)) / 2

    def get_price_by_type(self, trading_pair: str, price_type: PriceType) -> Decimal:
        """Best bid, best ask, mid, or price of the last print."""
        if price_type is PriceType.LastTrade:
            return self.get_order_book(trading_pair).last_trade_price
        if price_type is PriceType.MidPrice:
            return self.get_mid_price(trading_pair)
        return self.get_price(trading_pair, price_type is PriceType.BestAsk)

    async def get_last_traded_prices(self, trading_pairs: Sequence[str]) -> dict[str, Decimal]:
        """Price of the last print, by trading pair."""
        return {pair: self.get_order_book(pair).last_trade_price for pair in trading_pairs}

    def get_vwap_for_volume(self, trading_pair: str, is_buy: bool, volume: Decimal) -> OrderBookQueryResult:
        """Mean price that `volume` of the base currency costs; see `OrderBook.get_vwap_for_volume`."""
        return self.get_order_book(trading_pair).get_vwap_for_volume(is_buy, volume)

    def get_price_for_volume(self, trading_pair: str, is_buy: bool, volume: Decimal) -> OrderBookQueryResult:
        """Worst price that `volume` of the base currency needs."""
        return self.get_order_book(trading_pair).get_price_for_volume(is_buy, volume)

    def get_price_for_quote_volume(
        self, trading_pair: str, is_buy: bool, volume: Decimal
    ) -> OrderBookQueryResult:
        """Worst price that `volume` of the quote currency needs."""
        return self.get_order_book(trading_pair).get_price_for_quote_volume(is_buy, volume)

    def get_quote_volume_for_base_amount(
        self, trading_pair: str, is_buy: bool, base_amount: Decimal
    ) -> OrderBookQueryResult:
        """Quote currency that `base_amount` costs."""
        return self.get_order_book(trading_pair).get_quote_volume_for_base_amount(is_buy, base_amount)

    def get_volume_for_price(self, trading_pair: str, is_buy: bool, price: Decimal) -> OrderBookQueryResult:
        """Base currency up to and including `price`."""
        return self.get_order_book(trading_pair).get_volume_for_price(is_buy, price)

    def get_quote_volume_for_price(
        self, trading_pair: str, is_buy: bool, price: Decimal
    ) -> OrderBookQueryResult:
        """Quote currency up to and including `price`."""
        return self.get_order_book(trading_pair).get_quote_volume_for_price(is_buy, price)

    async def get_quote_price(self, trading_pair: str, is_buy: bool, amount: Decimal) -> Decimal:
        """Mean price of `amount`."""
        return self.get_vwap_for_volume(trading_pair, is_buy, amount).result_price

    async def get_order_price(self, trading_pair: str, is_buy: bool, amount: Decimal) -> Decimal:
        """Price that an order over `amount` must name to be filled at once."""
        return self.get_price_for_volume(trading_pair, is_buy, amount).result_price

    def order_book_bid_entries(self, trading_pair: str) -> Iterator[OrderBookRow]:
        """Bids, best first."""
        return self.get_order_book(trading_pair).bid_entries()

    def order_book_ask_entries(self, trading_pair: str) -> Iterator[OrderBookRow]:
        """Asks, best first."""
        return self.get_order_book(trading_pair).ask_entries()

    # --- steps ---

    def get_order_price_quantum(self, trading_pair: str, price: Decimal) -> Decimal:
        """Smallest step of a price."""
        return self._rule(trading_pair).min_price_increment

    def get_order_size_quantum(self, trading_pair: str, order_size: Decimal) -> Decimal:
        """Smallest step of an amount."""
        return self._rule(trading_pair).min_base_amount_increment

    def quantize_order_price(self, trading_pair: str, price: Decimal) -> Decimal:
        """`price` cut to its step, toward zero; NaN stays NaN."""
        return cut(price, self._rule(trading_pair).min_price_increment)

    def quantize_order_amount(self, trading_pair: str, amount: Decimal) -> Decimal:
        """`amount` cut to its step, toward zero."""
        return cut(amount, self._rule(trading_pair).min_base_amount_increment)

    # --- names ---

    @staticmethod
    def split_trading_pair(trading_pair: str) -> tuple[str, str]:
        """Base and quote currency. Raises ValueError when it is not BASE-QUOTE."""
        base, dash, quote = trading_pair.partition("-")
        if not (base and dash and quote):
            raise ValueError(f"trading_pair: {trading_pair!r} does not read BASE-QUOTE")
        return base, quote

    def _rule(self, trading_pair: str) -> TradingRule:
        try:
            return self._trading_rules[trading_pair]
        except KeyError:
            raise UnknownTradingPair(trading_pair, self.trading_pairs) from None
