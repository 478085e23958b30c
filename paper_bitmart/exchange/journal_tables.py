"""A journal's events as tables: for people, queries and CSV.

The file keeps events whole (`journal_file`); these tables are made from them, when somebody asks, in a
database of their own that ends with its connection. One table per kind of event; money is TEXT, because
atoms exceed 64 bits.
"""

import sqlite3
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple

from paper_bitmart.exchange.events import (
    AccountOpened,
    BalanceChanged,
    Event,
    FeedChanged,
    FeesChanged,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
)

_EVENTS_AT_ONCE = 10_000


class Table(NamedTuple):
    """One event table: its name, its own columns (after seq, at_ns) and their values of an event."""

    name: str
    columns: dict[str, str]
    values: Callable[[Any], tuple[Any, ...]]

    @property
    def create_sql(self) -> str:
        columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in self.columns.items())
        return f"CREATE TABLE {self.name} (seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, {columns})"

    @property
    def insert_sql(self) -> str:
        return f"INSERT INTO {self.name} VALUES ({', '.join('?' * (2 + len(self.columns)))})"

    def row(self, event: Event) -> tuple[Any, ...]:
        return (event.seq, event.at_ns, *self.values(event))


def tables_of(events: Iterable[Event]) -> sqlite3.Connection:
    """The tables of TABLES and the view `feed_gaps`, filled; the caller closes the connection.

    Cost: O(events), about 5 us each; a large journal spills to a temporary file.
    """
    connection = sqlite3.connect("", isolation_level=None)
    for statement in _SCHEMA:
        connection.execute(statement)
    inserts = {kind: table.insert_sql for kind, table in TABLES.items()}
    iterator = iter(events)
    connection.execute("BEGIN")
    while batch := list(islice(iterator, _EVENTS_AT_ONCE)):
        rows: dict[type[Event], list[tuple[Any, ...]]] = {}
        for event in batch:
            rows.setdefault(type(event), []).append(TABLES[type(event)].row(event))
        for kind, of_kind in rows.items():
            connection.executemany(inserts[kind], of_kind)
    connection.execute("COMMIT")
    return connection


def _columns(integers: str = "", texts: str = "", reals: str = "") -> dict[str, str]:
    kinds = (("INTEGER", integers), ("TEXT", texts), ("REAL", reals))
    return {name: kind for kind, names in kinds for name in names.split()}


def _account(event: AccountOpened) -> tuple[Any, ...]:
    return (event.index, event.ample, event.account)


def _fees(event: FeesChanged) -> tuple[Any, ...]:
    return (event.maker_ppm, event.taker_ppm, event.account, event.symbol)


def _order(event: OrderAccepted) -> tuple[Any, ...]:
    order = event.order
    return (
        *(order.order_id, order.price_ticks, order.size_lots),
        *(order.account, order.client_order_id, order.symbol, order.side.value, order.type.value),
        *(str(order.notional_atoms), order.hold_asset, str(order.hold_atoms), event.queue_ahead),
    )


def _fill(event: OrderFilled) -> tuple[Any, ...]:
    fill = event.fill
    return (
        *(fill.trade_id, fill.order_id, fill.price_ticks, fill.size_lots),
        *(fill.exch_ns, fill.evidence, fill.evidence_price_ticks, fill.evidence_lots, fill.counter_order_id),
        *(fill.account, fill.symbol, fill.side.value, fill.role.value),
        *(str(fill.notional_atoms), str(fill.fee_atoms), fill.fee_asset, event.order.state.value),
        *(fill.ahead_before, fill.ahead_after),
    )


def _cancel(event: OrderCanceled) -> tuple[Any, ...]:
    order = event.order
    return (
        *(order.order_id, order.filled_lots, order.account, order.symbol),
        *(order.state.value, order.cancel_source.value),
    )


def _balance(event: BalanceChanged) -> tuple[Any, ...]:
    atoms = (str(event.available_atoms), str(event.frozen_atoms))
    return (event.account, event.asset, *atoms, event.reason.value)


def _feed(event: FeedChanged) -> tuple[Any, ...]:
    return (event.symbol, event.state.name)


TABLES: dict[type[Event], Table] = {
    AccountOpened: Table("accounts", _columns("account_index ample", "account"), _account),
    FeesChanged: Table("fees", _columns("maker_ppm taker_ppm", "account symbol"), _fees),
    OrderAccepted: Table(
        "orders",
        _columns(
            "order_id price_ticks size_lots",
            "account client_order_id symbol side type notional_atoms hold_asset hold_atoms",
            "queue_ahead_lots",
        ),
        _order,
    ),
    OrderFilled: Table(
        "fills",
        _columns(
            "trade_id order_id price_ticks size_lots "
            "exch_ns evidence evidence_price_ticks evidence_lots counter_order_id",
            "account symbol side role notional_atoms fee_atoms fee_asset state",
            "ahead_before_lots ahead_after_lots",
        ),
        _fill,
    ),
    OrderCanceled: Table(
        "cancels", _columns("order_id filled_lots", "account symbol state cancel_source"), _cancel
    ),
    BalanceChanged: Table(
        "balances", _columns("", "account asset available_atoms frozen_atoms reason"), _balance
    ),
    FeedChanged: Table("feed", _columns("", "symbol state"), _feed),
}

_SCHEMA: tuple[str, ...] = (
    *(table.create_sql for table in TABLES.values()),
    "CREATE INDEX feed_by_symbol ON feed (symbol, seq)",
    "CREATE INDEX fills_by_order ON fills (order_id, seq)",
    "CREATE INDEX cancels_by_order ON cancels (order_id)",
    # A gap: from a symbol's first state that is not LIVE to its next LIVE (NULL while it lasts).
    """CREATE VIEW feed_gaps AS
       SELECT symbol, MIN(at_ns) AS start_ns, live_ns AS end_ns FROM (
           SELECT f.symbol, f.at_ns, f.seq, (
               SELECT g.at_ns FROM feed g
               WHERE g.symbol = f.symbol AND g.seq > f.seq AND g.state = 'LIVE' ORDER BY g.seq LIMIT 1
           ) AS live_ns, (
               SELECT MIN(g.seq) FROM feed g WHERE g.symbol = f.symbol AND g.seq > f.seq AND g.state = 'LIVE'
           ) AS live_seq
           FROM feed f WHERE f.state <> 'LIVE'
       ) GROUP BY symbol, live_seq""",
)
FEED_GAPS_SQL = "SELECT symbol, start_ns, end_ns FROM feed_gaps ORDER BY start_ns, symbol"
