"""What the exchange is doing, for the operator."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from paper_bitmart import __version__
from paper_bitmart.feed.live.outages import OutageLog, SymbolOutages
from paper_bitmart.server.context import ServerContext

RECORDS_SHOWN = 100
NS_PER_MS = 10**6


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
            "market_ms": context.market_ns() // NS_PER_MS,
            "wall_ms": context.wall.now_ns() // NS_PER_MS,
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
        """Per symbol the feed's state, the times of its newest content, and what a live market missed."""
        context = self._context
        outages: OutageLog | None = getattr(context.session.source, "outages", None)
        rows = {
            symbol: {
                "state": context.venue.feed_state(symbol).name.lower(),
                "received_ms": view.recv_ns // NS_PER_MS,
                "exchange_ms": view.exch_ns // NS_PER_MS,
                "book_version": view.version,
                "outages": None if outages is None else _outages(outages.of(symbol)),
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


def _outages(one: SymbolOutages) -> Any:
    """ms; what has not ended has no end."""
    last = one.last
    return {
        "count": one.count,
        "total_ms": one.total_ns // NS_PER_MS,
        "longest_ms": one.longest_ns // NS_PER_MS,
        "trades_lost": one.trades_lost,
        "last": None
        if last is None
        else {
            "state": last.state.name.lower(),
            "why": last.why,
            "start_ms": last.start_ns // NS_PER_MS,
            "end_ms": None if last.end_ns is None else last.end_ns // NS_PER_MS,
        },
    }


def _text(error: BaseException | None) -> str | None:
    return None if error is None else f"{type(error).__name__}: {error}"
