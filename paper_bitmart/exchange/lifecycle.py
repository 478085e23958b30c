"""The order's state machine: accepted, filled, cancelled; with every step its money and its event.

    new ──> partially_filled ──> filled
     │              └──────────> partially_canceled   (user, system, stp)
     └──────────────────────────> canceled

Source: protocol reference 5.1. One event per transition, then one BalanceChanged per asset that changed.
"""

from msgspec.structs import replace

from paper_bitmart.bitmart.enums import CancelSource, OrderType, Role, Side
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.checks import CheckedOrder
from paper_bitmart.exchange.events import (
    BalanceChanged,
    BalanceReason,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
)
from paper_bitmart.exchange.fees import FeeRates, fee_atoms
from paper_bitmart.exchange.holds import hold_after_fill
from paper_bitmart.exchange.identifiers import ORDER_ID_FIRST, TRADE_ID_FIRST, Counter
from paper_bitmart.exchange.ledger import Ledger
from paper_bitmart.exchange.markets import Report
from paper_bitmart.exchange.order_store import OrderStore
from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.matching.core.state import UNKNOWN_AHEAD
from paper_bitmart.matching.reports import CancelReason, Evidence, MakerTaker, ReportKind


class VenueInconsistent(RuntimeError):
    """The matching core and the venue disagree about an order; a defect, never a user's mistake."""


