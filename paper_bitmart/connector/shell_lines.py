"""What may be typed in the shell: one line in, one command out. Pure text, no exchange.

buy BTC-USDT limit 0.01 61000  ->  Line("buy", ("BTC-USDT", "limit", "0.01", "61000"))
"""

import re
import shlex
from decimal import Decimal
from difflib import get_close_matches
from typing import NamedTuple

from paper_bitmart.bitmart.decimals import BadNumber, parse_decimal
from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.bitmart.topics import symbol_of
from paper_bitmart.exchange.orders import NewOrder

NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
WAIT_NS_MAX = 24 * NS["h"]
_DURATION = re.compile(r"([0-9.]+)\s*([a-z]*)")


class LineError(ValueError):
    """A line that cannot be understood; its text says what would be."""


class Usage(NamedTuple):
    """One command of the shell. `arguments`: least and most; `forms` and `meaning` are for the help."""

    name: str
    forms: tuple[str, ...]
    meaning: str
    arguments: tuple[int, int]


class Line(NamedTuple):
    name: str
    arguments: tuple[str, ...]


USAGES = {
    usage.name: usage
    for usage in (
        Usage("balance", ("balance",), "what you have: total, available, frozen by open orders", (0, 0)),
        Usage("order_book", ("order_book PAIR [LEVELS]",), "best levels of the market", (1, 2)),
        Usage("ticker", ("ticker [PAIR]",), "last price, best bid and ask, 24 hours", (0, 1)),
        Usage(
            "buy",
            ("buy PAIR limit|limit_maker|ioc SIZE PRICE", "buy PAIR market AMOUNT_IN_QUOTE"),
            "place a buy order",
            (2, 6),
        ),
        Usage(
            "sell",
            ("sell PAIR limit|limit_maker|ioc SIZE PRICE", "sell PAIR market SIZE"),
            "place a sell order",
            (2, 6),
        ),
        Usage(
            "orders",
            ("orders [PAIR|all]",),
            "open orders with the queue ahead; all: finished ones too",
            (0, 1),
        ),
        Usage("cancel", ("cancel ORDER",), "cancel one order: its number, its id or your own id", (1, 1)),
        Usage("cancel_all", ("cancel_all [PAIR]",), "cancel all open orders", (0, 1)),
        Usage("trades", ("trades [PAIR]",), "your fills, newest first", (0, 1)),
        Usage("why", ("why ORDER",), "why an order filled, or why it did not", (1, 1)),
        Usage("status", ("status",), "market, feed, clock, orders", (0, 0)),
        Usage("config", ("config",), "the settings of this exchange", (0, 0)),
        Usage("wait", ("wait DURATION",), "let market time pass, e.g. wait 5s, wait 200ms, wait 1m", (1, 2)),
        Usage("help", ("help [COMMAND]",), "this list, or one command", (0, 1)),
        Usage("exit", ("exit",), "leave; resting orders stay in the journal if there is one", (0, 0)),
    )
}
ALIASES = {
    "quit": "exit",
    "?": "help",
    "orderbook": "order_book",
    "book": "order_book",
    "balances": "balance",
    "open_orders": "orders",
    "history": "trades",
}
_HELP_END = (
    "PAIR: BTC-USDT. ORDER: its number (#3 or 3), its id, or your own id.\n"
    f"Options of buy and sell: id=YOUR_ID, stp={'|'.join(StpMode)}"
)


def read_line(text: str) -> Line | None:
    """The command in a line; None for an empty line or one that begins with # (a comment).

    Raises:
        LineError: no such command, or too few or too many arguments.
    """
    if text.lstrip().startswith("#"):
        return None
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise LineError(f"{text!r}: {error}") from error
    if not words:
        return None
    usage = _usage(words[0])
    least, most = usage.arguments
    if not least <= len(words) - 1 <= most:
        raise LineError(f"usage: {'  or  '.join(usage.forms)}")
    if usage.name == "cancel" and words[1].lower() == "all":
        raise LineError("cancel takes one order; cancel_all cancels all of them")
    return Line(usage.name, tuple(words[1:]))


