"""The shell's commands over a paper exchange: a line in, text out. Knows no terminal."""

from collections.abc import Callable

from paper_bitmart.bitmart.errors import BitmartError, refusal
from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.connector import shell_words as words
from paper_bitmart.connector.paper_exchange import PaperExchange
from paper_bitmart.connector.shell_lines import (
    Line,
    LineError,
    help_text,
    read_duration_ns,
    read_line,
    read_number,
    read_order,
    read_pair,
)
from paper_bitmart.connector.shell_why import why
from paper_bitmart.exchange.events import Event, FeedChanged, OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.identifiers import NO_ORDER_ID, ORDER_ID_DIGITS, order_number
from paper_bitmart.exchange.orders import Order
from paper_bitmart.exchange.size_watch import SizeWatch
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.pairs_only import UnknownPair

BOOK_LEVELS, BOOK_LEVELS_MAX = 5, 50
LIST_MAX = 50
OUTAGES = (FeedState.STALE, FeedState.CLOSED)


class Shell:
    """Executes lines, and says what happens to the account's orders as it happens.

    Args:
        say: prints text of one or more lines. complain: the same for errors.
    """

    def __init__(
        self, exchange: PaperExchange, say: Callable[[str], None], complain: Callable[[str], None]
    ) -> None:
        self.exchange = exchange
        self.is_done = False
        self.bad_lines = 0
        """Lines that could not be understood; a refusal by the exchange is not one."""
        self._say, self._complain = say, complain
        self._sent_ns: dict[int, int] = {}
        self._out: set[str] = set()
        self._sizes = SizeWatch(exchange.session.views)

    def listen(self) -> Callable[[], None]:
        """Say from now on what happens, first of all which markets are not there; returns what ends it."""
        for symbol in self.exchange.rules:
            state = self.exchange.venue.feed_state(symbol)
            if state is not FeedState.LIVE:
                self._say(self._outage(symbol, state))
        return self.exchange.session.subscribe(self._on_events)

    def catch_up(self, events: list[Event]) -> None:
        """Say the fills among what happened before the shell listened.

        The market may have passed an order while no shell was running; it fills with the first whole book.
        """
        self._on_events([event for event in events if isinstance(event, OrderFilled)])

    async def execute(self, text: str) -> None:
        """Do one line. A line that cannot be done is complained about and changes nothing."""
        try:
            line = read_line(text)
            if line is not None:
                await self._do(line)
        except BitmartError as error:
            self._say(words.refused(error))
        except (LineError, UnknownPair) as error:
            self.bad_lines += 1
            self._complain(f"error: {error}")

    async def _do(self, line: Line) -> None:
        match line.name:
            case "buy" | "sell":
                await self._place(line)
            case "cancel":
                await self._cancel(line.arguments[0])
            case "cancel_all":
                await self._cancel_all(line.arguments)
            case "wait":
                await self.exchange.time.wait(read_duration_ns("".join(line.arguments)))
            case "exit":
                self.is_done = True
            case "help":
                self._say(help_text(*line.arguments))
            case _:
                self._say(self._answer(line))

    def _answer(self, line: Line) -> str:
        """Questions: they change nothing and take no time."""
        answers: dict[str, Callable[..., str]] = {
            "balance": self._balance,
            "order_book": self._order_book,
            "ticker": self._ticker,
            "orders": self._orders,
            "trades": self._trades,
            "why": self._why,
            "status": self._status,
            "config": self._config,
        }
        return answers[line.name](*line.arguments)

    # --- commands ---

    async def _place(self, line: Line) -> None:
        order = read_order(line)
        self.exchange.symbol(order.symbol)
        session, sent_ns = self.exchange.session, self.exchange.now_ns()
        events = await self.exchange.time.outcome(session.submit(self.exchange.account, order))
        for event in events:
            if isinstance(event, OrderAccepted):
                self._sent_ns[event.order.order_id] = sent_ns

    async def _cancel(self, name: str) -> None:
        order = self._find(name)
        session = self.exchange.session
        await self.exchange.time.outcome(session.cancel(self.exchange.account, order_id=order.order_id))

    async def _cancel_all(self, arguments: tuple[str, ...]) -> None:
        symbol = self._symbol(arguments[0]) if arguments else None
        session = self.exchange.session
        events = await self.exchange.time.outcome(session.cancel_all(self.exchange.account, symbol=symbol))
        if not any(isinstance(event, OrderCanceled) for event in events):
            self._say("no open orders")

    # --- questions ---

    def _balance(self) -> str:
        rows = [
            (
                asset,
                words.money(one.total_atoms),
                words.money(one.available_atoms),
                words.money(one.frozen_atoms),
            )
            for asset, one in self.exchange.venue.balances(self.exchange.account).items()
        ]
        return words.table(("asset", "total", "available", "frozen"), rows)

    def _order_book(self, pair: str, levels: str = str(BOOK_LEVELS)) -> str:
        symbol = self._symbol(pair)
        wanted = read_number(levels, "LEVELS")
        if not 1 <= wanted <= BOOK_LEVELS_MAX or wanted % 1:
            raise LineError(f"LEVELS: 1 to {BOOK_LEVELS_MAX}, not {levels}")
        count = int(wanted)
        rules, view = self.exchange.rules[symbol], self.exchange.session.views[symbol]
        bids, asks = view.depth(count)

        def row(side: str, level: tuple[int, int]) -> tuple[str, ...]:
            return (
                side,
                rules.format_price(level[0]),
                words.size(rules, level[1]),
                self._own(symbol, side, level[0]),
            )

        rows = [row("ask", level) for level in reversed(asks)] + [row("bid", level) for level in bids]
        state = (
            "" if view.state is FeedState.LIVE else f"\nfeed {view.state.name.lower()}: not to be trusted now"
        )
        return (
            words.table(
                (trading_pair_of(symbol), f"price {rules.quote}", f"size {rules.base}", "yours"), rows
            )
            + state
        )

    def _own(self, symbol: str, side: str, price_ticks: int) -> str:
        wanted = "buy" if side == "bid" else "sell"
        own = [
            words.number_of(order.order_id)
            for order in self.exchange.venue.open_orders(self.exchange.account, symbol)
            if order.side == wanted and order.price_ticks == price_ticks
        ]
        return " ".join(reversed(own))

    def _ticker(self, pair: str | None = None) -> str:
        rows = []
        for symbol in self._symbols(pair):
            rules, ticker = self.exchange.rules[symbol], self.exchange.session.views[symbol].ticker()
            prices = (
                ticker.last_ticks, ticker.bid and ticker.bid[0], ticker.ask and ticker.ask[0],
                ticker.low_ticks, ticker.high_ticks,
            )  # fmt: skip
            texts = ["-" if ticks is None else rules.format_price(ticks) for ticks in prices]
            rows.append((trading_pair_of(symbol), *texts, words.lots(rules, ticker.volume_lots)))
        return words.table(("pair", "last", "bid", "ask", "low 24h", "high 24h", "volume 24h"), rows)

    def _orders(self, which: str | None = None) -> str:
        venue, account = self.exchange.venue, self.exchange.account
        is_all = which is not None and which.lower() == "all"
        symbol = None if which is None or is_all else self._symbol(which)
        orders = venue.open_orders(account, symbol, limit=LIST_MAX)
        if is_all:
            orders = orders + venue.order_history(account, limit=LIST_MAX)
        if not orders:
            return "no orders" if is_all else "no open orders"
        rows = [self._order_row(order) for order in sorted(orders, key=lambda one: one.order_id)]
        return words.table(
            ("order", "pair", "side", "type", "price", "size", "filled", "ahead", "state"), rows
        )

    def _order_row(self, order: Order) -> tuple[str, ...]:
        rules = self.exchange.rules[order.symbol]
        ahead = self.exchange.venue.queue_ahead(order.order_id)
        return (
            words.number_of(order.order_id),
            trading_pair_of(order.symbol),
            order.side.value,
            order.type.value,
            rules.format_price(order.price_ticks) if order.price_ticks else "-",
            words.size(rules, order.size_lots) if order.size_lots else "-",
            words.size(rules, order.filled_lots),
            words.queue(rules, ahead) if order.is_open else "-",
            order.state.value,
        )

    def _trades(self, pair: str | None = None) -> str:
        symbol = None if pair is None else self._symbol(pair)
        rows = []
        for fill in self.exchange.venue.fills(self.exchange.account, symbol, limit=LIST_MAX):
            rules = self.exchange.rules[fill.symbol]
            rows.append((
                words.clock(fill.at_ns), words.number_of(fill.order_id), trading_pair_of(fill.symbol),
                fill.side.value, words.size(rules, fill.size_lots), rules.format_price(fill.price_ticks),
                fill.role.value, f"{words.money(fill.fee_atoms)} {fill.fee_asset}",
            ))  # fmt: skip
        if not rows:
            return "no trades yet"
        return words.table(("time", "order", "pair", "side", "size", "price", "role", "fee"), rows)

    def _why(self, name: str) -> str:
        order = self._find(name)
        return why(
            order,
            self.exchange.venue,
            self.exchange.session.views[order.symbol],
            sent_ns=self._sent_ns.get(order.order_id),
            now_ns=self.exchange.now_ns(),
            sizes=self._sizes,
        )

    def _status(self) -> str:
        exchange, session = self.exchange, self.exchange.session
        lines = [f"time    {words.clock(exchange.now_ns())}", f"market  {session.source.name}"]
        if session.source_failure is not None:
            lines.append(f"        ended early: {session.source_failure}")
        for symbol in exchange.rules:
            open_count = len(exchange.venue.open_orders(exchange.account, symbol))
            state = exchange.venue.feed_state(symbol).name.lower()
            orders = "order" if open_count == 1 else "orders"
            lines.append(f"        {trading_pair_of(symbol)}: {state}, {open_count} open {orders}")
        if session.failure is not None:
            lines.append(f"failed  {session.failure}")
        elif session.storage_failed:
            lines.append("failed  the journal cannot be written; orders are refused until it can")
        return "\n".join(lines)

    def _config(self) -> str:
        options, exchange = self.exchange.options, self.exchange
        speed = "max: time passes only by wait" if options.speed is None else f"{options.speed:g}"
        rows = [
            ("source", exchange.session.source.name),
            ("pairs", ", ".join(map(trading_pair_of, exchange.rules))),
            ("speed", speed),
            ("queue model", options.queue_model.setting),
            ("latency", str(options.latency or "none")),
            ("journal", "none" if options.state is None else str(options.state)),
        ]
        for symbol in exchange.rules:
            rates = exchange.venue.fee_rates(exchange.account, symbol)
            text = f"maker {rates.maker_ppm / 10_000:g} %, taker {rates.taker_ppm / 10_000:g} %"
            rows.append((f"fees {trading_pair_of(symbol)}", text))
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{width}}  {value}" for name, value in rows)

    # --- finding ---

    def _symbol(self, pair: str) -> str:
        return self.exchange.symbol(read_pair(pair))

    def _symbols(self, pair: str | None) -> list[str]:
        return list(self.exchange.rules) if pair is None else [self._symbol(pair)]

    def _find(self, name: str) -> Order:
        """An order by its number (#3 or 3), its 18-digit id, or the id that the user gave it.

        Raises:
            BitmartError: 50005 there is none; it names the order as the user did.
        """
        venue, account = self.exchange.venue, self.exchange.account
        digits = name.removeprefix("#")
        number = order_number(digits)
        try:
            if number == NO_ORDER_ID:
                return venue.order(account, client_order_id=name)
            is_order_id = len(digits) == ORDER_ID_DIGITS
            return venue.order(account, order_id=number if is_order_id else words.order_id_of(number))
        except BitmartError as error:
            raise refusal(error.code, field="order", value=name) from error

    # --- what happens ---

    def _on_events(self, events: list[Event]) -> None:
        for event in events:
            text = self._told(event)
            if text:
                self._say(text)
            if isinstance(event, OrderAccepted) and event.order.account == self.exchange.account:
                for sentence in self._sizes.sentences(event.order, event.at_ns):
                    self._say(f"warning: {sentence}")

    def _told(self, event: Event) -> str:
        rules, account = self.exchange.rules, self.exchange.account
        match event:
            case OrderAccepted(order=order, queue_ahead=ahead) if order.account == account:
                return words.accepted(order, ahead, rules[order.symbol])
            case OrderFilled(order=order, fill=fill) if order.account == account:
                return words.filled(order, fill, rules[order.symbol])
            case OrderCanceled(order=order) if order.account == account:
                return words.canceled(order, rules[order.symbol])
            case FeedChanged(symbol=symbol, state=state):
                return self._feed(symbol, state)
        return ""

    def _feed(self, symbol: str, state: FeedState) -> str:
        """Outages and their end; a resync that lasts an instant is not worth a line."""
        if state in OUTAGES:
            return self._outage(symbol, state)
        if state is FeedState.LIVE and symbol in self._out:
            self._out.discard(symbol)
            return f"{trading_pair_of(symbol)}: the market is live again"
        return ""

    def _outage(self, symbol: str, state: FeedState) -> str:
        self._out.add(symbol)
        return (
            f"{trading_pair_of(symbol)}: the market is {state.name.lower()}; nothing fills until it is back"
        )
