"""What would have been different: two runs of a session, order by order, and in money.

| kind | the changed run, compared with the recorded one |
| --- | --- |
| gained, lost | fills more, or less, of the order |
| moved | fills the same size at another price or another time |
| cost | fills alike, but pays another fee |
| accepted, refused | takes an order that was refused, or refuses one that was taken |

Profit is what the session's fills brought in quote currency, less fees, plus the position that they left,
valued at the symbol's last print, the same print for both runs.
"""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from paper_bitmart.backtest.session_changed import Change, TwoRuns, play_changed
from paper_bitmart.backtest.session_reader import SessionReader
from paper_bitmart.backtest.session_stories import Stories, Story
from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.rules import SymbolRules

NS_PER_MS = 10**6
AVERAGE_DECIMALS = 4
"""Of an average price, beyond the decimals of the symbol's prices."""
KINDS = ("gained", "lost", "moved", "cost", "accepted", "refused")
COLUMNS = ("order", "account", "symbol", "side", "type", "kind", "recorded", "changed", "later by")


class Filled(NamedTuple):
    """What an order came to. `average_price`: None without fills; `refused`: BitMart's code."""

    state: str
    size: Decimal
    average_price: Decimal | None
    fee: Decimal
    first_ns: int
    last_ns: int
    refused: int | None

    def told(self) -> str:
        if self.refused is not None:
            return f"refused {self.refused}"
        if self.average_price is None:
            return self.state
        return f"{self.size:f} at {self.average_price:f}"


class OrderDifference(NamedTuple):
    """One order that came to something else. `order_id`: in the recording, 0 if it was refused there."""

    kind: str
    account: str
    order_id: int
    client_order_id: str
    symbol: str
    side: str
    type: str
    recorded: Filled
    changed: Filled

    @property
    def later_ns(self) -> int | None:
        """By how much the order's last fill came later; None unless both runs filled it."""
        if not self.recorded.last_ns or not self.changed.last_ns:
            return None
        return self.changed.last_ns - self.recorded.last_ns


class ProfitDifference(NamedTuple):
    """Profit of one account in one quote currency."""

    account: str
    asset: str
    recorded: Decimal
    changed: Decimal


class SessionDiff(NamedTuple):
    """Differences in the order of sending; `orders_compared`: all that were sent or open at the start."""

    orders_compared: int
    orders: list[OrderDifference]
    profits: list[ProfitDifference]
    ending: str

    def as_dict(self) -> dict[str, Any]:
        """For programs; numbers of money are text, times ns."""
        counts = Counter(order.kind for order in self.orders)
        return {
            "orders_compared": self.orders_compared,
            "counts": {kind: counts[kind] for kind in KINDS},
            "orders": [_order_dict(order) for order in self.orders],
            "profits": [
                {
                    "account": one.account,
                    "asset": one.asset,
                    "recorded": f"{one.recorded:f}",
                    "changed": f"{one.changed:f}",
                    "difference": f"{one.changed - one.recorded:f}",
                }
                for one in self.profits
            ],
            "ending": self.ending,
        }

    def lines(self) -> list[str]:
        """The sums, for people."""
        counts = Counter(order.kind for order in self.orders)
        met = ", ".join(f"{counts[kind]:,} {kind}" for kind in KINDS if counts[kind])
        told = [f"{self.orders_compared:,} orders: {met or 'nothing would have been different'}"]
        told += [
            f"profit of {one.account}: {one.recorded:f} recorded, {one.changed:f} changed, "
            f"{one.changed - one.recorded:+f} {one.asset}"
            for one in self.profits
        ]
        return [*told, f"the recording is not whole: {self.ending}"] if self.ending else told

    def rich(self, rows_max: int) -> Table:
        """The first `rows_max` differing orders."""
        table = Table(*COLUMNS)
        for order in self.orders[:rows_max]:
            later = "" if order.later_ns is None else f"{order.later_ns / NS_PER_MS:+,.3f} ms"
            table.add_row(
                order.client_order_id or str(order.order_id), order.account, order.symbol, order.side,
                order.type, order.kind, order.recorded.told(), order.changed.told(), later,
            )  # fmt: skip
        return table


def diff_session(path: Path | str, change: Change) -> SessionDiff:
    """Play a recorded session with a change, and list what comes out differently.

    Raises:
        SessionError, CaptureError: the folder is no session, or damaged. OSError: a file.
    """
    reader = SessionReader(path)
    return compare(play_changed(reader, change), reader.rules)


