"""A compiled event loop for one strategy in plain Python, which is entered only where the strategy acts.

Between wake-ups, timers and news that the strategy listens to, the loop of fast_loop.py plays the market,
lets commands arrive and news come back, and counts the money; the news are read when it returns. The order of
things and the results are those of `Engine`, which tests hold it to.
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from paper_bitmart.backtest import fast_arrays as at
from paper_bitmart.backtest.compiled_desk import CompiledDesk, market_buy_amounts
from paper_bitmart.backtest.desk import Ticket, TicketState, new_order
from paper_bitmart.backtest.engine import PROGRESS_STEPS, Timer, overrides
from paper_bitmart.backtest.fast_loop import advance
from paper_bitmart.backtest.fast_run import CompiledRun
from paper_bitmart.backtest.money_units import Funds, MoneyUnits
from paper_bitmart.backtest.record_rows import RecordRows
from paper_bitmart.backtest.sight import Sight, has_delay
from paper_bitmart.backtest.strategy import Strategy, Trade, trades_of
from paper_bitmart.backtest.tape import Tape
from paper_bitmart.bitmart.enums import Role
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.checks import check_available, check_feed, check_open_orders, check_order
from paper_bitmart.exchange.fees import FEE_STEP_ATOMS, FeeRates
from paper_bitmart.exchange.identifiers import TRADE_ID_FIRST
from paper_bitmart.exchange.ledger import Balance, Ledger
from paper_bitmart.exchange.lifecycle import VenueInconsistent
from paper_bitmart.exchange.orders import Fill, NewOrder
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.matching.core.state import UNKNOWN_AHEAD
from paper_bitmart.matching.latency import Constant, LatencyProfile
from paper_bitmart.matching.models import QueueModel
from paper_bitmart.matching.reports import Evidence, MakerTaker

Balances = Mapping[str, Mapping[str, Decimal] | None]


def why_not(
    tapes: Mapping[str, Tape], strategies: Mapping[str, Strategy], balances: Balances, latency: LatencyProfile
) -> str:
    """Why a run needs the venue's own loop; empty if this one will do."""
    if len(tapes) > 1:
        return "several symbols"
    if len(strategies) > 1:
        return "several accounts"
    if not isinstance(latency.response, Constant):
        return "a response latency that varies"
    if has_delay(latency.market_data):
        return "delayed market data"
    (tape,), (given,) = tapes.values(), balances.values()
    if not MoneyUnits.of(tape.rules).fits:
        return "a tick and a lot so fine that fees do not fit 64 bits"
    if given is not None and not funds_of(tape.rules, opened(tape.rules, "account", given), given).fits(
        tape.rules
    ):
        return "balances that do not fit 64 bits"
    return ""


