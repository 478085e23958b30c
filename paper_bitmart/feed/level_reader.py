"""Decimal text of one symbol's messages to ticks and lots, checked and remembered."""

from collections.abc import Callable

from paper_bitmart.bitmart.decimals import BadNumber, NotAMultiple
from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.public_messages import BookTicker, Depth, DepthChange, Levels, Trade
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.levels import Level
from paper_bitmart.feed.updates import Update

TEXTS_REMEMBERED_MAX = 8_192
LEVELS_PER_SIDE_MAX = 5_000
MS_T_MAX = (2**63 - 1) // 10**6


class RepeatedPrice(MessageError):
    """One side of one message names a price twice: its meaning depends on an order nobody promised."""


class _Memo(dict[str, int]):
    """Text -> units; the same prices and sizes come again and again."""

    def __init__(self, convert: Callable[[str], int]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, text: str) -> int:
        if len(self) >= TEXTS_REMEMBERED_MAX:
            self.clear()
        units = self[text] = self._convert(text)
        return units


class LevelReader:
    """Reads the messages of one symbol. `where`, `field`: the path inside the message, for MessageError."""

    def __init__(self, rules: SymbolRules) -> None:
        self._ticks = _Memo(rules.price_ticks)
        self._lots = _Memo(rules.size_lots)

    def update(self, item: Depth | DepthChange, where: str) -> Update:
        """Raises MessageError: as `levels`, and a time out of range."""
        return Update(
            item.version if isinstance(item, DepthChange) else -1,
            exchange_ns(item.ms_t, f"{where}.ms_t"),
            self.levels(item.bids, f"{where}.bids"),
            self.levels(item.asks, f"{where}.asks"),
        )

    def trade(self, item: Trade, where: str) -> tuple[int, int, int]:
        """(price_ticks, size_lots, exch_ns). Raises MessageError, also for a size of 0."""
        price = self.price(item.price, f"{where}.price")
        size = self.size(item.size, f"{where}.size")
        if size == 0:
            raise MessageError(f"{where}.size", "a trade of size 0")
        return price, size, exchange_ns(item.ms_t, f"{where}.ms_t")

    def best(self, item: BookTicker, where: str) -> tuple[Level, Level, int]:
        """Best bid, best ask, exch_ns. Raises MessageError."""
        bid = self.price(item.bid_px, f"{where}.bid_px"), self.size(item.bid_sz, f"{where}.bid_sz")
        ask = self.price(item.ask_px, f"{where}.ask_px"), self.size(item.ask_sz, f"{where}.ask_sz")
        return bid, ask, exchange_ns(item.ms_t, f"{where}.ms_t")

    def levels(self, texts: Levels, field: str) -> list[Level]:
        """Raises MessageError: off tick or lot, not a number, price 0, too many; RepeatedPrice."""
        if len(texts) > LEVELS_PER_SIDE_MAX:
            raise MessageError(field, f"{len(texts)} levels, the limit is {LEVELS_PER_SIDE_MAX}")
        ticks, lots = self._ticks, self._lots
        try:
            levels = [(ticks[price], lots[size]) for price, size in texts]
        except (BadNumber, NotAMultiple):
            levels = [
                (self.price(price, f"{field}[{i}][0]"), self.size(size, f"{field}[{i}][1]"))
                for i, (price, size) in enumerate(texts)
            ]
        prices = dict(levels)
        if len(prices) != len(levels):
            raise RepeatedPrice(field, "a price appears twice")
        if 0 in prices:
            raise MessageError(field, "a price is 0")
        return levels

    def price(self, text: str, field: str) -> int:
        """Ticks; raises MessageError unless a positive multiple of the tick."""
        ticks = _units(self._ticks, text, field)
        if ticks == 0:
            raise MessageError(field, "price is 0")
        return ticks

    def size(self, text: str, field: str) -> int:
        """Lots; raises MessageError unless a multiple of the lot, 0 included."""
        return _units(self._lots, text, field)


def _units(memo: _Memo, text: str, field: str) -> int:
    try:
        return memo[text]
    except (BadNumber, NotAMultiple) as error:
        raise MessageError(field, str(error)) from error


def exchange_ns(ms_t: int, field: str) -> int:
    """`ms_t` as ns since 1970; raises MessageError outside int64."""
    if not 0 <= ms_t <= MS_T_MAX:
        raise MessageError(field, f"{ms_t} is not milliseconds since 1970")
    return ms_t * 1_000_000
