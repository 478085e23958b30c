"""What a compiled desk has logged, as the rows of results."""

import numpy as np

from paper_bitmart.backtest.desk import Ticket
from paper_bitmart.backtest.fast_arrays import ACCEPTED, ENDED
from paper_bitmart.backtest.fast_arrays import FILLED as FILL
from paper_bitmart.backtest.recorder import BY_SYSTEM, CANCELED, FILLED, FILLS_DTYPE, OPEN, ORDERS_DTYPE
from paper_bitmart.bitmart.enums import Role
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import FEE_STEP_ATOMS
from paper_bitmart.exchange.identifiers import ORDER_ID_FIRST, TRADE_ID_FIRST
from paper_bitmart.exchange.orders import Fill
from paper_bitmart.matching.reports import Evidence, MakerTaker


def orders_of(log: np.ndarray) -> np.ndarray:
    """(n,) ORDERS_DTYPE from the log; order ids rise by one, so an id is a row."""
    accepted = log[log["what"] == ACCEPTED]
    orders = np.zeros(len(accepted), ORDERS_DTYPE)
    for ours, theirs in (
        ("order_id", "order_id"), ("side", "side"), ("type", "kind"), ("price_ticks", "price"),
        ("size_lots", "lots"), ("created_ns", "at_ns"), ("queue_ahead", "ahead_after"),
    ):  # fmt: skip
        orders[ours] = accepted[theirs]
    fills = log[log["what"] == FILL]
    np.add.at(orders["filled_lots"], fills["order_id"] - ORDER_ID_FIRST, fills["lots"])
    orders["state"] = OPEN
    for ended, state in (
        (fills[fills["ends"] == 1], FILLED),
        (log[(log["what"] == ENDED) & (log["by_user"] == 1)], CANCELED),
        (log[(log["what"] == ENDED) & (log["by_user"] == 0)], BY_SYSTEM),
    ):
        rows = ended["order_id"] - ORDER_ID_FIRST
        orders["state"][rows], orders["closed_ns"][rows] = state, ended["at_ns"]
    return orders


def fills_of(log: np.ndarray) -> np.ndarray:
    """(n,) FILLS_DTYPE from the log."""
    rows = log[log["what"] == FILL]
    fills = np.zeros(len(rows), FILLS_DTYPE)
    for ours, theirs in (
        ("at_ns", "at_ns"), ("exch_ns", "exch_ns"), ("order_id", "order_id"), ("side", "side"),
        ("role", "role"), ("evidence", "reason"), ("price_ticks", "price"), ("size_lots", "lots"),
        ("fee_e8", "fee_e8"), ("evidence_price_ticks", "evidence_price"),
        ("evidence_lots", "evidence_lots"), ("ahead_before", "ahead_before"), ("ahead_after", "ahead_after"),
    ):  # fmt: skip
        fills[ours] = rows[theirs]
    return fills


def fill_of(line: np.void, ticket: Ticket, account: str, rules: SymbolRules, ordinal: int) -> Fill:
    """The venue's record of a logged fill, the `ordinal`-th of the run (from 1)."""
    price, lots = int(line["price"]), int(line["lots"])
    return Fill(
        trade_id=TRADE_ID_FIRST + ordinal - 1,
        order_id=int(line["order_id"]),
        client_order_id=ticket.client_order_id,
        account=account,
        symbol=rules.symbol,
        side=ticket.side,
        order_type=ticket.type,
        stp_mode=ticket.stp_mode,
        role=Role.MAKER if line["role"] == MakerTaker.MAKER else Role.TAKER,
        price_ticks=price,
        size_lots=lots,
        notional_atoms=rules.notional_atoms(price, lots),
        fee_atoms=int(line["fee_e8"]) * FEE_STEP_ATOMS,
        fee_asset=rules.quote,
        at_ns=int(line["at_ns"]),
        exch_ns=int(line["exch_ns"]),
        evidence=Evidence(int(line["reason"])),
        evidence_price_ticks=int(line["evidence_price"]),
        evidence_lots=int(line["evidence_lots"]),
        ahead_before=float(line["ahead_before"]),
        ahead_after=float(line["ahead_after"]),
        counter_order_id=int(line["counter_id"]),
    )
