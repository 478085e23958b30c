"""`why ORDER`: where an order stands, and why it filled or did not, in words."""

from paper_bitmart.bitmart.enums import OrderState, Side
from paper_bitmart.connector import shell_words as words
from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.exchange.size_watch import SizeWatch
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.matching.matcher import QueueReport


def why(
    order: Order, venue: Venue, view: MarketView, *, sent_ns: int | None, now_ns: int, sizes: SizeWatch
) -> str:
    """An order explained.

    Args:
        view: of the order's market.
        sent_ns: when it was sent; None if this session did not send it.
        now_ns: market time.
        sizes: judges the size of an open order.
    """
    rules = venue.rules[order.symbol]
    fills = venue.fills(order.account, order_id=order.order_id)[::-1]
    lines = [f"{words.number_of(order.order_id)} {words.order_line(order, rules)}: {order.state}"]
    lines.append(_latency(order, sent_ns))
    report = venue.explain(order.order_id)
    if isinstance(report, QueueReport):
        lines += _queue(order, report, venue, now_ns)
    for fill in fills:
        lines.append(_fill(fill, venue))
    lines.append(_last_word(order, report, venue, view))
    if order.is_open:
        lines += [f"  warning: {sentence}" for sentence in sizes.sentences(order, now_ns)]
    return "\n".join(lines)


def _latency(order: Order, sent_ns: int | None) -> str:
    arrived = f"arrived {words.clock(order.created_ns)}"
    if sent_ns is None:
        return f"  {arrived}, sent by an earlier session"
    return f"  {arrived}, {words.span(order.created_ns - sent_ns)} after it was sent"


def _queue(order: Order, report: QueueReport, venue: Venue, now_ns: int) -> list[str]:
    rules = venue.rules[order.symbol]
    if report.ahead < 0:
        return ["  queue: unknown, the market does not publish its price level now"]
    return [
        f"  queue ahead: {words.lots(rules, report.ahead_at_entry)} at entry, "
        f"{words.lots(rules, report.ahead)} now; {words.lots(rules, report.displayed_lots)} displayed there",
        f"  since then {words.lots(rules, report.traded_ahead)} traded and "
        f"{words.lots(rules, report.cancelled_ahead)} cancelled ahead of it "
        f"in {words.span(now_ns - report.arrived_ns)}",
    ]


def _fill(fill: Fill, venue: Venue) -> str:
    rules = venue.rules[fill.symbol]
    return (
        f"  {words.clock(fill.at_ns)} filled {words.lots(rules, fill.size_lots)} at "
        f"{rules.format_price(fill.price_ticks)} as {fill.role}: {words.evidence(fill, rules)}"
    )


def _last_word(order: Order, report: object, venue: Venue, view: MarketView) -> str:
    """What ended the order, or what keeps it from filling."""
    rules = venue.rules[order.symbol]
    if order.state is OrderState.FILLED:
        return "  it is filled completely"
    if not order.is_open:
        reason = words.cancel_reason(order, rules)
        return f"  {words.lots(rules, order.leaves_lots)} not filled: canceled, {reason}"
    state = venue.feed_state(order.symbol)
    if state is not FeedState.LIVE:
        return f"  not filled: the market is not known now (feed {state.name.lower()}), so nothing fills"
    best = view.best_bid() if order.side is Side.BUY else view.best_ask()
    if best is None:
        return "  not filled: its side of the book is empty"
    is_buy = order.side is Side.BUY
    distance_ticks = (best[0] - order.price_ticks) * (1 if is_buy else -1)
    if distance_ticks > 0:
        away = rules.format_price(distance_ticks)
        name = "bid" if is_buy else "ask"
        return f"  not filled: the best {name} is {rules.format_price(best[0])}, {away} better than its price"
    if isinstance(report, QueueReport) and report.ahead >= 1:
        return f"  not filled: {words.lots(rules, report.ahead)} are still ahead of it at the best price"
    return "  not filled: it is at the front of the best price, and nobody has traded against it yet"
