"""A venue after a restart: a checkpoint's state, then the events that were journaled after it.

The ledger and the orders come out exactly as they were. A matcher that saw none of the later events is
loaded bit exact; one that missed any is built anew, with each open order at the queue position last
known, and its feed counts as not in sync: the matching core re-bases all positions on the first whole book.
"""

from paper_bitmart.bitmart.enums import CancelSource, Side
from paper_bitmart.exchange.events import (
    AccountOpened,
    BalanceChanged,
    BalanceReason,
    Event,
    FeedChanged,
    FeesChanged,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
)
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.markets import Market
from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.exchange.parts import Account, Parts
from paper_bitmart.exchange.state import STATE_VERSION, AccountState, MarketState, VenueState
from paper_bitmart.feed.events import FeedState
from paper_bitmart.matching.core.state import UNKNOWN_AHEAD


class StateMismatch(ValueError):
    """The state does not belong here: other version, unknown symbol, or the venue is in use already."""


def export_state(parts: Parts) -> VenueState:
    """All that a venue remembers. Cost: O(accounts + remembered orders and fills + matcher states)."""
    life, ledger = parts.life, parts.ledger
    return VenueState(
        version=STATE_VERSION,
        now_ns=parts.now_ns,
        command_ns=parts.command_ns,
        next_event_seq=life.event_seqs.next_id,
        next_order_id=life.order_ids.next_id,
        next_trade_id=life.trade_ids.next_id,
        accounts=[_export_account(parts, account) for account in parts.accounts.values()],
        fee_rates=parts.fees.overrides(),
        fee_atoms=dict(ledger.fee_atoms),
        market_atoms=dict(ledger.market_atoms),
        net_deposit_atoms=dict(ledger.net_deposit_atoms),
        orders=parts.store.all_orders(),
        fills=parts.store.all_fills(),
        markets={symbol: _export_market(market) for symbol, market in parts.markets.items()},
    )


def import_state(parts: Parts, state: VenueState) -> None:
    """Bring a new venue to an exported state.

    Raises:
        StateMismatch: the venue was used before, or the state is of another version or names unknown symbols.
    """
    _check_fits(parts, state)
    life = parts.life
    parts.now_ns, parts.command_ns = state.now_ns, state.command_ns
    life.event_seqs.next_id = state.next_event_seq
    life.order_ids.next_id = state.next_order_id
    life.trade_ids.next_id = state.next_trade_id
    for account in state.accounts:
        parts.add_account(Account(account.name, account.index, account.ample))
        for asset, (available_atoms, frozen_atoms) in account.balances.items():
            parts.ledger.restore_balance(account.name, asset, available_atoms, frozen_atoms)
    for name, symbol, maker_ppm, taker_ppm in state.fee_rates:
        parts.fees.set(name, symbol, FeeRates(maker_ppm, taker_ppm))
    parts.ledger.restore_totals(state.fee_atoms, state.market_atoms, state.net_deposit_atoms)
    for order in state.orders:
        parts.store.put(order)
    for fill in state.fills:
        parts.store.add_fill(fill)
    for symbol, market_state in state.markets.items():
        market = parts.markets[symbol]
        market.matcher = parts.matchers.load(market_state.matcher)
        market.feed_state = market_state.feed_state
        market.last_price_ticks = market_state.last_price_ticks
        market.last_recv_ns = market_state.last_recv_ns
    parts.ledger.check()