def read_order(line: Line) -> NewOrder:
    """The order in a buy or sell line; whether it makes sense is for the exchange to say.

    Raises:
        LineError: a word is missing or cannot be read.
    """
    pair, kind, *rest = line.arguments
    options = dict(_option(word) for word in rest if "=" in word)
    numbers = [word for word in rest if "=" not in word]
    try:
        order_type = OrderType(kind.lower())
    except ValueError:
        raise LineError(f"{kind!r} is no order type: limit, limit_maker, ioc or market") from None
    side = Side(line.name)
    needed = 1 if order_type is OrderType.MARKET else 2
    if len(numbers) != needed:
        raise LineError(f"usage: {_order_form(side, order_type)}")
    is_market_buy = order_type is OrderType.MARKET and side is Side.BUY
    amount = read_number(numbers[0], "AMOUNT_IN_QUOTE" if is_market_buy else "SIZE")
    return NewOrder(
        symbol=read_pair(pair),
        side=side,
        type=order_type,
        price=read_number(numbers[1], "PRICE") if needed == 2 else None,
        size=None if is_market_buy else amount,
        notional=amount if is_market_buy else None,
        client_order_id=options.get("id"),
        stp_mode=options.get("stp", StpMode.NONE),
    )


def read_pair(text: str) -> str:
    """The symbol of a trading pair in any spelling: BTC-USDT, btc-usdt, BTC_USDT, BTC/USDT.

    Raises:
        LineError: it is none.
    """
    try:
        return symbol_of(text.upper().replace("_", "-").replace("/", "-"))
    except ValueError:
        raise LineError(f"{text!r} is no trading pair; write e.g. BTC-USDT") from None


def read_number(text: str, what: str) -> Decimal:
    """Raises LineError when `text` is no decimal number; `what` names it."""
    try:
        return parse_decimal(text)
    except BadNumber as error:
        raise LineError(f"{what}: {error}") from error


def read_duration_ns(text: str) -> int:
    """`5s`, `200ms`, `1.5m`, or plain seconds.

    Raises:
        LineError: not a duration, not above 0, or more than a day.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    unit = found and (found.group(2) or "s")
    if found is None or unit not in NS:
        raise LineError(f"{text!r} is no duration; write e.g. 5s, 200ms or 1m")
    duration_ns = int(read_number(found.group(1), "DURATION") * NS[str(unit)])
    if not 0 < duration_ns <= WAIT_NS_MAX:
        raise LineError(f"{text!r}: a wait is above 0 and at most 24h")
    return duration_ns


def help_text(name: str | None = None) -> str:
    """All commands, or one.

    Raises:
        LineError: no such command.
    """
    if name is not None:
        usage = _usage(name)
        return "\n".join([*usage.forms, usage.meaning])
    rows = [
        (form, usage.meaning if form is usage.forms[0] else "")
        for usage in USAGES.values()
        for form in usage.forms
    ]
    width = max(len(form) for form, _ in rows)
    lines = [f"{form:{width}}  {meaning}".rstrip() for form, meaning in rows]
    return "\n".join([*lines, _HELP_END])


def _usage(word: str) -> Usage:
    """The command that a word names. Raises LineError, with the one that was most likely meant."""
    name = ALIASES.get(word.lower(), word.lower())
    if name in USAGES:
        return USAGES[name]
    meant = get_close_matches(name, [*USAGES, *ALIASES], n=1)
    hint = f"did you mean {ALIASES.get(meant[0], meant[0])}?" if meant else "help lists them all"
    raise LineError(f"there is no command {word!r}; {hint}")


def _order_form(side: Side, order_type: OrderType) -> str:
    """What a line for this kind of order looks like."""
    if order_type is not OrderType.MARKET:
        return f"{side} PAIR {order_type} SIZE PRICE"
    return f"{side} PAIR market {'AMOUNT_IN_QUOTE' if side is Side.BUY else 'SIZE'}"


def _option(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    if name.lower() not in ("id", "stp") or not value:
        raise LineError(f"{word!r}: options are id=YOUR_ID and stp={'|'.join(StpMode)}")
    return name.lower(), value