def compare(runs: TwoRuns, rules: dict[str, SymbolRules]) -> SessionDiff:
    """The differences of two runs over the same calls."""
    orders = []
    for key, story in runs.recorded.by_key.items():
        difference = _difference(story, runs.changed.by_key[key], rules)
        if difference is not None:
            orders.append(difference)
    marks = _marks(runs)
    recorded, changed = (_profits(stories, rules, marks) for stories in (runs.recorded, runs.changed))
    profits = [
        ProfitDifference(*who, from_atoms(recorded.get(who, 0)), from_atoms(changed.get(who, 0)))
        for who in sorted(recorded.keys() | changed.keys())
    ]
    return SessionDiff(len(runs.recorded.by_key), orders, profits, runs.ending)


def _difference(recorded: Story, changed: Story, rules: dict[str, SymbolRules]) -> OrderDifference | None:
    kind = _kind(recorded, changed)
    if not kind:
        return None
    return OrderDifference(
        kind, recorded.account, recorded.order_id, recorded.client_order_id, recorded.symbol,
        recorded.side, recorded.type, _filled(recorded, rules), _filled(changed, rules),
    )  # fmt: skip


def _kind(recorded: Story, changed: Story) -> str:
    """The difference's name; "" if there is none."""
    if bool(recorded.order_id) is not bool(changed.order_id):
        return "accepted" if changed.order_id else "refused"
    lots = [sum(fill.size_lots for fill in story.fills) for story in (recorded, changed)]
    if lots[0] != lots[1]:
        return "gained" if lots[1] > lots[0] else "lost"
    fills = [
        [(fill.at_ns, fill.price_ticks, fill.size_lots, fill.role) for fill in story.fills]
        for story in (recorded, changed)
    ]
    if fills[0] != fills[1]:
        return "moved"
    fees = [[fill.fee_atoms for fill in story.fills] for story in (recorded, changed)]
    return "cost" if fees[0] != fees[1] else ""


def _filled(story: Story, rules: dict[str, SymbolRules]) -> Filled:
    fills = story.fills
    if not fills:
        return Filled(story.state, Decimal(0), None, Decimal(0), 0, 0, story.refused)
    of_symbol = rules[story.symbol]
    lots = sum(fill.size_lots for fill in fills)
    notional = from_atoms(sum(fill.notional_atoms for fill in fills))
    size = of_symbol.size(lots)
    step = of_symbol.tick.scaleb(-AVERAGE_DECIMALS)
    return Filled(
        state=story.state,
        size=size,
        average_price=(notional / size).quantize(step).normalize(),
        fee=from_atoms(sum(fill.fee_atoms for fill in fills)),
        first_ns=fills[0].at_ns,
        last_ns=fills[-1].at_ns,
        refused=story.refused,
    )


def _marks(runs: TwoRuns) -> dict[str, int]:
    """Price ticks to value positions at: the last print, of a symbol without one the last own fill."""
    fills = [
        fill
        for stories in (runs.changed, runs.recorded)
        for story in stories.by_key.values()
        for fill in story.fills
    ]
    return {fill.symbol: fill.price_ticks for fill in fills} | runs.last_prints


def _profits(
    stories: Stories, rules: dict[str, SymbolRules], marks: dict[str, int]
) -> dict[tuple[str, str], int]:
    """Atoms by (account, quote currency)."""
    profits: dict[tuple[str, str], int] = {}
    for story in stories.by_key.values():
        for fill in story.fills:
            of_symbol = rules[fill.symbol]
            worth_atoms = of_symbol.notional_atoms(marks[fill.symbol], fill.size_lots)
            sign = 1 if fill.side is Side.BUY else -1
            won_atoms = sign * (worth_atoms - fill.notional_atoms) - fill.fee_atoms
            who = fill.account, of_symbol.quote
            profits[who] = profits.get(who, 0) + won_atoms
    return profits


def _order_dict(order: OrderDifference) -> dict[str, Any]:
    row: dict[str, Any] = order._asdict()
    row["order_id"] = str(order.order_id)
    for run in ("recorded", "changed"):
        filled: Filled = row[run]
        average = filled.average_price
        row[run] = {
            "state": filled.state,
            "size": f"{filled.size:f}",
            "average_price": None if average is None else f"{average:f}",
            "fee": f"{filled.fee:f}",
            "first_ns": filled.first_ns,
            "last_ns": filled.last_ns,
            "refused": filled.refused,
        }
    return row | {"later_ns": order.later_ns}
