"""What the shell says: tables and sentences as plain text. No I/O."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from paper_bitmart.bitmart.decimals import format_atoms
from paper_bitmart.bitmart.enums import CancelSource, OrderType, Side
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.exchange.identifiers import ORDER_ID_FIRST
from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.matching.reports import Evidence

NS_PER_S = 10**9

MARKET_BUY_TOO_SMALL = 51012
"""BitMart's code for a market buy below the least notional."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns by width, the first to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def number_of(order_id: int) -> str:
    """`#1` for the first order of an exchange: short to type, and the same after a restart."""
    return f"#{order_id - ORDER_ID_FIRST + 1}"


def order_id_of(number: int) -> int:
    """The order id that `#number` stands for."""
    return ORDER_ID_FIRST + number - 1


def lots(rules: SymbolRules, size_lots: float) -> str:
    """A size in base currency; estimates in parts of a lot are cut to whole lots."""
    return f"{size(rules, size_lots)} {rules.base}"


def size(rules: SymbolRules, size_lots: float) -> str:
    """The number alone, without trailing zeros."""
    return short(rules.format_size(int(size_lots)))


def queue(rules: SymbolRules, ahead_lots: float) -> str:
    """Queue ahead in words; negative is unknown (outside of what the market publishes)."""
    return "?" if ahead_lots < 0 else size(rules, ahead_lots)


def clock(at_ns: int) -> str:
    """UTC to the millisecond."""
    seconds, rest_ns = divmod(at_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest_ns // 10**6:03d} UTC"


def span(duration_ns: int) -> str:
    """A duration in the unit that suits it."""
    if duration_ns < NS_PER_S:
        return f"{round(duration_ns / 10**6, 3):g} ms"
    return f"{duration_ns / NS_PER_S:.3f} s"


def refused(error: BitmartError) -> str:
    """A refusal: BitMart's code and text, and the numbers behind it.

    A market buy below the least notional is told its form: most likely a size was given for the amount.
    """
    text = str(error)
    if not text.startswith(str(error.code)):
        text = f"{error.code} {error.message}: {text}"
    hint = "; a market buy takes the amount to spend: buy PAIR market AMOUNT_IN_QUOTE"
    return f"refused: {text}{hint if error.code == MARKET_BUY_TOO_SMALL else ''}"


def order_line(order: Order, rules: SymbolRules) -> str:
    """`buy limit 0.01 BTC-USDT at 61000.00`."""
    pair = trading_pair_of(order.symbol)
    if order.is_market_buy:
        # The fee was set aside from what the user typed.
        fee = " and the fee" if order.taker_ppm else ""
        return f"buy market {pair} for {money(order.notional_atoms)} {rules.quote}{fee}"
    text = f"{order.side} {order.type} {size(rules, order.size_lots)} {pair}"
    return text if order.type is OrderType.MARKET else f"{text} at {rules.format_price(order.price_ticks)}"


def accepted(order: Order, ahead_lots: float, rules: SymbolRules) -> str:
    text = f"{number_of(order.order_id)} accepted: {order_line(order, rules)}"
    return text if ahead_lots < 0 else f"{text}, {lots(rules, ahead_lots)} ahead in the queue"


def filled(order: Order, fill: Fill, rules: SymbolRules) -> str:
    verb = "bought" if fill.side is Side.BUY else "sold"
    text = (
        f"{number_of(order.order_id)} {verb} {lots(rules, fill.size_lots)} "
        f"at {rules.format_price(fill.price_ticks)} as {fill.role}, "
        f"fee {money(fill.fee_atoms)} {fill.fee_asset}"
    )
    if order.is_open and not order.is_market_buy:
        return f"{text}; {lots(rules, order.leaves_lots)} to go"
    return text if order.is_open else f"{text}; filled"


def canceled(order: Order, rules: SymbolRules) -> str:
    done = f" after {lots(rules, order.filled_lots)} were filled" if order.filled_lots else ""
    return f"{number_of(order.order_id)} canceled{done}: {cancel_reason(order, rules)}"


def cancel_reason(order: Order, rules: SymbolRules) -> str:
    if order.cancel_source is CancelSource.USER:
        return "as you asked"
    if order.cancel_source is CancelSource.STP:
        return "self-trade prevention"
    reasons = {
        OrderType.LIMIT_MAKER: "post-only, and it would have taken",
        OrderType.IOC: "immediate-or-cancel, and nothing more was there to take",
        OrderType.MARKET: _market_rest(order, rules),
    }
    return reasons.get(order.type, "by the system")


def _market_rest(order: Order, rules: SymbolRules) -> str:
    """What ended a market order: most buys keep an amount that is too small for a lot."""
    rest_atoms = order.notional_atoms - order.filled_notional_atoms
    last = order.last_fill
    if order.is_market_buy and last is not None and rest_atoms < rules.notional_atoms(last.price_ticks, 1):
        return f"the {money(rest_atoms)} {rules.quote} left buy no lot"
    return "the book had nothing more for it"


def evidence(fill: Fill, rules: SymbolRules) -> str:
    """Why a fill happened, as a clause."""
    stood = lots(rules, fill.evidence_lots)
    price = rules.format_price(fill.evidence_price_ticks)
    ahead = lots(rules, max(fill.ahead_before, 0))
    match fill.evidence:
        case Evidence.TOOK_LEVEL:
            return f"it took displayed size at {price}, where {stood} stood"
        case Evidence.PRINT_AT_PRICE if fill.evidence_lots > fill.ahead_before:
            return f"{stood} were traded at its price, more than the {ahead} ahead of it"
        case Evidence.PRINT_AT_PRICE:
            # The middle of the places where it may stand was reached; what is reported is their mean.
            return f"{stood} were traded at its price and most likely reached it; {ahead} ahead was the mean"
        case Evidence.PRINT_REACHED:
            return f"of those ahead so many had left that the {stood} traded at its price reached it"
        case Evidence.PRINT_THROUGH:
            return f"{stood} were traded at {price}, beyond its price: it was reached first"
        case Evidence.OPPOSITE_QUOTE:
            return f"an opposite quote of {stood} stood at {price}, at or through its price"
        case Evidence.OPPOSITE_PRINT:
            return f"{stood} were traded at {price} against a quote that had to meet it first"
        case Evidence.MARKET_PASSED:
            return "the market stood beyond its price after a gap in the feed"
        case Evidence.SELF_TRADE:
            return f"it met your own order {number_of(fill.counter_order_id)}"
        case _:
            return "no evidence was recorded"


def money(atoms: int) -> str:
    """Up to 8 decimals, without trailing zeros."""
    return short(format_atoms(atoms))


def short(text: str) -> str:
    """Decimal text without trailing zeros."""
    return text.rstrip("0").rstrip(".") if "." in text else text
