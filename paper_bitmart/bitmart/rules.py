"""Trading rules of a symbol: tick, lot and minimums, as GET /spot/v1/symbols/details gives them.

Source: protocol reference 4.6.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Never, TypeVar, cast

from paper_bitmart.bitmart.decimals import (
    ATOM_DECIMALS,
    ATOMS,
    BadNumber,
    NotAMultiple,
    decimals_of,
    format_units,
    parse_decimal,
    place_point,
    plain,
    text_to_units,
    to_atoms,
    to_units,
    truncate_to_units,
)

TRADING: Final = "trading"
"""The only `trade_status` under which a symbol takes orders."""

MAX_UNITS: Final = 2**63 - 1
"""Ticks and lots are int64 in feed/ and matching/."""

T = TypeVar("T")
_SYMBOL = re.compile(r"[^\s:/_]+_[^\s:/_]+")


class RulesError(ValueError):
    """A symbols/details reply or row breaks a rule.

    Attributes:
        place: file and row, e.g. "symbols.json: symbols[0] (BTC_USDT)".
        field: the field's name on the wire.
        rule: what the field must be, and what it was.
    """

    def __init__(self, place: str, field: str, rule: str) -> None:
        super().__init__(place, field, rule)
        self.place = place
        self.field = field
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.place}: {self.field} {self.rule}"


class PriceNotOnTick(NotAMultiple):
    """A price between two ticks; `value` is the price, `unit` the tick."""


class SizeNotOnLot(NotAMultiple):
    """A size between two lots; `value` is the size, `unit` the lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolRules:
    """What may be traded under one symbol, and the exact conversions between text, ticks, lots and atoms.

    Attributes:
        symbol: BitMart's form, "BTC_USDT".
        price_decimals: decimals of a price on the wire (`price_max_precision`).
        size_decimals: decimals of a size on the wire; enough for one lot.
        tick: price step: 10^-price_decimals unless the row has a `price_tick`.
        lot: size step (`quote_increment`, which is the SIZE step despite its name).
        min_size, max_size: smallest and largest order in base; None is no limit.
        min_buy_notional, min_sell_notional: smallest price * size in quote.
        tick_atoms, lot_atoms: tick and lot times 10^18.

    Raises:
        RulesError: a field contradicts another one, or tick and lot need more than 18 decimals together.
    """

    symbol: str
    symbol_id: int
    base: str
    quote: str
    price_decimals: int
    size_decimals: int
    tick: Decimal
    lot: Decimal
    min_size: Decimal
    max_size: Decimal | None = None
    min_buy_notional: Decimal = Decimal(0)
    min_sell_notional: Decimal = Decimal(0)
    trade_status: str = TRADING
    expiration: str = "NA"
    price_min_precision: int = 0
    tick_atoms: int = field(init=False, compare=False, repr=False)
    lot_atoms: int = field(init=False, compare=False, repr=False)
    # A price is `text_to_units(text, _tick_places)` divided by `_tick_step`: 25 and 2 for a tick of 0.25.
    _tick_places: int = field(init=False, compare=False, repr=False)
    _tick_step: int = field(init=False, compare=False, repr=False)
    _lot_places: int = field(init=False, compare=False, repr=False)
    _lot_step: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._check()
        tick_places = decimals_of(self.tick)
        lot_places = decimals_of(self.lot)
        for name, value in (
            ("tick_atoms", to_atoms(self.tick)),
            ("lot_atoms", to_atoms(self.lot)),
            ("_tick_places", tick_places),
            ("_tick_step", to_units(self.tick, Decimal(1).scaleb(-tick_places))),
            ("_lot_places", lot_places),
            ("_lot_step", to_units(self.lot, Decimal(1).scaleb(-lot_places))),
        ):
            object.__setattr__(self, name, value)

    def _check(self) -> None:
        if not _SYMBOL.fullmatch(self.symbol):
            self._broken("symbol", f"must read BASE_QUOTE, not {self.symbol!r}")
        if self.lot <= 0:
            self._broken("quote_increment", f"must be positive, not {self.lot}")
        if self.tick <= 0:
            self._broken("price_tick", f"must be positive, not {self.tick}")
        if self.price_decimals < 0:
            self._broken("price_max_precision", f"must not be negative, not {self.price_decimals}")
        if decimals_of(self.tick) > self.price_decimals:
            self._broken("price_tick", f"{plain(self.tick)} needs more than {self.price_decimals} decimals")
        if decimals_of(self.lot) > self.size_decimals:
            self._broken(
                "quote_increment", f"{plain(self.lot)} needs more than {self.size_decimals} decimals"
            )
        # A notional in atoms is exact only below this bound.
        if decimals_of(self.tick) + decimals_of(self.lot) > ATOM_DECIMALS:
            self._broken("quote_increment", f"and the tick need more than {ATOM_DECIMALS} decimals together")
        self._check_bounds()

    def _check_bounds(self) -> None:
        if self.min_size < 0:
            self._broken("base_min_size", f"must not be negative, not {self.min_size}")
        if self.max_size is not None and self.max_size < max(self.min_size, self.lot):
            self._broken("base_max_size", f"{plain(self.max_size)} is below the smallest order")
        if self.min_buy_notional < 0:
            self._broken("min_buy_amount", f"must not be negative, not {self.min_buy_notional}")
        if self.min_sell_notional < 0:
            self._broken("min_sell_amount", f"must not be negative, not {self.min_sell_notional}")

    def _broken(self, name: str, rule: str) -> Never:
        raise RulesError(self.symbol, name, rule)

    @property
    def is_tradable(self) -> bool:
        """Takes orders; false in pre-trade."""
        return self.trade_status == TRADING

    @property
    def price_scale(self) -> tuple[int, int]:
        """(p, s): one tick is s * 10^-p."""
        return self._tick_places, self._tick_step

    @property
    def size_scale(self) -> tuple[int, int]:
        """(p, s): one lot is s * 10^-p."""
        return self._lot_places, self._lot_step

    def price_ticks(self, price: str | Decimal) -> int:
        """A price as ticks, exactly.

        Raises:
            PriceNotOnTick: between two ticks.
            BadNumber: not a number, negative, or beyond int64 ticks.

        Cost: about 0.5 us for plain text.
        """
        try:
            return _whole_steps(price, self._tick_places, self._tick_step)
        except NotAMultiple:
            raise PriceNotOnTick(parse_decimal(price), self.tick) from None

    def size_lots(self, size: str | Decimal) -> int:
        """A size as lots, exactly.

        Raises:
            SizeNotOnLot: between two lots.
            BadNumber: not a number, negative, or beyond int64 lots.
        """
        try:
            return _whole_steps(size, self._lot_places, self._lot_step)
        except NotAMultiple:
            raise SizeNotOnLot(parse_decimal(size), self.lot) from None

    def truncate_price(self, price: Decimal) -> int:
        """Ticks, the rest cut toward zero: BitMart does not refuse excess price decimals (reference 5.1).

        Raises:
            BadNumber: NaN, infinite, or beyond int64 ticks.
        """
        return _bounded(truncate_to_units(price, self.tick), price)

    def truncate_size(self, size: Decimal) -> int:
        """Lots, the rest cut toward zero (protocol reference, question 23).

        Raises:
            BadNumber: NaN, infinite, or beyond int64 lots.
        """
        return _bounded(truncate_to_units(size, self.lot), size)

    def format_price(self, ticks: int) -> str:
        """Price text with exactly `price_decimals` decimals: one price, one spelling."""
        if self._tick_places == self.price_decimals:
            return place_point(ticks * self._tick_step, self.price_decimals)
        return format_units(ticks, self.tick, self.price_decimals)

    def format_size(self, lots: int) -> str:
        """Size text with exactly `size_decimals` decimals."""
        if self._lot_places == self.size_decimals:
            return place_point(lots * self._lot_step, self.size_decimals)
        return format_units(lots, self.lot, self.size_decimals)

    def price(self, ticks: int) -> Decimal:
        """The exact price, with `price_decimals` decimals."""
        return Decimal(self.format_price(ticks))

    def size(self, lots: int) -> Decimal:
        """The exact size, with `size_decimals` decimals."""
        return Decimal(self.format_size(lots))

    def notional_atoms(self, ticks: int, lots: int) -> int:
        """Price times size in atoms of the quote asset; exact, because tick and lot share 18 decimals."""
        return ticks * lots * self.tick_atoms * self.lot_atoms // ATOMS

    def to_wire(self) -> dict[str, object]:
        """The symbols/details row in BitMart's order; `price_tick` only when it differs from the decimals."""
        row: dict[str, object] = {
            "symbol": self.symbol,
            "symbol_id": self.symbol_id,
            "base_currency": self.base,
            "quote_currency": self.quote,
            "quote_increment": plain(self.lot),
            "base_min_size": plain(self.min_size),
        }
        if self.max_size is not None:
            row["base_max_size"] = plain(self.max_size)
        row |= {
            "price_min_precision": self.price_min_precision,
            "price_max_precision": self.price_decimals,
            "expiration": self.expiration,
            "min_buy_amount": plain(self.min_buy_notional),
            "min_sell_amount": plain(self.min_sell_notional),
            "trade_status": self.trade_status,
        }
        if self.tick != Decimal(1).scaleb(-self.price_decimals):
            row["price_tick"] = plain(self.tick)
        return row


