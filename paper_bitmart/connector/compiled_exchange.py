"""The paper exchange of a connector program on one recorded symbol, in the compiled loop of `Backtest`.

It stands where `PaperExchange` stands live: commands go in, what became of them comes out in deliveries, each
told at once, as `exchange/wheel.py` groups them:

    what a command caused                            told `response` later than it arrived
    what the market caused between two commands      told `response` later than the last of it

The compiled loop itself knows no response latency here: news are late on their way to the program only.
"""

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, InvalidOperation
from itertools import chain
from typing import Any, Final, NamedTuple

from paper_bitmart.backtest import fast_arrays as at
from paper_bitmart.backtest.command_rows import CommandRows
from paper_bitmart.backtest.compiled_desk import market_buy_amounts
from paper_bitmart.backtest.compiled_engine import balances_of, funds_of, opened, refusal_of, why_not
from paper_bitmart.backtest.fast_loop import advance
from paper_bitmart.backtest.fast_run import CompiledRun
from paper_bitmart.backtest.record_rows import RecordRows
from paper_bitmart.backtest.recorder import CANCELED
from paper_bitmart.backtest.tape import Tape
from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.enums import OrderType as VenueType
from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.errors import BitmartError, refusal
from paper_bitmart.connector.exchange.in_flight_order import InFlightOrder, TradeUpdate
from paper_bitmart.connector.exchange.trade_fee import TradeFee
from paper_bitmart.connector.exchange.vocabulary import OrderType, TradeType
from paper_bitmart.connector.paper_exchange import ACCOUNT, default_balances
from paper_bitmart.exchange.checks import amount_in_atoms, check_available
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.identifiers import ORDER_ID_FIRST, TRADE_ID_FIRST, client_order_id_fault
from paper_bitmart.exchange.ledger import Balance, Ledger
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.feed.events import FeedState
from paper_bitmart.matching.latency import Constant, LatencyProfile
from paper_bitmart.matching.models import QueueModel
from paper_bitmart.matching.reports import MakerTaker

_whole = Context(prec=100).divide_int
"""Whole units in an amount, cut toward zero, exactly."""
_NO_KIND = -1
"""Kind of an order whose numbers no order can have: the venue's checks say which."""
_NO_ROW = (0, -1)
REMEMBERED_MAX = 100_000
"""Prices and sizes kept as Decimals, each."""
_NO_AMOUNT = Decimal(0)
_MARKET = list(VenueType).index(VenueType.MARKET)
_KINDS = {kind.value: list(VenueType).index(VenueType[kind.name]) for kind in OrderType}
_SIDES = {TradeType.BUY.value: Side.BUY.code, TradeType.SELL.value: Side.SELL.code}


Command = tuple[int, InFlightOrder, bool, list[bool] | None]
"""An order or a cancel on its way: when it arrives, of which order, whether it is a cancel, and a list that
gets whether it succeeded, once that is told."""
ARRIVAL_NS: Final = 0
ORDER: Final = 1
IS_CANCEL: Final = 2
ANSWER: Final = 3


Money = tuple[Mapping[str, Balance], tuple[int, int], tuple[int, ...]]
"""What the account had at some moment: its deposits, the units and lots that they are, and then quote free,
quote held, base free and base held, in units and lots."""


News = tuple[InFlightOrder, tuple[int, ...]]
"""What happened to an order: itself, and a row of NEWS_DTYPE, of which the places below are read."""
AT_NS, ORDER_ID, LOTS, FILL_ROW, ROW, WHAT, ENDS, FIRST_AMOUNT = 0, 1, 3, 4, 5, 6, 7, 8


class _Remembered(dict[int, Decimal]):
    """What `make` says of whole units; it is slow, and the same ones come again."""

    def __init__(self, make: Callable[[int], Decimal]) -> None:
        self._make = make

    def __missing__(self, units: int) -> Decimal:
        if len(self) >= REMEMBERED_MAX:
            self.clear()
        value = self[units] = self._make(units)
        return value


class Delivery(NamedTuple):
    """What is told at once. `error`: why an order was refused. `is_lost`: a cancel came too late."""

    due_ns: int
    news: list[News]
    money: Money | None = None
    command: Command | None = None
    error: BitmartError | None = None
    is_lost: bool = False


