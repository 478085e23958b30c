"""The asyncio shell of a paper exchange: a source, a venue, a clock, and everybody who talks to them.

One task turns the `Wheel`; one runs the source. Commands are awaited: they return once they are durable.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.calls import (
    Call,
    Cancel,
    CancelAll,
    CancelOrders,
    Deposit,
    OpenAccount,
    SetFees,
    Submit,
    SubmitBatch,
    Withdraw,
)
from paper_bitmart.exchange.clock import Clock
from paper_bitmart.exchange.events import Event
from paper_bitmart.exchange.inbox import InboxFull
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.line import LineFull
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.exchange.recording import SessionTape
from paper_bitmart.exchange.restart import closing_event
from paper_bitmart.exchange.venue import CancelResult, Venue
from paper_bitmart.exchange.wheel import (
    STORAGE_FAILED,
    Command,
    Reply,
    SessionSettings,
    SessionStats,
    Wheel,
)
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.feed.sources import Source
from paper_bitmart.matching.latency import LatencyProfile

__all__ = ["Session", "SessionSettings", "SessionStats"]

LOG = logging.getLogger(__name__)

SESSION_CLOSED = 50022
"""Service unavailable (protocol reference 8.2)."""
TOO_MANY_IN_FLIGHT = 30013
"""Request too many requests (protocol reference 8.1)."""


class Session:
    """A running paper exchange.

    Args:
        source: where the market comes from.
        venue: built with the same `journal`; nobody else may command it while the session runs.
        clock: the session's time; the source stamps its events by the same clock.
        latency: the client's delays; None for none.
        journal: None keeps nothing. The session closes it.
        settings: limits.
        tape: records the session; None does not. The session closes it.

    Use `start()` and `close()`, or `async with`. Not thread-safe: it belongs to one event loop.
    """

    def __init__(
        self,
        source: Source,
        venue: Venue,
        clock: Clock,
        *,
        latency: LatencyProfile | None = None,
        journal: Journal | None = None,
        settings: SessionSettings | None = None,
        tape: SessionTape | None = None,
    ) -> None:
        self.source, self.clock, self.journal = source, clock, journal
        self._tape = tape
        self.failure: Exception | None = None
        """The defect or unreadable journal that stopped the session, or None."""
        self.source_failure: Exception | None = None
        """Why the source ended early, or None; the feeds are closed then."""
        self._wheel = Wheel(venue, latency=latency, journal=journal, settings=settings, tape=tape)
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stop_clock: Callable[[], None] = lambda: None
        self._open = False
        self._closed = False

    # --- what is there ---

    @property
    def venue(self) -> Venue:
        """For queries. Ask the session each time: a failed write puts another venue here."""
        return self._wheel.venue

    @property
    def views(self) -> dict[str, MarketView]:
        """What a client sees of each symbol's market; late by the market-data latency."""
        return self._wheel.views

    @property
    def rules(self) -> Mapping[str, SymbolRules]:
        return self._wheel.venue.rules

    @property
    def stats(self) -> SessionStats:
        return self._wheel.stats

    @property
    def is_open(self) -> bool:
        """Whether commands are taken."""
        return self._open and self.failure is None

    @property
    def storage_failed(self) -> bool:
        """Whether the journal cannot be written now; every command is refused with 59002 while it lasts."""
        return self._wheel.storage_failed

    @property
    def listener_errors(self) -> int:
        """Exceptions that listeners raised so far; each was logged."""
        return self._wheel.event_listeners.errors + self._wheel.market_listeners.errors

    # --- life ---

    async def start(self) -> None:
        """Begin: from here on the source runs and commands are taken.

        Raises:
            RuntimeError: it was started before.
        """
        if self._tasks or self._closed:
            raise RuntimeError("a session starts once")
        self._stop_clock = self.clock.on_change(self._wake.set)
        self._open = True
        self._tasks = [
            asyncio.create_task(self._run(), name="session"),
            asyncio.create_task(self._run_source(), name="source"),
        ]

    async def close(self) -> None:
        """Stop: do and tell what has arrived, close the feeds, write a checkpoint, release the files.

        Commands still on their way are refused with 50022. A second call changes nothing.

        Raises:
            JournalError: what had arrived could not be journaled, nor the journal be read.
        """
        if self._closed:
            return
        self._closed, self._open = True, False
        self._stop_clock()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            if self._tasks and self.failure is None:
                self._wheel.finish(self.clock.now_ns())
        finally:
            self._refuse_waiting(SESSION_CLOSED)
            if self._tape is not None:
                self._tape.close(self.venue if self.failure is None else None)
            if self.journal is not None:
                self.journal.close()

    async def __aenter__(self) -> "Session":
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def sleep_until(self, at_ns: int) -> None:
        """Return once the session's clock shows `at_ns`, however it is paused, sped up or moved meanwhile."""
        changed = asyncio.Event()
        stop = self.clock.on_change(changed.set)
        try:
            while (wait_ns := self.clock.wait_ns(at_ns)) != 0:
                changed.clear()
                await _wait(changed, wait_ns)
        finally:
            stop()

    # --- listening ---

    def subscribe(self, fn: Callable[[list[Event]], None]) -> Callable[[], None]:
        """Call `fn(events)` once events are durable, in the venue's order; returns what ends it.

        With a response latency that varies, the order holds per account.
        """
        return self._wheel.event_listeners.add(fn)

    def on_market(self, fn: Callable[[str, np.ndarray], None]) -> Callable[[], None]:
        """Call `fn(symbol, events)` after the symbol's view took the events in; returns what ends it."""
        return self._wheel.market_listeners.add(fn)

    # --- commands ---

    def send(self, call: Call, reply: Reply) -> None:
        """Send a command without a task that waits for its outcome.

        Args:
            reply: called once, with (result, None) or (None, refusal), when the client hears of it: the
                result is durable then. Called in the middle of a turn: it must be quick.

        Raises:
            BitmartError: the command was not sent, `reply` will not be called: 50022 the session is closed,
                59002 the journal cannot be written, 30013 too many commands are in flight.
        """
        self._check_open()
        command, now_ns = Command(call, reply), self.clock.now_ns()
        try:
            if call.travels:
                self._wheel.send(command, call.account, now_ns, cancels=call.cancels)
            else:
                self._wheel.send_at_once(command, now_ns)
        except LineFull as error:
            raise refusal(
                TOO_MANY_IN_FLIGHT, field="account", limit=error.limit, value=call.account
            ) from error
        self._wake.set()

    async def submit(self, account: str, order: NewOrder) -> list[Event]:
        """Send one new order; see `Venue.submit`.

        Returns:
            Its events, the first of them OrderAccepted; all are durable.

        Raises:
            BitmartError: the refusal; 59002 the journal cannot be written, 50022 the session is closed.
        """
        return await self._outcome(Submit(account=account, order=order))

    async def submit_batch(self, account: str, orders: Sequence[NewOrder]) -> list[Event]:
        """Send 1 to 10 new orders, all or none; see `Venue.submit_batch`, errors as `submit`."""
        return await self._outcome(SubmitBatch(account=account, orders=tuple(orders)))

    async def cancel(
        self,
        account: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        symbol: str | None = None,
    ) -> list[Event]:
        """Cancel one order; see `Venue.cancel`, errors as `submit`."""
        call = Cancel(account=account, order_id=order_id, client_order_id=client_order_id, symbol=symbol)
        return await self._outcome(call)

    async def cancel_orders(
        self,
        account: str,
        *,
        order_ids: Sequence[str] = (),
        client_order_ids: Sequence[str] = (),
        symbol: str | None = None,
    ) -> CancelResult:
        """Cancel up to 10 orders; see `Venue.cancel_orders`, errors as `submit`."""
        call = CancelOrders(
            account=account,
            order_ids=tuple(order_ids),
            client_order_ids=tuple(client_order_ids),
            symbol=symbol,
        )
        return await self._outcome(call)

    async def cancel_all(
        self, account: str, *, symbol: str | None = None, side: Side | None = None
    ) -> list[Event]:
        """Cancel an account's open orders; see `Venue.cancel_all`, errors as `submit`."""
        call = CancelAll(account=account, symbol=symbol, side=side)
        return await self._outcome(call)

    async def open_account(self, name: str, balances: Mapping[str, Decimal] | None = None) -> list[Event]:
        """Open an account, None with ample of everything; no latency, errors as `Venue.open_account`."""
        call = OpenAccount(account=name, balances=None if balances is None else dict(balances))
        return await self._outcome(call)

    async def deposit(self, account: str, asset: str, amount: Decimal) -> list[Event]:
        """Credit an account; no latency, errors as `Venue.deposit`."""
        call = Deposit(account=account, asset=asset, amount=amount)
        return await self._outcome(call)

    async def withdraw(self, account: str, asset: str, amount: Decimal) -> list[Event]:
        """Debit an account; no latency, errors as `Venue.withdraw`."""
        call = Withdraw(account=account, asset=asset, amount=amount)
        return await self._outcome(call)

    async def set_fees(self, account: str, symbol: str | None, maker_ppm: int, taker_ppm: int) -> list[Event]:
        """Set an account's fee rates; no latency, errors as `Venue.set_fees`."""
        call = SetFees(account=account, symbol=symbol, maker_ppm=maker_ppm, taker_ppm=taker_ppm)
        return await self._outcome(call)

    # --- inside ---

    async def _outcome(self, call: Call) -> Any:
        """Send a command and wait for its outcome."""
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.send(call, lambda result, refused: _settle(outcome, result, refused))
        return await outcome

    def _check_open(self) -> None:
        if not self.is_open:
            raise refusal(
                SESSION_CLOSED, field="session", value="closed" if self.failure is None else "failed"
            )
        if self.storage_failed:
            raise refusal(STORAGE_FAILED)

    def _refuse_waiting(self, code: int) -> None:
        """Refuse every command whose outcome nobody will know any more."""
        for command in self._wheel.take_unanswered():
            command.reply(None, refusal(code))

    def _emit(self, symbol: str, events: np.ndarray) -> None:
        self._wheel.inbox.put(symbol, events)
        self._wake.set()

    async def _run_source(self) -> None:
        try:
            await self.source.run(self._emit)
        except Exception as error:
            # The market is gone, the exchange is not: cancels and queries go on working.
            LOG.exception("source %s failed", self.source.name)
            self.source_failure = error
            if isinstance(error, InboxFull):
                self._wheel.inbox.clear()
            now_ns = self.clock.now_ns()
            for symbol, view in self.views.items():
                self._emit(symbol, closing_event(now_ns, view.exch_ns))

    async def _run(self) -> None:
        try:
            while True:
                await self._gather()
                self._wake.clear()
                more = self._wheel.turn(self.clock.now_ns())
                next_ns = self._wheel.next_ns
                if more:
                    await asyncio.sleep(0)
                else:
                    await _wait(self._wake, None if next_ns is None else self.clock.wait_ns(next_ns))
        except Exception as error:
            # A defect, or no journal to go back to: what is in memory is not to be relied upon any more.
            LOG.exception("the session stopped")
            self.failure = error
            self._refuse_waiting(STORAGE_FAILED)

    async def _gather(self) -> None:
        """Let whoever is about to send a command do so first: one turn, and one commit, for all of them."""
        waiting, most = -1, self._wheel.settings.commands_per_turn
        while waiting < (in_flight := len(self._wheel.line)) < most:
            waiting = in_flight
            await asyncio.sleep(0)


def _settle(reply: asyncio.Future[Any], result: Any, refused: Exception | None) -> None:
    # Done already when the one who asked was cancelled, and does not want to know.
    if reply.done():
        return
    if refused is None:
        reply.set_result(result)
    else:
        reply.set_exception(refused)


async def _wait(changed: asyncio.Event, wait_ns: int | None) -> None:
    """Until `changed`, for `wait_ns` at most (None: however long)."""
    if wait_ns is None:
        await changed.wait()
        return
    timer = asyncio.get_running_loop().call_later(wait_ns / 1e9, changed.set)
    try:
        await changed.wait()
    finally:
        timer.cancel()