def parse_rules(data: bytes | str, place: str = "symbols/details") -> dict[str, SymbolRules]:
    """Read a symbols/details reply.

    Args:
        data: the whole REST reply, its `data` object, or a bare JSON list of rows.
        place: what to call the input in an error, e.g. the file's name.

    Returns:
        Rules by symbol, in the order of the rows.

    Raises:
        RulesError: the first broken rule, with row and field; or the venue's error reply, code and text.
    """
    rules: dict[str, SymbolRules] = {}
    for index, row in enumerate(_rows(data, place)):
        parsed = _parse_row(row, f"{place}: symbols[{index}]")
        if parsed.symbol in rules:
            raise RulesError(f"{place}: symbols[{index}]", "symbol", f"{parsed.symbol} appears twice")
        rules[parsed.symbol] = parsed
    return rules


def load_rules(path: str | Path) -> dict[str, SymbolRules]:
    """Read a symbols/details file; see `parse_rules`.

    Raises:
        RulesError: the file breaks a rule.
        OSError: the file cannot be read.
    """
    return parse_rules(Path(path).read_bytes(), str(path))


RULES_NAMES: Final = ("symbols_details.json", "symbols.json")
"""What a symbols/details file is called where it stands beside the data of its market."""


def rules_beside(path: Path) -> Path | None:
    """The symbols/details file, by one of RULES_NAMES, in the folder of `path`; None if there is none."""
    beside = (path.with_name(name) for name in RULES_NAMES)
    return next((found for found in beside if found.is_file()), None)


