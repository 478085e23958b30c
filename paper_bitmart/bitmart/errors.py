"""Refusals as exceptions with data; `str()` speaks to a person, `.message` is BitMart's text for the wire.

    Exception
    ├── BitmartError                  code, http_status, message, field, limit, value
    │   ├── RequestRefused            3xxxx: the gateway did not let the request in
    │   │   ├── NotAuthenticated      30001-30008: key, sign or timestamp
    │   │   ├── PermissionRefused     30010-30012, 30019, 53xxx: IP, expiry, rights
    │   │   └── TooManyRequests       30013, 30017
    │   ├── OrderRefused              a new order that changes nothing
    │   │   ├── BadParameter          50000, 50010-50012, 50021, 50028, 50029, 52001, 52002, ...
    │   │   ├── SymbolNotFound        50001
    │   │   ├── SymbolNotTradable     50023, 50040, 51008
    │   │   ├── SizeTooSmall          50006, 51009, 51015
    │   │   ├── SizeTooLarge          50007
    │   │   ├── PriceTooLow           50008, 51010
    │   │   ├── PriceTooHigh          50025
    │   │   ├── BelowMinNotional      50009, 51011-51014
    │   │   ├── InsufficientBalance   50020: asset, needed, available, frozen
    │   │   ├── WouldNotMatch         50034, 50035: strict post-only and ioc
    │   │   ├── BadClientOrderId      50037, 50038
    │   │   ├── DuplicateClientOrderId  50042
    │   │   └── MarketUnavailable     50022: the market is not known
    │   ├── OrderNotFound             50005, 50032
    │   ├── OrderNotCancelable        50030, 50031, 50036
    │   ├── MarketDataRefused         7xxxx: public market queries, HTTP 200
    │   └── UnlistedCode              a venue's reply with a code that the table does not have
    └── WsRefused                     9xxxx: code, message, event, topic

Source of codes, statuses and texts: protocol reference 2.4 and 8.
"""

from decimal import Decimal
from typing import Any

from paper_bitmart.bitmart.codes import CODES, SUCCESS, WS_CODES, Code, WsCode
from paper_bitmart.bitmart.decimals import plain

__all__ = [
    "CODES",
    "SUCCESS",
    "WS_CODES",
    "BadClientOrderId",
    "BadParameter",
    "BelowMinNotional",
    "BitmartError",
    "Code",
    "DuplicateClientOrderId",
    "InsufficientBalance",
    "MarketDataRefused",
    "MarketUnavailable",
    "NotAuthenticated",
    "OrderNotCancelable",
    "OrderNotFound",
    "OrderRefused",
    "PermissionRefused",
    "PriceTooHigh",
    "PriceTooLow",
    "RequestRefused",
    "SizeTooLarge",
    "SizeTooSmall",
    "SymbolNotFound",
    "SymbolNotTradable",
    "TooManyRequests",
    "UnlistedCode",
    "WouldNotMatch",
    "WsCode",
    "WsRefused",
    "refusal",
    "refusal_from_reply",
]


class BitmartError(Exception):
    """A request that BitMart answers with an error; nothing has changed.

    Attributes:
        code: BitMart's number, a key of `CODES`.
        http_status: status of the HTTP reply that carries it.
        message: BitMart's text, placeholders filled; goes on the wire as it is.
        field: the offending request field, "" when there is none.
        limit: the bound that was broken, None when there is none.
        value: what the request had, None when it does not matter.

    Raises:
        KeyError: the code is not in `CODES`.
        ValueError: the code's text has a placeholder and neither limit nor field fills it.
    """

    def __init__(
        self, code: int, *, field: str = "", limit: Any = None, value: Any = None, message: str | None = None
    ) -> None:
        super().__init__(code)
        row = CODES[code]
        self.code = code
        self.http_status = row.http_status
        self.field = field
        self.limit = limit
        self.value = value
        self.message = _fill(row, field, limit) if message is None else message

    def __str__(self) -> str:
        facts = [self.field] if self.field else []
        if self.value is not None:
            facts.append(f"was {_text(self.value)}")
        if self.limit is not None:
            facts.append(f"limit {_text(self.limit)}")
        return f"{self.code} {self.message}" + (f" ({', '.join(facts)})" if facts else "")

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive the default; sweeps send errors between processes.
        return _revive, (type(self), self.args, self.__dict__)


class RequestRefused(BitmartError):
    """The gateway refused before any business rule was looked at."""


class NotAuthenticated(RequestRefused):
    """Key, signature or timestamp is missing or wrong."""


class PermissionRefused(RequestRefused):
    """The key or the account may not do this."""


class TooManyRequests(RequestRefused):
    """Over the rate limit, or banned for being over it repeatedly."""


class OrderRefused(BitmartError):
    """A new order that the venue does not take."""


class BadParameter(OrderRefused):
    """A parameter is missing, malformed, or contradicts another one."""


class SymbolNotFound(OrderRefused):
    """No such symbol."""


class SymbolNotTradable(OrderRefused):
    """The symbol exists but takes no orders."""


class SizeTooSmall(OrderRefused):
    """Size below the symbol's minimum."""


class SizeTooLarge(OrderRefused):
    """Size above the symbol's maximum."""


class PriceTooLow(OrderRefused):
    """Price below the lowest that the venue takes."""


class PriceTooHigh(OrderRefused):
    """Price above the highest that the venue takes."""


class BelowMinNotional(OrderRefused):
    """Price times size, or the amount of a market order, is below the symbol's minimum."""


class WouldNotMatch(OrderRefused):
    """Older answer to a crossing post-only order or an ioc with nothing to match (protocol reference 5.1)."""


class BadClientOrderId(OrderRefused):
    """Client order id too long, or not letters and digits."""


