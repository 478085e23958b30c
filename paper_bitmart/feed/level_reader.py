"""Decimal text of one symbol's messages to ticks and lots, checked and remembered."""

from collections.abc import Callable

from paper_bitmart.bitmart.decimals import BadNumber, NotAMultiple
from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.public_messages import Levels
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.levels import Level

TEXTS_REMEMBERED_MAX = 65_536
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
    """Reads prices and sizes of one symbol. `field` in errors is the path inside the message."""

    def __init__(self, rules: SymbolRules) -> None:
        self._ticks = _Memo(rules.price_ticks)
        self._lots = _Memo(rules.size_lots)

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
