"""A venue that speaks BitMart's public websocket and misbehaves by plan. No I/O: the caller brings the time.

The network between venue and client is part of it: `receive` and `step` return (deliver_ns, frame) pairs.
A frame of None says that the venue closes the connection.

One thing it never does: to count, after a restart, through versions of before. A client that missed the
restart could not tell, because versions are all that the protocol offers.
"""

import json
import random
from decimal import Decimal

from venue.fault_plan import ONCE, Fault
from venue.true_market import TrueMarket

from paper_bitmart.bitmart.frames import deflate
from paper_bitmart.bitmart.rules import SymbolRules

MS = 10**6
SECOND_NS = 10**9
KEEPALIVE_NS = 10 * SECOND_NS
NETWORK_NS = 20 * MS
LATE_NS = 3 * SECOND_NS
NEVER_NS = 2**63
EPOCHS = 40
VERSIONS_PER_EPOCH = 100_000
INCREASE100, DEPTH50 = "spot/depth/increase100", "spot/depth50"
CHANNELS = (INCREASE100, DEPTH50, "spot/trade", "spot/bookTicker")


def rules_of(symbol, price_decimals=2):
    base, _, quote = symbol.partition("_")
    return SymbolRules(
        symbol=symbol, symbol_id=1, base=base, quote=quote, price_decimals=price_decimals, size_decimals=1,
        tick=Decimal(1).scaleb(-price_decimals), lot=Decimal("0.1"), min_size=Decimal("0.1"),
    )  # fmt: skip