def _whole_steps(value: str | Decimal, places: int, step: int) -> int:
    if isinstance(value, str):
        units = text_to_units(value, places)
    elif not isinstance(value, Decimal):
        raise TypeError(f"must be text or a Decimal, not the {type(value).__name__} {value!r}")
    else:
        units = to_units(value, Decimal(1).scaleb(-places))
    if units < 0:
        raise BadNumber(value, "must not be negative")
    if step != 1:
        units, rest = divmod(units, step)
        if rest:
            raise NotAMultiple(parse_decimal(value), Decimal(step).scaleb(-places))
    return _bounded(units, value)


def _bounded(units: int, value: object) -> int:
    if abs(units) > MAX_UNITS:
        raise BadNumber(value, "too large for a 64-bit count of ticks or lots")
    return units


def _rows(data: bytes | str, place: str) -> list[Any]:
    try:
        # Numbers stay text: 0.25 as a JSON number must not pass through a float.
        reply = json.loads(data, parse_float=parse_decimal, parse_constant=parse_decimal)
    except json.JSONDecodeError as error:
        raise RulesError(f"{place}:{error.lineno}", "reply", f"is not JSON: {error.msg}") from error
    except ValueError as error:
        raise RulesError(place, "reply", f"is not JSON: {error}") from error
    if isinstance(reply, Mapping) and reply.get("code", 1000) != 1000:
        raise RulesError(place, "code", f"must be 1000, not {reply['code']} ({reply.get('message')})")
    if isinstance(reply, Mapping) and "data" in reply:
        reply = reply["data"]
    if isinstance(reply, Mapping):
        reply = reply.get("symbols")
    if not isinstance(reply, list):
        raise RulesError(place, "data.symbols", "must be a list of symbol rows")
    return reply


