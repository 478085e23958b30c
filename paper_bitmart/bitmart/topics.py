"""Websocket topics `<channel>:<filter>`, and the one place where symbols change their spelling.

Source: protocol reference 6.3, 6.5, 6.7, 6.12, 6.13.
"""

from typing import Final, NamedTuple

TICKER: Final = "spot/ticker"
TRADE: Final = "spot/trade"
BOOK_TICKER: Final = "spot/bookTicker"
DEPTH5: Final = "spot/depth5"
DEPTH20: Final = "spot/depth20"
DEPTH50: Final = "spot/depth50"
DEPTH_INCREMENT: Final = "spot/depth/increase100"
KLINE_PREFIX: Final = "spot/kline"
USER_ORDER: Final = "spot/user/order"
USER_ORDERS: Final = "spot/user/orders"
USER_BALANCE: Final = "spot/user/balance"

ALL_SYMBOLS: Final = "ALL_SYMBOLS"
BALANCE_UPDATE: Final = "BALANCE_UPDATE"

KLINE_STEPS: Final[dict[str, int]] = {
    "1m": 1,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1H": 60,
    "2H": 120,
    "4H": 240,
    "1D": 1440,
    "1W": 10080,
    "1M": 43200,
}
"""Interval in a channel's name -> minutes, REST's `step`. Case matters: 1m is a minute, 1M a month."""

LEGACY_KLINE_STEPS: Final[dict[str, int]] = {"3m": 3, "45m": 45, "3H": 180}
"""No longer documented, but still asked for by clients (protocol reference 4.11, 6.7)."""

_ALL_STEPS = KLINE_STEPS | LEGACY_KLINE_STEPS

FULL_DEPTH_LEVELS: Final[dict[str, int]] = {DEPTH5: 5, DEPTH20: 20, DEPTH50: 50}
"""Channels whose every push is the whole top of the book -> levels per side."""

PUBLIC_CHANNELS: Final = frozenset(
    {
        TICKER,
        TRADE,
        BOOK_TICKER,
        DEPTH_INCREMENT,
        *FULL_DEPTH_LEVELS,
        *(KLINE_PREFIX + step for step in _ALL_STEPS),
    }
)
PRIVATE_CHANNELS: Final = frozenset({USER_ORDER, USER_ORDERS, USER_BALANCE})

_CONSTANT_FILTERS = {USER_ORDERS: ALL_SYMBOLS, USER_BALANCE: BALANCE_UPDATE}
_SHOWN = 80


class TopicError(ValueError):
    """A topic that BitMart does not have.

    Attributes:
        topic: the text given, cut for display when very long.
        why: the broken rule.
        code: BitMart's websocket code, 90004 or 92001.
    """

    def __init__(self, topic: str, why: str, code: int) -> None:
        super().__init__(topic, why, code)
        self.topic = topic if len(topic) <= _SHOWN else topic[:_SHOWN] + "..."
        self.why = why
        self.code = code

    def __str__(self) -> str:
        return f"topic {self.topic!r}: {self.why}"


class Topic(NamedTuple):
    """One subscription. `str(topic)` is its text on the wire.

    Attributes:
        channel: with its prefix and without the filter, as pushes carry it in `table`: "spot/ticker".
        filter: a symbol, or the channel's constant.
    """

    channel: str
    filter: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.filter}"

    @property
    def is_private(self) -> bool:
        """Needs a login and belongs on the /user path."""
        return self.channel in PRIVATE_CHANNELS

    @property
    def symbol(self) -> str | None:
        """The symbol that the topic is about; None when it is about all of them."""
        return None if self.channel in _CONSTANT_FILTERS else self.filter

    @property
    def kline_step_min(self) -> int | None:
        """Minutes of a candle, None when this is no kline channel."""
        if not self.channel.startswith(KLINE_PREFIX):
            return None
        return _ALL_STEPS[self.channel[len(KLINE_PREFIX) :]]


def parse_topic(text: str) -> Topic:
    """Read `<channel>:<filter>`. Whether the symbol exists is the caller's question.

    Raises:
        TopicError: unknown channel or wrong constant (90004), or no symbol (92001).
    """
    channel, colon, filter_text = text.partition(":")
    if channel not in PUBLIC_CHANNELS and channel not in PRIVATE_CHANNELS:
        raise TopicError(text, "unknown channel", 90004)
    constant = _CONSTANT_FILTERS.get(channel)
    if constant is not None and filter_text != constant:
        raise TopicError(text, f"the filter must be {constant}", 90004)
    if not colon or not filter_text:
        raise TopicError(text, "a symbol must follow the channel", 92001)
    return Topic(channel, filter_text)


def kline_channel(step_min: int) -> str:
    """The channel of a candle of that many minutes.

    Raises:
        ValueError: BitMart has no such interval.
    """
    for name, minutes in _ALL_STEPS.items():
        if minutes == step_min:
            return KLINE_PREFIX + name
    raise ValueError(f"BitMart has no candles of {step_min} minutes, only of {sorted(_ALL_STEPS.values())}")


def symbol_of(trading_pair: str) -> str:
    """Hummingbot's form to BitMart's: "BTC-USDT" -> "BTC_USDT".

    Raises:
        ValueError: not BASE-QUOTE.
    """
    return _respell(trading_pair, "-", "_", "BASE-QUOTE")


def trading_pair_of(symbol: str) -> str:
    """BitMart's form to Hummingbot's: "BTC_USDT" -> "BTC-USDT".

    Raises:
        ValueError: not BASE_QUOTE.
    """
    return _respell(symbol, "_", "-", "BASE_QUOTE")


def _respell(text: str, old: str, new: str, form: str) -> str:
    base, _, quote = text.partition(old)
    if not base or not quote or old in quote:
        raise ValueError(f"{text!r} does not read {form}")
    return f"{base}{new}{quote}"
