"""OUT files: what became of the orders of a replay, one JSON object per line, in time order.

    accept         order_id; queue_ahead (lots) if it rests
    reject         code, message, why: BitMart's refusal of a submit; nothing has changed
    fill           price, size, role, fee, fee_asset, evidence with its facts; exch_ts: the venue's stamp
    cancel         source: user, system (post-only that would take, rest of ioc or market) or stp; leaves
    cancel_reject  code, message, why: BitMart's refusal of a cancel

Every line has ts (ns), account, client_order_id (an order without one is called by its order id) and event.
Numbers of money are decimal text. Equal runs give equal bytes.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from paper_bitmart.bitmart.decimals import format_atoms
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.events import Event, OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.orders import Fill

_encode = msgspec.json.Encoder().encode


class OutMismatch(ValueError):
    """The OUT file is not the one that a checkpoint was made with. Carries `path` and `why`."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class Tally(msgspec.Struct):
    """Lines written so far, by event."""

    accept: int = 0
    reject: int = 0
    fill: int = 0
    cancel: int = 0
    cancel_reject: int = 0

    def count(self, event: str) -> None:
        setattr(self, event, getattr(self, event) + 1)


class ReplayOut:
    """Writes an OUT file; a context manager.

    Args:
        path: replaced, or with `resume_bytes` cut to that length and continued.
        tally: counts to go on from.

    Raises:
        OutMismatch: the file to continue is shorter than `resume_bytes`. OSError: as `open`.
    """

    def __init__(
        self,
        path: Path,
        rules: Mapping[str, SymbolRules],
        *,
        resume_bytes: int | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.path, self.tally = path, tally or Tally()
        self._rules = rules
        self._file: BinaryIO = path.open("wb") if resume_bytes is None else _reopen(path, resume_bytes)
        self._bytes = resume_bytes or 0

    def events(self, events: Iterable[Event]) -> None:
        """Write what the venue did, leaving out what is not about an order."""
        for event in events:
            match event:
                case OrderFilled(fill=fill):
                    self._write("fill", fill.at_ns, fill.account, fill.client_order_id, self._fill(fill))
                case OrderAccepted(order=order, queue_ahead=ahead):
                    facts: dict[str, Any] = {"order_id": str(order.order_id)}
                    if ahead >= 0:
                        facts["queue_ahead"] = ahead
                    self._write("accept", event.at_ns, order.account, order.client_order_id, facts)
                case OrderCanceled(order=order):
                    leaves = self._rules[order.symbol].format_size(order.leaves_lots)
                    facts = {"source": order.cancel_source.value, "leaves": leaves}
                    self._write("cancel", event.at_ns, order.account, order.client_order_id, facts)

    def refused(
        self, event: str, at_ns: int, account: str, client_order_id: str, error: BitmartError
    ) -> None:
        """Write a refusal; `event` is reject or cancel_reject."""
        facts = {"code": error.code, "message": error.message, "why": str(error)}
        self._write(event, at_ns, account, client_order_id, facts)

    def sync(self) -> int:
        """Bring everything written to the disk; returns the file's length in bytes."""
        self._file.flush()
        if self._file.seekable():
            os.fsync(self._file.fileno())
        return self._bytes

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fill(self, fill: Fill) -> dict[str, Any]:
        rules = self._rules[fill.symbol]
        return {
            "order_id": str(fill.order_id),
            "trade_id": str(fill.trade_id),
            "symbol": fill.symbol,
            "side": fill.side.value,
            "price": rules.format_price(fill.price_ticks),
            "size": rules.format_size(fill.size_lots),
            "role": fill.role.value,
            "fee": format_atoms(fill.fee_atoms),
            "fee_asset": fill.fee_asset,
            "evidence": fill.evidence.name.lower(),
            "evidence_price": rules.format_price(fill.evidence_price_ticks),
            "evidence_size": rules.format_size(fill.evidence_lots),
            "ahead_before": fill.ahead_before,
            "ahead_after": fill.ahead_after,
            "exch_ts": fill.exch_ns,
        }

    def _write(
        self, event: str, at_ns: int, account: str, client_order_id: str, facts: dict[str, Any]
    ) -> None:
        head = {"ts": at_ns, "account": account, "client_order_id": client_order_id, "event": event}
        line = _encode(head | facts) + b"\n"
        self._file.write(line)
        self._bytes += len(line)
        self.tally.count(event)


def _reopen(path: Path, length_bytes: int) -> BinaryIO:
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        raise OutMismatch(path, "does not exist, but the run to be resumed has written it") from None
    actual = file.seek(0, os.SEEK_END)
    if actual < length_bytes:
        file.close()
        raise OutMismatch(
            path, f"has {actual} bytes, the run to be resumed had written {length_bytes}: not the same file"
        )
    # Lines behind the checkpoint are written again, the same.
    file.seek(length_bytes)
    file.truncate()
    return file