class DuplicateClientOrderId(OrderRefused):
    """Client order id already used by this account."""


class MarketUnavailable(OrderRefused):
    """The market behind the symbol is not in sync, so nothing can be matched on it."""


class InsufficientBalance(OrderRefused):
    """Too little available to hold what the order may cost.

    Attributes:
        asset: the coin that is short.
        needed: what the order must hold, fee included.
        available, frozen: the account's balance at that moment.
    """

    def __init__(self, asset: str, needed: Decimal, available: Decimal, frozen: Decimal) -> None:
        super().__init__(50020, limit=available, value=needed)
        self.args = (asset, needed, available, frozen)
        self.asset = asset
        self.needed = needed
        self.available = available
        self.frozen = frozen

    def __str__(self) -> str:
        return (
            f"needed {plain(self.needed)} {self.asset}, available {plain(self.available)} {self.asset}, "
            f"frozen {plain(self.frozen)} {self.asset}"
        )


class OrderNotFound(BitmartError):
    """No order of this account has that id."""


class OrderNotCancelable(BitmartError):
    """The order is already over."""


class MarketDataRefused(BitmartError):
    """A public market query with a bad parameter; BitMart answers these with HTTP 200."""


class UnlistedCode(BitmartError):
    """A venue answered with a code that is not in `CODES`; only ever read, never sent."""

    def __init__(self, code: int, message: str, http_status: int) -> None:
        Exception.__init__(self, code, message, http_status)
        self.code = code
        self.http_status = http_status
        self.field = ""
        self.limit = self.value = None
        self.message = message


class WsRefused(Exception):
    """A websocket message that BitMart answers with an error frame.

    Attributes:
        code: a key of `WS_CODES`.
        message: BitMart's text.
        event: the op that failed, "" when it could not be read.
        topic: the topic that it belongs to, "" when it belongs to none.
        closes: the server disconnects after the frame.
    """

    def __init__(self, code: int, *, event: str = "", topic: str = "", message: str | None = None) -> None:
        super().__init__(code)
        row = WS_CODES[code]
        self.code = code
        self.message = row.message if message is None else message
        self.closes = row.closes
        self.event = event
        self.topic = topic

    def __str__(self) -> str:
        return f"{self.code} {self.message}" + (f" ({self.topic})" if self.topic else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args, self.__dict__)


_CLASSES: dict[int, type[BitmartError]] = {
    **dict.fromkeys(range(30001, 30009), NotAuthenticated),
    **dict.fromkeys((30010, 30011, 30012, 30019, *range(53000, 53012)), PermissionRefused),
    **dict.fromkeys((30013, 30017), TooManyRequests),
    **dict.fromkeys((30000, 30014, 30016, 30018, 30030, 30031, 57001, 58001, 60030, 60031), RequestRefused),
    **dict.fromkeys((40044, 50000, 50010, 50011, 50012, 50021, 50028, 50029, 50033), BadParameter),
    **dict.fromkeys((52000, 52001, 52002), BadParameter),
    50001: SymbolNotFound,
    **dict.fromkeys((50023, 50040, 51008), SymbolNotTradable),
    **dict.fromkeys((50006, 51009, 51015), SizeTooSmall),
    50007: SizeTooLarge,
    **dict.fromkeys((50008, 51010), PriceTooLow),
    50025: PriceTooHigh,
    **dict.fromkeys((50009, 51011, 51012, 51013, 51014), BelowMinNotional),
    **dict.fromkeys((50034, 50035), WouldNotMatch),
    **dict.fromkeys((50037, 50038), BadClientOrderId),
    50042: DuplicateClientOrderId,
    50022: MarketUnavailable,
    **dict.fromkeys((50026, 50027, 59002, 59003, 59008), OrderRefused),
    **dict.fromkeys((50005, 50032), OrderNotFound),
    **dict.fromkeys((50030, 50031, 50036), OrderNotCancelable),
    **dict.fromkeys((*range(70000, 70004), *range(71001, 71006)), MarketDataRefused),
}


def refusal(
    code: int, *, field: str = "", limit: Any = None, value: Any = None, message: str | None = None
) -> BitmartError:
    """The exception for a code; the caller raises it.

    Args:
        code: a key of `CODES`.
        field: the offending request field; fills the placeholder of 50021 "Invalid %s".
        limit: the broken bound; fills any other placeholder ("Minimum size is %s").
        value: what the request had.
        message: replaces BitMart's text, for codes with several texts.

    Returns:
        An instance of the class in this module's tree; 50020 needs `InsufficientBalance` for its amounts, and
        is a plain `OrderRefused` here.

    Raises:
        KeyError: unknown code.
        ValueError: the text has a placeholder that nothing fills.
    """
    kind = OrderRefused if code == 50020 else _CLASSES.get(code, BitmartError)
    return kind(code, field=field, limit=limit, value=value, message=message)


def refusal_from_reply(code: int, message: str, http_status: int = 200) -> BitmartError:
    """The exception for an error that a venue answered: its class by code, its text as sent.

    Args:
        code, message: from the reply's envelope; the code may be one that `CODES` lacks.
        http_status: of the reply, kept when the code is not in `CODES`.
    """
    if code in CODES:
        return refusal(code, message=message)
    return UnlistedCode(code, message, http_status)


def _fill(row: Code, field: str, limit: Any) -> str:
    if "%" not in row.message:
        return row.message
    filler = field if row.code == 50021 and field else ("" if limit is None else _text(limit))
    if not filler:
        raise ValueError(f"code {row.code} reads {row.message!r}: its placeholder needs a limit or field")
    return row.message.replace("%d", "%s") % filler


def _text(value: Any) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


def _revive(kind: type[Exception], args: tuple[Any, ...], state: dict[str, Any]) -> Exception:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error