def _parse_row(row: object, place: str) -> SymbolRules:
    if not isinstance(row, Mapping):
        raise RulesError(place, "row", f"must be an object, not {type(row).__name__}")
    if isinstance(row.get("symbol"), str):
        place = f"{place} ({row['symbol']})"
    read = _RowReader(cast(Mapping[str, Any], row), place)
    price_decimals = read.integer("price_max_precision")
    if not 0 <= price_decimals <= ATOM_DECIMALS:
        raise RulesError(place, "price_max_precision", f"must be 0 to {ATOM_DECIMALS}, not {price_decimals}")
    lot = read.decimal("quote_increment")
    try:
        return SymbolRules(
            symbol=read.text("symbol"),
            symbol_id=read.integer("symbol_id"),
            base=read.text("base_currency"),
            quote=read.text("quote_currency"),
            price_decimals=price_decimals,
            size_decimals=decimals_of(lot),
            tick=read.decimal_or("price_tick", Decimal(1).scaleb(-price_decimals)),
            lot=lot,
            min_size=read.decimal("base_min_size"),
            max_size=read.decimal_or("base_max_size", None),
            min_buy_notional=read.decimal("min_buy_amount"),
            min_sell_notional=read.decimal("min_sell_amount"),
            trade_status=read.text("trade_status"),
            expiration=read.text_or("expiration", "NA"),
            price_min_precision=read.integer_or("price_min_precision", 0),
        )
    except RulesError as error:
        raise RulesError(place, error.field, error.rule) from None


class _RowReader:
    """Typed access to one row; every error names the row and the field."""

    def __init__(self, row: Mapping[str, Any], place: str) -> None:
        self._row = row
        self._place = place

    def text(self, name: str) -> str:
        value = self._present(name)
        if not isinstance(value, str) or not value:
            raise RulesError(self._place, name, f"must be text, not {value!r}")
        return value

    def text_or(self, name: str, default: str) -> str:
        # The venue's newest documentation sends "" here, so empty text is kept.
        value = self._row.get(name, default)
        if not isinstance(value, str):
            raise RulesError(self._place, name, f"must be text, not {value!r}")
        return value

    def integer(self, name: str) -> int:
        value = self._present(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise RulesError(self._place, name, f"must be an integer, not {value!r}")
        return value

    def integer_or(self, name: str, default: int) -> int:
        return default if self._row.get(name) is None else self.integer(name)

    def decimal(self, name: str) -> Decimal:
        try:
            return parse_decimal(self._present(name))
        except BadNumber as error:
            raise RulesError(self._place, name, f"must be a number: {error}") from error

    def decimal_or(self, name: str, default: T) -> Decimal | T:
        return default if self._row.get(name) is None else self.decimal(name)

    def _present(self, name: str) -> Any:
        if self._row.get(name) is None:
            raise RulesError(self._place, name, "is missing")
        return self._row[name]
