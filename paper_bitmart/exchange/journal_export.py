"""A journal as CSV files, for spreadsheets and notebooks. Reads only; a running venue may own it.

The journal counts in ticks, lots and atoms; people do not. A column of a query that ends in one of these
units becomes a column of exact decimal text without that ending: `price_ticks` becomes `price`.
"""

import csv
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from paper_bitmart.bitmart.decimals import decimals_of, format_atoms, format_units
from paper_bitmart.exchange.journal_error import JournalCorrupt, JournalError
from paper_bitmart.exchange.journal_file import JOURNAL_NAME, check_or_create, read_events
from paper_bitmart.exchange.journal_tables import FEED_GAPS_SQL, tables_of
from paper_bitmart.matching.reports import Evidence

ORDERS_SQL = """
SELECT o.order_id, o.client_order_id, o.account, o.symbol, o.side, o.type,
       NULLIF(o.price_ticks, 0) AS price_ticks, NULLIF(o.size_lots, 0) AS size_lots,
       NULLIF(o.notional_atoms, '0') AS notional_atoms, o.queue_ahead_lots, o.at_ns AS accepted_ns,
       COALESCE(
           c.state,
           (SELECT f.state FROM fills f WHERE f.order_id = o.order_id ORDER BY f.seq DESC LIMIT 1),
           'new'
       ) AS state,
       COALESCE(c.cancel_source, '') AS cancel_source, c.at_ns AS canceled_ns,
       (SELECT COALESCE(SUM(f.size_lots), 0) FROM fills f WHERE f.order_id = o.order_id) AS filled_lots
FROM orders o LEFT JOIN cancels c ON c.order_id = o.order_id ORDER BY o.seq
"""


class Units(NamedTuple):
    """What a tick and a lot of a symbol are, in quote and base currency."""

    tick: Decimal
    lot: Decimal


class Export(NamedTuple):
    """One CSV file: its name, and the query whose columns it has."""

    name: str
    sql: str


EXPORTS = (
    Export("orders.csv", ORDERS_SQL),
    Export(
        "fills.csv",
        "SELECT trade_id, order_id, account, symbol, side, role, price_ticks, size_lots, notional_atoms, "
        "fee_atoms, fee_asset, at_ns, exch_ns, evidence, NULLIF(evidence_price_ticks, 0) AS "
        "evidence_price_ticks, NULLIF(evidence_lots, 0) AS evidence_size_lots, ahead_before_lots, "
        "ahead_after_lots, NULLIF(counter_order_id, 0) AS counter_order_id FROM fills ORDER BY seq",
    ),
    Export(
        "balances.csv",
        "SELECT seq, at_ns, account, asset, available_atoms, frozen_atoms, reason FROM balances ORDER BY seq",
    ),
    Export("feed.csv", "SELECT seq, at_ns, symbol, state FROM feed ORDER BY seq"),
    Export("feed_gaps.csv", FEED_GAPS_SQL),
)


def export_csv(directory: Path | str, out_dir: Path | str) -> dict[str, int]:
    """Write orders, fills, balances, feed states and feed gaps of a journal as CSV (UTF-8, header line).

    Prices, sizes and money are exact decimal text in quote and base currency, times are ns since 1970; an
    estimated queue is cut to whole lots. Empty: there is none, or nobody knows. A file is replaced only
    when it is complete.

    Args:
        directory: the state directory; not locked, so a running venue may be exported.
        out_dir: created when missing.

    Returns:
        Rows written, by file name.

    Raises:
        JournalError: there is no readable journal, or a file cannot be written.
    """
    path, target = Path(directory) / JOURNAL_NAME, Path(out_dir)
    if not path.is_file():
        raise JournalError(path, "does not exist")
    try:
        target.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            check_or_create(connection, path)
            # One read transaction: all files show the same moment.
            connection.execute("BEGIN")
            units = _units(connection)
            with closing(tables_of(read_events(connection, path, 0))) as tables:
                return {export.name: _write(tables, export, target, units, path) for export in EXPORTS}
    except sqlite3.Error as error:
        raise JournalError(path, f"cannot be read: {error}") from error
    except OSError as error:
        raise JournalError(error.filename or target, f"cannot be written: {error.strerror}") from error


def _units(connection: sqlite3.Connection) -> dict[str, Units]:
    """By symbol, as `Journal.bind_rules` stored them."""
    stored = connection.execute("SELECT symbol, fingerprint FROM symbols")
    parts = ((symbol, json.loads(fingerprint)) for symbol, fingerprint in stored)
    return {symbol: Units(Decimal(tick), Decimal(lot)) for symbol, (_, _, tick, lot) in parts}


def _write(
    connection: sqlite3.Connection, export: Export, target: Path, units: Mapping[str, Units], path: Path
) -> int:
    cursor = connection.execute(export.sql)
    columns = [column[0] for column in cursor.description]
    unfinished = target / f"{export.name}.part"
    with open(unfinished, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([_split(column)[0] for column in columns])
        count = 0
        for count, row in enumerate(_readable(columns, cursor, units, path), 1):  # noqa: B007 - the result
            writer.writerow(row)
    unfinished.replace(target / export.name)
    return count


def _split(column: str) -> tuple[str, str]:
    """A column's name for people, and the unit that its name ended in: ticks, lots, atoms or none."""
    name, _, unit = column.rpartition("_")
    return (name, unit) if unit in _WRITERS else (column, "")


def _readable(
    columns: list[str], rows: Iterable[tuple[Any, ...]], units: Mapping[str, Units], path: Path
) -> Iterator[list[Any]]:
    """The rows in people's units.

    Raises:
        JournalCorrupt: a row's symbol has no tick and lot in the journal.
    """
    writers = [_WRITERS.get(_split(column)[1]) or _NAMED.get(column) for column in columns]
    symbol_at = columns.index("symbol") if "symbol" in columns else None
    needs_units = any(_split(column)[1] in ("ticks", "lots") for column in columns)
    of_symbol = Units(Decimal(1), Decimal(1))
    for row in rows:
        if needs_units and symbol_at is not None:
            if row[symbol_at] not in units:
                raise JournalCorrupt(path, f"has rows of {row[symbol_at]}, but not its tick and lot")
            of_symbol = units[row[symbol_at]]
        yield [
            value if write is None or value is None else write(value, of_symbol)
            for write, value in zip(writers, row, strict=True)
        ]


def _price(ticks: int, units: Units) -> str:
    return format_units(ticks, units.tick, decimals_of(units.tick))


def _size(lots: float, units: Units) -> str:
    """Queues are estimates in parts of a lot; -1.0 is a queue that nobody knows."""
    return "" if lots < 0 else format_units(int(lots), units.lot, decimals_of(units.lot))


def _money(atoms: str, units: Units) -> str:
    whole, _, decimals = format_atoms(int(atoms), 18).partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


_WRITERS: dict[str, Callable[[Any, Units], str]] = {"ticks": _price, "lots": _size, "atoms": _money}
_NAMED: dict[str, Callable[[Any, Units], str]] = {"evidence": lambda code, _: Evidence(code).name.lower()}