def why_venue(
    tapes: Mapping[str, Tape], balances: Mapping[str, Decimal] | None, latency: LatencyProfile | None
) -> str:
    """Why a program needs the venue itself; empty if the compiled loop will do."""
    latency = latency or LatencyProfile()
    if latency.load is not None:
        return "a latency that depends on the market's load"
    rules = {symbol: tape.rules for symbol, tape in tapes.items()}
    given = default_balances(rules) if balances is None else balances
    for one in rules.values():
        if client_order_id_fault(f"{one.base}{one.quote}"[:9]):
            return "currencies whose names are not letters and digits"
    return why_not(tapes, dict.fromkeys([ACCOUNT]), {ACCOUNT: given}, latency)  # type: ignore[arg-type]


class CompiledExchange(CommandRows):
    """See the module; `why_venue` must be empty.

    Attributes:
        at_ns: market time, up to which everything has happened.
        end_ns: of the tape.
    """

    def __init__(
        self,
        tape: Tape,
        *,
        balances: Mapping[str, Decimal] | None,
        fees: FeeRates,
        latency: LatencyProfile | None,
        queue_model: QueueModel,
    ) -> None:
        latency = latency or LatencyProfile()
        super().__init__(ACCOUNT, latency.entry, latency.cancel)
        self.tape = tape
        self.symbol, self._rates = tape.rules.symbol, fees
        self.rules = {self.symbol: tape.rules}
        self._lot, self._last_amount, self._last_lots = tape.rules.lot, _NO_AMOUNT, 0
        self.at_ns, self.end_ns = tape.first_ns, tape.last_ns
        given = default_balances(self.rules) if balances is None else balances
        self._opening = opened(tape.rules, ACCOUNT, given)
        self.run = CompiledRun(
            tape,
            queue_model,
            delays=(0, 0, 0),
            wake_every_ns=0,
            rates=fees,
            funds=funds_of(tape.rules, self._opening, given),
        )
        scalars = self.run.desk.scalars
        scalars[at.WAKE_NS], scalars[at.TELLS_REFUSAL] = at.FOREVER_NS, 1
        assert isinstance(latency.response, Constant)
        self._response_ns = latency.response.delay_ns
        self._commands: deque[Command] = deque()
        self._responses: deque[Delivery] = deque()
        self._by_row: dict[int, InFlightOrder] = {}
        self._as_sent: dict[str, NewOrder] = {}
        self._refusals: deque[BitmartError] = deque()
        self._refused = 0
        self.describe: Callable[[InFlightOrder], NewOrder]
        """How an order reads as a request; set by the connector."""
        self.prices, self.sizes = _Remembered(tape.rules.price), _Remembered(tape.rules.size)
        """By ticks and by lots."""
        self._attach()

    def _attach(self) -> None:
        """Bind to the arrays, which are others after growth."""
        desk = self.run.desk
        self.bind(desk)
        self._inbox, self._inbox_rows = RecordRows(desk.inbox), len(desk.inbox)
        self._fills = RecordRows(desk.fills)
        self._states = memoryview(desk.orders["state"])  # type: ignore[arg-type]

    def grow(self) -> None:
        self.run.grow_desk()
        self._attach()

    # --- what is there ---

    def now_ns(self) -> int:
        """Market time."""
        return self.at_ns

    @property
    def is_live(self) -> bool:
        """Is the market known?"""
        return self.run.feed_state is FeedState.LIVE

    def fee_rates(self, symbol: str) -> FeeRates:
        """Of the account. Raises BitmartError (50001) when there is no such symbol."""
        if symbol not in self.rules:
            raise refusal(50001, field="symbol", value=symbol)
        return self._rates

    def balances(self) -> dict[str, Balance]:
        """By asset, at the venue now."""
        return balances_of(self.run, self._opening)

    @property
    def money(self) -> Money:
        """At the venue now."""
        amounts = (at.QUOTE_FREE, at.QUOTE_HELD, at.BASE_FREE, at.BASE_HELD)
        return self._opening, self.run.start, tuple(self._s[place] for place in amounts)

    def atoms(self, money: Money, asset: str) -> tuple[int, int]:
        """Available and frozen atoms of an asset at that moment."""
        opening, start, (quote_free, quote_held, base_free, base_held) = money
        rules, available = self.rules[self.symbol], opening.get(asset, Balance()).available_atoms
        if asset == rules.quote:
            unit = self.run.money.unit_atoms
            return available + (quote_free - start[0]) * unit, quote_held * unit
        lot = rules.lot_atoms
        return available + (base_free - start[1]) * lot, base_held * lot

    def trade_update(self, news: News) -> TradeUpdate:
        """The fill that `news` tell of."""
        order, row = news
        fill: tuple[Any, ...] = self._fills.get(row[FILL_ROW])
        at_ns, role, ticks, lots, fee_e8 = fill[0], fill[6], fill[8], fill[9], fill[10]
        rules = self.rules[self.symbol]
        return TradeUpdate(
            str(TRADE_ID_FIRST + row[FILL_ROW]),
            order.client_order_id,
            str(row[ORDER_ID]),
            order.trading_pair,
            at_ns / 1e9,
            self.prices[ticks],
            self.sizes[lots],
            from_atoms(rules.notional_atoms(ticks, lots)),
            TradeFee.of_fill(order.trade_type, rules.quote, _from_e8(fee_e8)),
            role != MakerTaker.MAKER,
        )

    # --- commands ---

    def send(self, order: InFlightOrder, steps: Decimal) -> None:
        """Put an order on its way; `steps`: its price in ticks, NaN for a market order. Raises LineFull."""
        side, kind = _SIDES[order.trade_type._value_], _KINDS[order.order_type._value_]
        ticks, amounts = 0, (0, 0, 0)
        try:
            if order.amount is not self._last_amount:
                self._last_amount, self._last_lots = order.amount, int(_whole(order.amount, self._lot))
            lots = self._last_lots
            if kind != _MARKET:
                ticks = int(steps)
        except (InvalidOperation, ValueError, OverflowError):
            self._last_amount, self._last_lots = _NO_AMOUNT, 0
            kind, lots = _NO_KIND, 0
        if kind == _MARKET:
            sent = self._as_sent[order.client_order_id] = self.describe(order)
            if side == 0 and sent.notional is not None:
                limits, unit_atoms = self.run.limits, self.run.money.unit_atoms
                amounts = market_buy_amounts(sent.notional, limits, self._rates, unit_atoms)
                lots = 0
        order.place = place = self.put_order(side, kind, 0, ticks, lots, amounts)
        self._by_row[place[0]] = order
        self._commands.append((self._s[at.OUT_LATEST_NS], order, False, None))

    def cancel(self, order: InFlightOrder, answer: list[bool] | None) -> None:
        """Put a cancel on its way. Raises LineFull."""
        row, number = order.place or _NO_ROW
        self.put_cancel(row, number)
        self._commands.append((self._s[at.OUT_LATEST_NS], order, True, answer))

    @property
    def next_arrival_ns(self) -> int:
        """When the next command arrives."""
        return self._commands[0][ARRIVAL_NS] if self._commands else at.FOREVER_NS

    def transfer(self, asset: str, amount: Decimal) -> None:
        """Deposit at once, or withdraw if `amount` is negative.

        Raises:
            BitmartError: as `Venue.deposit` and `Venue.withdraw`. MoneyTooLarge.
        """
        rules, sign = self.rules[self.symbol], 1 if amount > 0 else -1
        atoms = amount_in_atoms((rules.base, rules.quote), asset, abs(amount))
        if sign < 0:
            ledger = Ledger()
            ledger.open(ACCOUNT)
            for name, balance in self.balances().items():
                ledger.restore_balance(ACCOUNT, name, balance.available_atoms, balance.frozen_atoms)
            check_available(ledger, ACCOUNT, asset, atoms)
        before = self._opening.get(asset, Balance()).available_atoms
        opening = {**self._opening, asset: Balance(before + sign * atoms, 0)}
        self.run.refund(funds_of(rules, opening, {}))
        self._opening = opening
        self._responses.append(Delivery(self.at_ns + self._response_ns, [], self.money))

    # --- time ---

    def play(self, to_ns: int) -> None:
        """Let the market go on up to `to_ns`, with all that arrives meanwhile."""
        run = self.run
        while True:
            before = run.desk
            why = run.play(to_ns, advance)
            if run.desk is not before:
                self._attach()
            if why == at.DONE:
                break
            self._note_refusal()
        self.at_ns = to_ns

    def arrivals(self) -> list[int]:
        """When the commands have arrived that `deliveries` will tell of, rising."""
        return [command[ARRIVAL_NS] for command in self._commands if command[ARRIVAL_NS] <= self.at_ns]

    def news(self) -> tuple[list[News], bool]:
        """What has happened since the last time, and whether all of it may be told at once, by now.

        Only where nobody hears of one thing after the other. What may not is for `deliveries`.
        """
        news, now_ns, commands = self._read_news(), self.at_ns, self._commands
        if self._s[at.N_REFUSED] != self._refused or self._responses:
            return news, False
        # What arrives has news, unless it was refused.
        if news:
            if news[-1][1][AT_NS] + self._response_ns > now_ns:
                return news, False
            while commands and commands[0][ARRIVAL_NS] <= now_ns:
                answer = commands.popleft()[ANSWER]
                if answer is not None:
                    answer.append(True)
        return news, True

    def deliveries(self, news: list[News] | None = None) -> list[Delivery]:
        """What is to be told by now, of what has happened since the last time (`news`, if they were read)."""
        self._refused = self._s[at.N_REFUSED]
        self._group(self._read_news() if news is None else news)
        due = []
        while self._responses and self._responses[0].due_ns <= self.at_ns:
            due.append(self._responses.popleft())
        return due

    def close(self) -> tuple[list[Delivery], list[Command]]:
        """The end: everything that was not told yet, and the commands that will not arrive any more."""
        told, lost = list(self._responses), list(self._commands)
        self._responses.clear()
        self._commands.clear()
        return told, lost

    # --- inside ---

    def _read_news(self) -> list[News]:
        s, by_row = self._s, self._by_row
        read, head, size = s[at.IN_READ], s[at.IN_HEAD], self._inbox_rows
        if read == head:
            return []
        s[at.IN_READ] = head
        start, stop = read % size, head % size
        if start < stop:
            rows = self._inbox.between(start, stop)
        else:
            rows = chain(self._inbox.between(start, size), self._inbox.between(0, stop))
        return [(by_row.pop(row[ROW]) if row[ENDS] else by_row[row[ROW]], row) for row in rows]

    def money_after(self, news: News) -> Money:
        return self._opening, self.run.start, news[1][FIRST_AMOUNT:]

    def _group(self, news: list[News]) -> None:
        """Put into deliveries what happened since the last time, in its order."""
        place, count, commands = 0, len(news), self._commands
        while commands and commands[0][ARRIVAL_NS] <= self.at_ns:
            command = commands.popleft()
            place = self._group_market(news, place, command[ARRIVAL_NS])
            head = news[place] if place < count else None
            if head is None or head[0] is not command[ORDER] or not self._is_answer(head):
                # A cancel that lost its race: nothing came of it.
                self._later(command[ARRIVAL_NS], [], command, is_lost=True)
                continue
            at_ns, end = head[1][AT_NS], place + 1
            while end < count and news[end][1][AT_NS] == at_ns and not self._is_answer(news[end]):
                end += 1
            error = self._refusals.popleft() if head[1][WHAT] == at.REFUSED else None
            self._later(at_ns, news[place:end], command, error)
            place = end
        self._group_market(news, place, self.at_ns)

    def _group_market(self, news: list[News], place: int, until_ns: int) -> int:
        """What the market did before the next command arrived is told at once; returns where that ends."""
        end = place
        while end < len(news) and news[end][1][AT_NS] <= until_ns and not self._is_answer(news[end]):
            end += 1
        if end > place:
            self._later(news[end - 1][1][AT_NS], news[place:end])
        return end

    def _later(
        self,
        at_ns: int,
        news: list[News],
        command: Command | None = None,
        error: BitmartError | None = None,
        *,
        is_lost: bool = False,
    ) -> None:
        money = self.money_after(news[-1]) if news else None
        self._responses.append(Delivery(at_ns + self._response_ns, news, money, command, error, is_lost))

    def _is_answer(self, news: News) -> bool:
        """Is it a command's own outcome: accepted, refused, or cancelled by the user?"""
        what = news[1][WHAT]
        if what == at.ENDED:
            return bool(self._states[news[1][ORDER_ID] - ORDER_ID_FIRST] == CANCELED)
        return what != at.FILLED

    def _note_refusal(self) -> None:
        """An order was refused just now: find out why, as the venue would say it."""
        order = self._by_row[self._inbox.get((self._s[at.IN_TAIL] - 1) % self._inbox_rows)[ROW]]
        sent = self._as_sent.get(order.client_order_id) or self.describe(order)
        self._refusals.append(refusal_of(sent, self.run, ACCOUNT, self.balances(), self._rates))


def _from_e8(amount: int) -> Decimal:
    """As `from_atoms`, of 10^-8."""
    digits = str(amount).zfill(9)
    return Decimal(f"{digits[:-8]}.{digits[-8:].rstrip('0')}")