class FaultyVenue:
    """Serves one client connection at a time.

    Args:
        symbols, seed, plan: all that decides what happens.
        interval_ns: mean time between two moves of a symbol's market.
        has_book_ticker: else the channel is refused (90004).
    """

    def __init__(self, symbols, seed, plan, start_ns, *, interval_ns=700 * MS, has_book_ticker=True):
        self._rng = random.Random(f"venue {seed}")
        self._interval_ns = interval_ns
        epochs = list(range(1, EPOCHS))
        self._rng.shuffle(epochs)
        self._epochs = iter(epochs)
        self.table = {symbol: rules_of(symbol) for symbol in symbols}
        self.wire_rules = dict(self.table)
        self.gone = set()
        first = self._first_version()
        self.markets = {s: TrueMarket(s, random.Random(f"{s} {seed}"), first) for s in symbols}
        self._moves_ns = {symbol: start_ns + self._wait_ns() for symbol in symbols}
        self._said_ns = dict.fromkeys(symbols, start_ns)
        self.follow(plan)
        self._has_book_ticker = has_book_ticker
        self.topics = set()
        self.is_connected = False
        self.is_half_open = False
        self.messages = []
        self.connects = []

    def follow(self, plan):
        """Misbehave by this plan from now on."""
        self._plan = plan
        self._once = [span for span in plan.spans if span.fault in ONCE]

    # Connection

    def connect(self, at_ns):
        """Whether the client gets in."""
        self.connects.append(at_ns)
        refused = max(self._plan.refused_share, self._plan.share(Fault.REFUSE, at_ns) and 1.0)
        if self._rng.random() < refused:
            return False
        self.topics, self.is_connected, self.is_half_open = set(), True, False
        self.messages.append([])
        return True

    def disconnect(self):
        """The client closed the connection, or learned that it is closed."""
        self.is_connected = False

    def receive(self, text, at_ns):
        """A message of the client arrives."""
        self.messages[-1].append((at_ns, text))
        if self.is_half_open or self._hit(Fault.MUTE, at_ns):
            return []
        if text == "ping":
            return [(at_ns + NETWORK_NS, "pong")]
        message = json.loads(text)
        frames = []
        for topic in message["args"]:
            channel, _, symbol = topic.partition(":")
            answer = getattr(self, "_" + message["op"])
            frames += answer(topic, channel, symbol, at_ns)
        return frames

    def _subscribe(self, topic, channel, symbol, at_ns):
        if channel not in CHANNELS or (channel == "spot/bookTicker" and not self._has_book_ticker):
            return self._error("subscribe", topic, "90004", at_ns)
        if symbol not in self.markets or symbol in self.gone:
            return self._error("subscribe", topic, "92001", at_ns)
        if topic in self.topics:
            return self._error("subscribe", topic, "90008", at_ns)
        self.topics.add(topic)
        ack = [(at_ns + NETWORK_NS, json.dumps({"event": "subscribe", "topic": topic}))]
        if channel == INCREASE100:
            return ack + self._snapshot(symbol, at_ns)
        return ack + (self._depth50(symbol, at_ns) if channel == DEPTH50 else [])

    def _unsubscribe(self, topic, channel, symbol, at_ns):
        if topic not in self.topics:
            return self._error("unsubscribe", topic, "90009", at_ns)
        self.topics.discard(topic)
        return [(at_ns + NETWORK_NS, json.dumps({"event": "unsubscribe", "topic": topic}))]

    def _request(self, topic, channel, symbol, at_ns):
        if symbol in self.gone:
            return self._error("request", topic, "92001", at_ns)
        return [] if self._hit(Fault.NO_ANSWER, at_ns) else self._snapshot(symbol, at_ns)

    def _error(self, event, topic, code, at_ns):
        error = {"event": event, "topic": topic, "errorCode": code, "errorMessage": "refused"}
        return [(at_ns + NETWORK_NS, json.dumps(error))]

    # Market

    @property
    def next_ns(self):
        """When `step` is due."""
        due = [self._moves_ns[symbol] for symbol in self.markets if symbol not in self.gone]
        due += [ns + KEEPALIVE_NS for symbol, ns in self._said_ns.items() if symbol not in self.gone]
        due += [span.start_ns for span in self._once]
        return min(due, default=NEVER_NS)

    def step(self, at_ns):
        """Let the market go on until `at_ns`."""
        frames = []
        while self._once and self._once[0].start_ns <= at_ns:
            frames += self._strike(self._once.pop(0).fault, at_ns)
        for symbol, market in self.markets.items():
            if symbol in self.gone:
                continue
            if self._moves_ns[symbol] <= at_ns:
                self._moves_ns[symbol] = at_ns + self._wait_ns()
                bids, asks = market.move(crossed=self._hit(Fault.CROSSED, at_ns))
                frames += self._update(symbol, bids, asks, at_ns) + self._trade(symbol, at_ns)
                frames += self._depth50(symbol, at_ns) + self._book_ticker(symbol, at_ns)
            elif self._said_ns[symbol] + KEEPALIVE_NS <= at_ns:
                frames += self._update(symbol, [], [], at_ns)
        return frames

    def _wait_ns(self):
        # Now and then a market pauses long enough for signs of life.
        if self._rng.random() < 0.02:
            return self._rng.randint(5, 25) * SECOND_NS
        return int(self._interval_ns * (0.2 + 1.6 * self._rng.random()))

    def _first_version(self):
        return next(self._epochs) * VERSIONS_PER_EPOCH

    def _strike(self, fault, at_ns):
        symbol = self._rng.choice(list(self.markets))
        market = self.markets[symbol]
        if fault is Fault.HALF_OPEN:
            self.is_half_open = True
        elif fault is Fault.CUT:
            return [(at_ns + NETWORK_NS, None)]
        elif fault is Fault.VERSION_JUMP:
            market.skip_version()
        elif fault is Fault.FINER_TICK:
            self.table[symbol] = self.wire_rules[symbol] = rules_of(symbol, price_decimals=3)
        elif fault is Fault.DELISTED:
            self.gone.add(symbol)
            self.table.pop(symbol, None)
        else:
            for each in self.markets.values():
                each.restart(self._first_version())
            if fault is Fault.RESTART_CUT:
                return [(at_ns + NETWORK_NS, None)]
            if fault is Fault.RESTART_SNAPSHOT:
                subscribed = [each for each in self.markets if f"{INCREASE100}:{each}" in self.topics]
                return [frame for each in subscribed for frame in self._snapshot(each, at_ns)]
        return []

    # Messages

    def _snapshot(self, symbol, at_ns):
        market = self.markets[symbol]
        bids, asks = ({}, {}) if self._hit(Fault.EMPTY_SNAPSHOT, at_ns) else market.book()
        item = self._levels(symbol, bids.items(), asks.items(), at_ns)
        return self._send(INCREASE100, item | {"type": "snapshot", "version": market.version}, at_ns)

    def _update(self, symbol, bids, asks, at_ns):
        self._said_ns[symbol] = at_ns
        if f"{INCREASE100}:{symbol}" not in self.topics:
            return []
        item = self._levels(symbol, bids, asks, at_ns)
        item |= {"type": "update", "version": self.markets[symbol].version}
        return self._send(INCREASE100, item, at_ns)

    def _depth50(self, symbol, at_ns):
        if f"{DEPTH50}:{symbol}" not in self.topics:
            return []
        bids, asks = self.markets[symbol].book()
        return self._send(DEPTH50, self._levels(symbol, bids.items(), asks.items(), at_ns), at_ns)

    def _trade(self, symbol, at_ns):
        if f"spot/trade:{symbol}" not in self.topics:
            return []
        rules, market = self.wire_rules[symbol], self.markets[symbol]
        side = self._rng.choice(["buy", "sell"])
        fields = {"price": rules.format_price(market.mid), "size": "0.3", "side": side}
        return self._send("spot/trade", {"symbol": symbol, "ms_t": at_ns // MS} | fields, at_ns)

    def _book_ticker(self, symbol, at_ns):
        if f"spot/bookTicker:{symbol}" not in self.topics:
            return []
        bids, asks = self.markets[symbol].book()
        item = self._levels(symbol, list(bids.items())[:1], list(asks.items())[:1], at_ns)
        (bid,), (ask,) = item.pop("bids"), item.pop("asks")
        item |= {"bid_px": bid[0], "bid_sz": bid[1], "ask_px": ask[0], "ask_sz": ask[1]}
        return self._send("spot/bookTicker", item, at_ns)

    def _levels(self, symbol, bids, asks, at_ns):
        return {
            "symbol": symbol,
            "bids": [self._level(symbol, *level) for level in bids],
            "asks": [self._level(symbol, *level) for level in asks],
            "ms_t": at_ns // MS,
        }

    def _level(self, symbol, price, size):
        rules = self.wire_rules[symbol]
        # After a change of the tick the market stands between the old ticks.
        off_ticks = 10 * price + 5 if rules.price_decimals == 3 else price
        return [rules.format_price(off_ticks), rules.format_size(size) if size else "0"]

    # Network

    def _send(self, table, item, at_ns):
        if not self.is_connected or self.is_half_open:
            return []
        if table == INCREASE100 and self._hit(Fault.NO_INCREASE100, at_ns):
            return []
        if any(self._hit(fault, at_ns) for fault in (Fault.SILENT, Fault.MUTE, Fault.LOSE)):
            return []
        payload = json.dumps({"table": table, "data": [item]}).encode()
        frame = payload.decode() if self._rng.random() < 0.1 else deflate(payload, 1)
        if self._hit(Fault.CORRUPT, at_ns):
            frame = self._damaged(frame)
        due_ns = at_ns + NETWORK_NS
        if self._hit(Fault.DELAY, at_ns):
            due_ns += self._rng.randrange(LATE_NS)
        frames = [(due_ns, frame)]
        if self._hit(Fault.REPEAT, at_ns):
            frames.append((due_ns + self._rng.choice([0, LATE_NS]), frame))
        return frames

    def _damaged(self, frame):
        how = self._rng.randrange(3)
        if how == 0:
            return frame[: self._rng.randrange(len(frame))]
        return self._rng.randbytes(40) if how == 1 else "<html>502 Bad Gateway</html>"

    def _hit(self, fault, at_ns):
        share = self._plan.share(fault, at_ns)
        return bool(share) and self._rng.random() < share