class Lifecycle:
    """Moves orders and their money, and writes the events of it to `out`."""

    def __init__(self, ledger: Ledger, store: OrderStore) -> None:
        self._ledger = ledger
        self._store = store
        self.order_ids = Counter(ORDER_ID_FIRST)
        self.trade_ids = Counter(TRADE_ID_FIRST)
        self.event_seqs = Counter(1)
        self.out: list[Event] = []

    def take_events(self) -> list[Event]:
        """The events since the last call."""
        taken, self.out = self.out, []
        return taken

    def accept(self, account: str, checked: CheckedOrder, rates: FeeRates, at_ns: int) -> Order:
        """A checked order becomes an order: its funds freeze.

        Raises:
            NotEnough: the balance does not cover the hold; nothing has changed.
        """
        self._ledger.hold(account, checked.hold_asset, checked.hold_atoms)
        order_id = self.order_ids.take()
        order = Order(
            order_id=order_id,
            client_order_id=checked.client_order_id or str(order_id),
            account=account,
            symbol=checked.symbol,
            side=checked.side,
            type=checked.type,
            price_ticks=checked.price_ticks,
            size_lots=checked.size_lots,
            notional_atoms=checked.notional_atoms,
            stp_mode=checked.stp_mode,
            maker_ppm=rates.maker_ppm,
            taker_ppm=rates.taker_ppm,
            hold_asset=checked.hold_asset,
            hold_atoms=checked.hold_atoms,
            created_ns=at_ns,
            updated_ns=at_ns,
        )
        self._store.put(order)
        self.out.append(OrderAccepted(seq=self.event_seqs.take(), at_ns=at_ns, order=order))
        self.balance_changed(account, order.hold_asset, BalanceReason.HOLD, at_ns)
        return order

    def apply(self, report: Report, rules: SymbolRules) -> None:
        """What the matching core did to an order happens to it here too.

        Raises:
            VenueInconsistent: the order is unknown or already over.
        """
        order = self._store.get(report.order_id)
        if order is None:
            raise VenueInconsistent(f"report for unknown order {report.order_id}: {report}")
        if report.kind == ReportKind.REST:
            self._note_queue_ahead(order, _known(report.ahead_after))
        elif order.is_open and report.kind == ReportKind.FILL:
            self._fill(order, report, rules)
        elif order.is_open:
            is_stp = report.reason == CancelReason.STP
            self.cancel(order, CancelSource.STP if is_stp else CancelSource.SYSTEM, report.at_ns)
        # A market buy that spent its last atom is filled here, though the core saw a rest too small to name.
        elif not order.is_market_buy or report.kind == ReportKind.FILL:
            raise VenueInconsistent(f"report for order {order.order_id}, which is {order.state}: {report}")

    def end_of_placement(self, order_id: int, at_ns: int) -> None:
        """Close what never rests: a market or ioc order that the core is done with, if it left it open."""
        order = self._store.get(order_id)
        if order is not None and order.is_open and order.type in (OrderType.MARKET, OrderType.IOC):
            self.cancel(order, CancelSource.SYSTEM, at_ns)

    def cancel(self, order: Order, source: CancelSource, at_ns: int) -> None:
        """End an open order; what is still frozen for it is released."""
        canceled = order.canceled(source, at_ns)
        self._ledger.release(order.account, order.hold_asset, order.hold_atoms)
        self._store.put(canceled)
        self.out.append(OrderCanceled(seq=self.event_seqs.take(), at_ns=at_ns, order=canceled))
        if order.hold_atoms:
            self.balance_changed(order.account, order.hold_asset, BalanceReason.RELEASE, at_ns)

    def balance_changed(self, account: str, asset: str, reason: BalanceReason, at_ns: int) -> None:
        """Say the balance that an asset of an account has now."""
        balance = self._ledger.balance(account, asset)
        self.out.append(
            BalanceChanged(
                seq=self.event_seqs.take(),
                at_ns=at_ns,
                account=account,
                asset=asset,
                available_atoms=balance.available_atoms,
                frozen_atoms=balance.frozen_atoms,
                reason=reason,
            )
        )

    def _fill(self, order: Order, report: Report, rules: SymbolRules) -> None:
        fill = self._make_fill(order, report, rules)
        base_atoms = fill.size_lots * rules.lot_atoms
        notional, fee = fill.notional_atoms, fill.fee_atoms
        hold_atoms = hold_after_fill(order, rules, fill.size_lots, notional, fee)
        if order.side is Side.BUY:
            paid_atoms = notional + fee
            self._ledger.settle_buy(order.account, rules.base, rules.quote, base_atoms, notional, fee)
        else:
            paid_atoms = base_atoms
            self._ledger.settle_sell(order.account, rules.base, rules.quote, base_atoms, notional, fee)
        self._ledger.release(order.account, order.hold_asset, order.hold_atoms - paid_atoms - hold_atoms)
        filled = order.with_fill(fill, hold_atoms=hold_atoms)
        self._store.put(filled)
        self._store.add_fill(fill)
        self.out.append(OrderFilled(seq=self.event_seqs.take(), at_ns=report.at_ns, order=filled, fill=fill))
        for asset in (rules.quote, rules.base):
            self.balance_changed(order.account, asset, BalanceReason.TRADE, report.at_ns)

    def _make_fill(self, order: Order, report: Report, rules: SymbolRules) -> Fill:
        notional = rules.notional_atoms(report.price_ticks, report.size_lots)
        is_maker = report.role == MakerTaker.MAKER
        return Fill(
            trade_id=self.trade_ids.take(),
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            order_type=order.type,
            stp_mode=order.stp_mode,
            role=Role.MAKER if is_maker else Role.TAKER,
            price_ticks=report.price_ticks,
            size_lots=report.size_lots,
            notional_atoms=notional,
            fee_atoms=fee_atoms(notional, order.maker_ppm if is_maker else order.taker_ppm),
            fee_asset=rules.quote,
            at_ns=report.at_ns,
            exch_ns=report.exch_ns,
            evidence=Evidence(report.reason),
            evidence_price_ticks=report.evidence_price_ticks,
            evidence_lots=report.evidence_lots,
            ahead_before=_known(report.ahead_before),
            ahead_after=_known(report.ahead_after),
            counter_order_id=report.counter_id,
        )

    def _note_queue_ahead(self, order: Order, ahead_lots: float) -> None:
        """Say in the order's acceptance, if that is among the events not taken yet, where it came to rest."""
        for place, event in enumerate(self.out):
            if isinstance(event, OrderAccepted) and event.order.order_id == order.order_id:
                self.out[place] = replace(event, queue_ahead=ahead_lots)
                return


def _known(ahead_lots: float) -> float:
    """-1.0 for a queue at a price that the source does not publish."""
    return -1.0 if ahead_lots >= UNKNOWN_AHEAD else ahead_lots