class Replay:
    """Applies journaled events after a checkpoint; `finish` then makes the matchers agree with the orders."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._ahead: dict[int, float] = {}
        """Queue ahead of orders that were accepted or filled since the checkpoint."""
        self._touched: set[str] = set()
        """Symbols whose orders the checkpoint's matcher does not know as they are."""

    def apply(self, event: Event) -> None:
        """What the event says becomes so.

        Raises:
            StateMismatch: the event is not the next one of this venue.
        """
        parts = self._parts
        expected_seq = parts.life.event_seqs.next_id
        if event.seq != expected_seq:
            raise StateMismatch(f"journaled event {event.seq} follows event {expected_seq - 1}")
        match event:
            case AccountOpened():
                parts.add_account(Account(event.account, event.index, event.ample))
            case FeesChanged():
                parts.fees.set(event.account, event.symbol, FeeRates(event.maker_ppm, event.taker_ppm))
            case BalanceChanged():
                self._apply_balance(event)
            case OrderAccepted(order=order):
                self._put(order, event.queue_ahead)
                parts.life.order_ids.next_id = order.order_id + 1
            case OrderFilled(order=order, fill=fill):
                self._put(order, 0.0)
                self._apply_fill(fill)
            case OrderCanceled(order=order):
                self._put(order, 0.0)
            case FeedChanged():
                parts.market(event.symbol).feed_state = event.state
        parts.life.event_seqs.next_id = event.seq + 1
        parts.now_ns = max(parts.now_ns, event.at_ns)
        if _is_of_command(event):
            parts.command_ns = event.at_ns

    def finish(self) -> list[tuple[str, FeedState]]:
        """Rebuild the matchers that missed something; returns the feeds that are thereby out of sync."""
        self._parts.ledger.check()
        changed = []
        for symbol, market in self._parts.markets.items():
            if symbol not in self._touched:
                continue
            self._rebuild(market)
            if market.feed_state is FeedState.LIVE:
                market.feed_state = FeedState.SYNCING
                changed.append((symbol, FeedState.SYNCING))
        self._ahead.clear()
        self._touched.clear()
        return changed

    def _put(self, order: Order, ahead_lots: float) -> None:
        self._parts.store.put(order)
        self._touched.add(order.symbol)
        if order.is_open:
            self._ahead[order.order_id] = ahead_lots

    def _apply_balance(self, event: BalanceChanged) -> None:
        ledger = self._parts.ledger
        change = ledger.restore_balance(event.account, event.asset, event.available_atoms, event.frozen_atoms)
        if event.reason in (BalanceReason.DEPOSIT, BalanceReason.WITHDRAW):
            ledger.restore_deposit(event.asset, change)

    def _apply_fill(self, fill: Fill) -> None:
        self._parts.store.add_fill(fill)
        self._parts.life.trade_ids.next_id = fill.trade_id + 1
        rules = self._parts.market(fill.symbol).rules
        sign = -1 if fill.side is Side.BUY else 1
        self._parts.ledger.restore_fill(
            rules.base,
            rules.quote,
            sign * fill.size_lots * rules.lot_atoms,
            -sign * fill.notional_atoms,
            fill.fee_atoms,
        )

    def _rebuild(self, market: Market) -> None:
        known, market.matcher = market.matcher, self._parts.matchers()
        # Ids rise with time, so this is also the order of time priority.
        for order in sorted(self._parts.store.open_orders_of_all(), key=lambda one: one.order_id):
            if order.symbol != market.rules.symbol:
                continue
            ahead = self._ahead.get(order.order_id)
            if ahead is None:
                ahead = known.queue_ahead(order.order_id)
            market.matcher.restore_order(
                order.order_id,
                self._parts.account(order.account).index,
                order.side.code,
                order.price_ticks,
                order.leaves_lots,
                ahead if ahead >= 0 else UNKNOWN_AHEAD,
                self._parts.now_ns,
            )


def _is_of_command(event: Event) -> bool:
    """Whether a command, not the market, caused the event: only commands must never go back in time."""
    match event:
        case AccountOpened() | FeesChanged() | OrderAccepted():
            return True
        case OrderCanceled(order=order):
            return order.cancel_source is CancelSource.USER
        case BalanceChanged(reason=reason):
            return reason in (BalanceReason.DEPOSIT, BalanceReason.WITHDRAW)
    return False


def _check_fits(parts: Parts, state: VenueState) -> None:
    if state.version != STATE_VERSION:
        raise StateMismatch(f"state version {state.version}, this program reads {STATE_VERSION}")
    if parts.accounts:
        raise StateMismatch("the venue has accounts already; import into a new one")
    unknown = sorted(set(state.markets) - set(parts.markets))
    if unknown:
        raise StateMismatch(f"no rules for {', '.join(unknown)}")


def _export_account(parts: Parts, account: Account) -> AccountState:
    balances = parts.ledger.balances(account.name)
    return AccountState(
        name=account.name,
        index=account.index,
        ample=account.ample,
        balances={asset: (one.available_atoms, one.frozen_atoms) for asset, one in balances.items()},
    )


def _export_market(market: Market) -> MarketState:
    return MarketState(
        feed_state=market.feed_state,
        last_price_ticks=market.last_price_ticks,
        last_recv_ns=market.last_recv_ns,
        matcher=market.matcher.dump(),
    )
