"""The journal's tables, and which row an event becomes.

One table per kind of event. The columns are for people, queries and CSV; the `event` column holds the
event whole, and recovery reads that alone. `seq` is the event's number in its venue: rows of all tables
together are one gapless sequence. Money is TEXT, because atoms exceed 64 bits.
"""

from collections.abc import Callable
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
    encode_event,
)

APPLICATION_ID = 0x70424D54
"""In the file's header: "pBMT"; tells our files from other SQLite files."""

SCHEMA_VERSION = 1


class Table(NamedTuple):
    """One event table: its name, its own columns (after seq, at_ns) and their values of an event."""

    name: str
    columns: dict[str, str]
    values: Callable[[Any], tuple[Any, ...]]

    @property
    def create_sql(self) -> str:
        columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in self.columns.items())
        return (
            f"CREATE TABLE {self.name} "
            f"(seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, {columns}, event BLOB NOT NULL)"
        )

    @property
    def insert_sql(self) -> str:
        names = ["seq", "at_ns", *self.columns, "event"]
        return f"INSERT INTO {self.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"

    def row(self, event: Event) -> tuple[Any, ...]:
        return (event.seq, event.at_ns, *self.values(event), encode_event(event))


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

SCHEMA: tuple[str, ...] = (
    *(table.create_sql for table in TABLES.values()),
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # What a symbol's ticks and lots mean; a journal cannot be read with other rules.
    "CREATE TABLE symbols (symbol TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) WITHOUT ROWID",
    # `seq`: the last event that the state includes.
    "CREATE TABLE checkpoints (seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, "
    "state BLOB NOT NULL)",
    "CREATE INDEX feed_by_symbol ON feed (symbol, seq)",
    "CREATE INDEX fills_by_order ON fills (order_id, seq)",
    "CREATE INDEX cancels_by_order ON cancels (order_id)",
    "CREATE VIEW transfers AS SELECT seq, at_ns, account, asset, available_atoms, frozen_atoms, reason "
    "FROM balances WHERE reason IN ('deposit', 'withdraw')",
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
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

EVENTS_AFTER_SQL = (
    " UNION ALL ".join(f"SELECT seq, event FROM {table.name} WHERE seq > :seq" for table in TABLES.values())
    + " ORDER BY seq"
)
"""All events after `:seq` in order; one index walk per table, merged."""

LAST_SEQ_SQL = (
    "SELECT MAX(seq) FROM ("
    + " UNION ALL ".join(f"SELECT MAX(seq) AS seq FROM {table.name}" for table in TABLES.values())
    + " UNION ALL SELECT MAX(seq) FROM checkpoints)"
)