class CompiledEngine:
    """One run of one strategy on one symbol; `why_not` must be empty. Arguments as `Engine`."""

    def __init__(
        self,
        tapes: Mapping[str, Tape],
        strategies: Mapping[str, Strategy],
        balances: Balances,
        *,
        latency: LatencyProfile,
        settings: VenueSettings,
        queue_model: QueueModel,
    ) -> None:
        ((self._symbol, tape),) = tapes.items()
        ((account, self._strategy),) = strategies.items()
        self.rules: dict[str, SymbolRules] = {self._symbol: tape.rules}
        self.start_ns, self.end_ns = tape.first_ns, tape.last_ns
        self.accounts = [account]
        self._rates: FeeRates = settings.fees
        self._opening = opened(tape.rules, account, balances[account])
        self._run = CompiledRun(
            tape,
            queue_model,
            delays=(0, 0, latency.response.sample(0)),
            wake_every_ns=self._strategy.wake_every_ns,
            rates=settings.fees,
            funds=funds_of(tape.rules, self._opening, balances[account]),
        )
        self.sight = Sight({self._symbol: self._run.reader}, {self._symbol: self._run})
        self._desk = CompiledDesk(self, account, self._symbol, entry=latency.entry, cancel=latency.cancel)
        self._timers: list[Timer] = []
        self._timer_number = self._seen = self._turns = 0
        self._trades: list[Trade] = []
        self._refusals: deque[BitmartError] = deque()
        self._is_started = self._is_stopped = False
        self._attach()

    def _attach(self) -> None:
        """Bind to the arrays, which are others after growth and after a checkpoint."""
        strategy, desk = self._strategy, self._run.desk
        self._s = memoryview(desk.scalars)  # type: ignore[arg-type]
        self._inbox, self._inbox_rows = RecordRows(desk.inbox), len(desk.inbox)
        self._desk.attach(desk, self._run.best_keys)
        self._wants_trades, self._wants_books = (
            overrides(strategy, "on_trade"),
            overrides(strategy, "on_book"),
        )
        self._on_rows = self._see if self._wants_trades else None
        wanted = {"on_order": (at.ACCEPTED, at.ENDED), "on_fill": (at.FILLED,), "on_refused": (at.REFUSED,)}
        self._s[at.WANTED] = sum(
            1 << kind for name, kinds in wanted.items() if overrides(strategy, name) for kind in kinds
        )
        self._s[at.TELLS_REFUSAL] = overrides(strategy, "on_refused")

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: value for name, value in self.__dict__.items() if name not in ("_s", "_inbox", "_on_rows")
        }

    def reopen(self, tapes: Mapping[str, Tape]) -> None:
        """After a checkpoint was loaded: attach the tape and the arrays again."""
        self._run.reopen(tapes[self._symbol])
        self._attach()

    # --- what is there ---

    @property
    def now_ns(self) -> int:
        return int(self._s[at.NOW_NS])

    @property
    def strategies(self) -> dict[str, Strategy]:
        """By account."""
        return {self.accounts[0]: self._strategy}

    @property
    def done(self) -> int:
        """Market events played."""
        return self._run.reader.done

    @property
    def refused(self) -> int:
        """Commands that were refused."""
        return self._run.refused

    def orders(self) -> np.ndarray:
        """(n,) ORDERS_DTYPE in order of acceptance."""
        return self._run.orders()

    def fills(self) -> np.ndarray:
        """(n,) FILLS_DTYPE in order of time."""
        return self._run.fills()

    def balances(self) -> dict[str, Balance]:
        """By asset, in atoms; an asset that the account never had is not there."""
        return balances_of(self._run, self._opening)

    def balance(self, asset: str) -> Balance:
        """Of one asset; zero for one that the account never had."""
        return self.balances().get(asset, Balance())

    def all_balances(self) -> dict[str, dict[str, Balance]]:
        """By account."""
        return {self.accounts[0]: self.balances()}

    def queue_ahead(self, ticket: Ticket) -> float:
        """As `Desk.queue_ahead`."""
        row = self._run.desk.tickets[ticket.row]
        if not ticket.is_open or not ticket.order_id or not row["live"] or row["slot"] < 0:
            return -1.0
        ahead = float(self._run.resting(int(row["slot"]))["ahead"])
        return -1.0 if ahead >= UNKNOWN_AHEAD else ahead

    def check(self) -> None:
        """Compare the money with the sum of the fills, and what is frozen with the open orders.

        Raises:
            VenueInconsistent: a defect.
        """
        self._run.check_money()

    # --- what the desk asks for ---

    def market_buy(self, notional: Decimal) -> tuple[int, int, int]:
        """See `market_buy_amounts`."""
        return market_buy_amounts(notional, self._run.limits, self._rates, self._run.money.unit_atoms)

    def call_at(self, desk: CompiledDesk, at_ns: int, tag: Any) -> None:
        """Set a timer."""
        self._timer_number += 1
        heapq.heappush(self._timers, Timer(at_ns, self._timer_number, 0, tag))
        self._s[at.TIMER_NS] = self._timers[0].at_ns

    def grow(self) -> None:
        """Make room for more tickets and commands."""
        self._run.grow_desk()
        self._attach()

    # --- the loop ---

    def run(self, until_ns: int, progress: Callable[[], None] | None = None) -> None:
        """As `Engine.run`."""
        end_ns = min(until_ns, self.end_ns)
        if not self._is_started:
            self._is_started = True
            self._strategy.on_start(self._desk)
            self._set_wake()
        while (why := self._play(end_ns)) != at.DONE:
            if why == at.WAKE:
                self._wake()
            elif why == at.TIMER:
                self._fire()
            self._s[at.WAKE_EVERY_NS] = self._strategy.wake_every_ns
            self._turns += 1
            if progress is not None and self._turns % PROGRESS_STEPS == 0:
                progress()
        if end_ns == self.end_ns and not self._is_stopped:
            self._is_stopped = True
            self._strategy.on_stop(self._desk)

    def _play(self, end_ns: int) -> int:
        """Let the compiled loop go on, and read what the client has heard meanwhile."""
        run = self._run
        before = run.desk
        why = run.play(end_ns, advance, self._on_rows)
        if run.desk is not before:
            self._attach()
        if why == at.REFUSAL:
            self._note_refusal()
        if self._s[at.IN_READ] != self._s[at.IN_HEAD]:
            self._read_news(why == at.NEWS)
        return why

    def _read_news(self, tells_last: bool) -> None:
        """Bring tickets and positions up to date; the last news are for the strategy too if it wants them."""
        s, desk, by_row = self._s, self._desk, self._desk.by_row
        head = s[at.IN_HEAD]
        ticket, what, fill_row = None, -1, 0
        for number in range(s[at.IN_READ], head):
            _, order_id, _, lots, fill_row, row, what, ends = self._inbox.get(number % self._inbox_rows)[:8]
            ticket = by_row[row]
            if what == at.FILLED:
                ticket.filled_lots += lots
                desk.positions[self._symbol] += lots if ticket.side.code == 0 else -lots
            elif what != at.REFUSED:
                ticket.order_id, ticket.state = order_id, TicketState.OPEN
            if ends:
                ticket.state, ticket.is_canceling = TicketState.CLOSED, False
                del desk.tickets[ticket.client_order_id], by_row[row]
        s[at.IN_READ] = head
        if tells_last and ticket is not None:
            self._tell(ticket, what, fill_row)

    def _tell(self, ticket: Ticket, what: int, fill_row: int) -> None:
        if what == at.FILLED:
            fill = self._fill(fill_row, ticket)
            self._strategy.on_fill(self._desk, ticket, fill)
        elif what == at.REFUSED:
            self._strategy.on_refused(self._desk, ticket, self._refusals.popleft())
        else:
            self._strategy.on_order(self._desk, ticket)

    def _fill(self, row: int, ticket: Ticket) -> Fill:
        """The venue's record of a fill."""
        rules, line = self.rules[self._symbol], self._run.desk.fills[row]
        price, lots = int(line["price_ticks"]), int(line["size_lots"])
        return Fill(
            trade_id=TRADE_ID_FIRST + row,
            order_id=int(line["order_id"]),
            client_order_id=ticket.client_order_id,
            account=self.accounts[0],
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
            evidence=Evidence(int(line["evidence"])),
            evidence_price_ticks=int(line["evidence_price_ticks"]),
            evidence_lots=int(line["evidence_lots"]),
            ahead_before=float(line["ahead_before"]),
            ahead_after=float(line["ahead_after"]),
            counter_order_id=int(self._run.desk.counters[row]),
        )

    def _wake(self) -> None:
        if self._wants_trades:
            trades, self._trades = self._trades, []
            for trade in trades:
                self._strategy.on_trade(self._desk, trade)
        done = self._run.reader.done
        if self._wants_books and done != self._seen:
            self._seen = done
            self._strategy.on_book(self._desk, self._symbol)
        self._set_wake()

    def _set_wake(self) -> None:
        now_ns, every_ns = self._s[at.NOW_NS], self._strategy.wake_every_ns
        if not every_ns:
            reader = self._run.reader
            self._s[at.WAKE_NS] = max(now_ns + (reader.done > 0), reader.next_ns)
        else:
            self._s[at.WAKE_NS] = now_ns + every_ns
        self._s[at.WAKE_EVERY_NS] = every_ns

    def _fire(self) -> None:
        timer = heapq.heappop(self._timers)
        self._s[at.TIMER_NS] = self._timers[0].at_ns if self._timers else at.FOREVER_NS
        self._strategy.on_timer(self._desk, timer.tag)

    def _see(self, rows: np.ndarray) -> None:
        self._trades += trades_of(self._symbol, rows)

    def _note_refusal(self) -> None:
        """An order was refused just now: find out why, as the venue would say it."""
        news = self._inbox.get((self._s[at.IN_TAIL] - 1) % self._inbox_rows)
        self._refusals.append(self._refusal(self._desk.by_row[news[5]]))

    def _refusal(self, ticket: Ticket) -> BitmartError:
        order = new_order(ticket, self.rules[self._symbol])
        return refusal_of(order, self._run, self.accounts[0], self.balances(), self._rates)


