"""A journal as CSV files, for spreadsheets and notebooks. Reads only; a running venue may own it."""

import csv
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from paper_bitmart.exchange.journal import JOURNAL_NAME, check_or_create
from paper_bitmart.exchange.journal_error import JournalError

ORDERS_SQL = """
SELECT o.order_id, o.client_order_id, o.account, o.symbol, o.side, o.type, o.price_ticks, o.size_lots,
       o.notional_atoms, o.queue_ahead_lots, o.at_ns AS accepted_ns,
       COALESCE(
           c.state,
           (SELECT f.state FROM fills f WHERE f.order_id = o.order_id ORDER BY f.seq DESC LIMIT 1),
           'new'
       ) AS state,
       COALESCE(c.cancel_source, '') AS cancel_source, c.at_ns AS canceled_ns,
       (SELECT COALESCE(SUM(f.size_lots), 0) FROM fills f WHERE f.order_id = o.order_id) AS filled_lots
FROM orders o LEFT JOIN cancels c ON c.order_id = o.order_id ORDER BY o.seq
"""


class Export(NamedTuple):
    """One CSV file: its name, and the query whose columns it has."""

    name: str
    sql: str


EXPORTS = (
    Export("orders.csv", ORDERS_SQL),
    Export(
        "fills.csv",
        "SELECT trade_id, order_id, account, symbol, side, role, price_ticks, size_lots, notional_atoms, "
        "fee_atoms, fee_asset, at_ns, exch_ns, evidence, evidence_price_ticks, evidence_lots, "
        "ahead_before_lots, ahead_after_lots, counter_order_id FROM fills ORDER BY seq",
    ),
    Export(
        "balances.csv",
        "SELECT seq, at_ns, account, asset, available_atoms, frozen_atoms, reason FROM balances ORDER BY seq",
    ),
    Export("feed.csv", "SELECT seq, at_ns, symbol, state FROM feed ORDER BY seq"),
    Export("feed_gaps.csv", "SELECT symbol, start_ns, end_ns FROM feed_gaps ORDER BY start_ns, symbol"),
)


def export_csv(directory: Path | str, out_dir: Path | str) -> dict[str, int]:
    """Write orders, fills, balances, feed states and feed gaps of a journal as CSV (UTF-8, header line).

    Units are the journal's: ticks and lots of the symbol, money in atoms (10^-18), times in ns since
    1970. A file is replaced only when it is complete.

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
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            check_or_create(connection, path)
            # One read transaction: all files show the same moment.
            connection.execute("BEGIN")
            return {export.name: _write(connection, export, target) for export in EXPORTS}
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise JournalError(path, f"cannot be read: {error}") from error
    except OSError as error:
        raise JournalError(error.filename or target, f"cannot be written: {error.strerror}") from error


def _write(connection: sqlite3.Connection, export: Export, target: Path) -> int:
    cursor = connection.execute(export.sql)
    header = [column[0] for column in cursor.description]
    unfinished = target / f"{export.name}.part"
    with open(unfinished, "w", newline="", encoding="utf-8") as file:
        count = _write_rows(file, header, cursor)
    unfinished.replace(target / export.name)
    return count


def _write_rows(file: Any, header: list[str], rows: Iterable[tuple[Any, ...]]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the count is the result
        writer.writerow(row)
    return count
