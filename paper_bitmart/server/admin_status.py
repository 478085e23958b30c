"""What the exchange is doing, for the operator."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from paper_bitmart import __version__
from paper_bitmart.server.context import ServerContext

RECORDS_SHOWN = 100


class StatusAdmin:
    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def status(self) -> Any:
        """The state of session, feeds and faults; nothing secret."""
        context, session = self._context, self._context.session
        return {
            "version": __version__,
            "source": session.source.name,
            "is_open": session.is_open,
            "failure": _text(session.failure),
            "source_failure": _text(session.source_failure),
            "storage_failed": session.storage_failed,
            "market_ms": context.market_ns() // 1_000_000,
            "wall_ms": context.wall.now_ns() // 1_000_000,
            "book": context.settings.book,
            "book_account": context.books.account,
            "rate_limits": context.settings.rate_limits,
            "accounts": len(context.venue.accounts()),
            "stats": {**asdict(session.stats), "listener_errors": session.listener_errors},
            "orders_too_large": dict(context.sizes.counts),
            "feed": self.feed()["symbols"],
            "faults": self._faults(),
        }

    def feed(self) -> Any:
        """Per symbol the feed's state and the times of its newest content."""
        context = self._context
        rows = {
            symbol: {
                "state": context.venue.feed_state(symbol).name.lower(),
                "received_ms": view.recv_ns // 1_000_000,
                "exchange_ms": view.exch_ns // 1_000_000,
                "book_version": view.version,
            }
            for symbol, view in context.session.views.items()
        }
        return {"symbols": rows}

    def _faults(self) -> Any:
        faults = self._context.faults
        return {
            "rules": len(faults.plan.rules),
            "seed": faults.plan.seed,
            "struck_total": faults.struck_total,
            "records": list(faults.records)[-RECORDS_SHOWN:],
        }


def _text(error: BaseException | None) -> str | None:
    return None if error is None else f"{type(error).__name__}: {error}"