def refusal_of(
    order: NewOrder, run: CompiledRun, account: str, balances: Mapping[str, Balance], rates: FeeRates
) -> BitmartError:
    """Why the compiled desk has refused an order just now, as the venue would say it.

    Raises:
        VenueInconsistent: the venue would have taken it; a defect.
    """
    ledger, s = Ledger(), run.desk.scalars
    ledger.open(account)
    for asset, balance in balances.items():
        ledger.restore_balance(account, asset, balance.available_atoms, balance.frozen_atoms)
    try:
        checked = check_order(
            order, run.limits, rates, is_client_id_used=lambda _: False, last_price_ticks=run.last_price_ticks
        )
        check_feed(run.rules.symbol, run.feed_state)
        check_open_orders(int(s[at.N_LIVE]), int(s[at.LIVE_MAX]))
        check_available(ledger, account, checked.hold_asset, checked.hold_atoms)
    except BitmartError as error:
        return error
    raise VenueInconsistent(f"the compiled desk refused {order}, the venue would not")


def balances_of(run: CompiledRun, opening: Mapping[str, Balance]) -> dict[str, Balance]:
    """By asset, in atoms, of an account that began with `opening`; one that it never had is not there."""
    rules = run.rules
    quote_free, quote_held, base_free, base_held = run.earned()
    balances = dict(opening)
    for asset, free, held in ((rules.base, base_free, base_held), (rules.quote, quote_free, quote_held)):
        before = balances.get(asset)
        if before is not None or free or held or run.has_filled(asset == rules.quote):
            start_atoms = 0 if before is None else before.available_atoms
            balances[asset] = Balance(start_atoms + free, held)
    return balances


def opened(rules: SymbolRules, account: str, balances: Mapping[str, Decimal] | None) -> dict[str, Balance]:
    """What a new account has. Raises BitmartError for an impossible balance, as the venue does."""
    venue = Venue({rules.symbol: rules})
    venue.open_account(account, balances, 0)
    return dict(venue.balances(account))


def funds_of(
    rules: SymbolRules, opening: Mapping[str, Balance], balances: Mapping[str, Decimal] | None
) -> Funds:
    """What a compiled run starts with, of `opened`'s balances."""
    none = Balance()
    quote, base = opening.get(rules.quote, none), opening.get(rules.base, none)
    return Funds(quote.available_atoms, base.available_atoms, is_ample=balances is None)
