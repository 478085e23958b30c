"""A recorded session written by hand: one symbol, whole books, a few calls, a wheel with a tape."""

from exchange.market_script import MS, RULES, START_NS, SYMBOL, book, limit

from paper_bitmart.backtest.session_writer import SessionWriter
from paper_bitmart.exchange.calls import Cancel, OpenAccount, Submit
from paper_bitmart.exchange.markets import CoreMatchers
from paper_bitmart.exchange.restart import recover
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.exchange.wheel import HOUSE, Command, SessionSettings, Wheel

BIDS, ASKS = {9990: 100, 9980: 100}, {10010: 100, 10020: 100}


class ScriptedSession:
    """Alice has ample funds; the market is live at START. Times are ms after it."""

    def __init__(self, folder, *, latency=None, journal=None, live=True, **writer):
        matchers = CoreMatchers()
        if journal is None:
            venue = Venue(RULES, matchers=matchers)
        else:
            venue = recover(journal, RULES, matchers=matchers)
        self.tape = SessionWriter(
            folder, venue, source="script", matchers=matchers, latency=latency, **writer
        )
        self.wheel = Wheel(
            venue,
            latency=latency,
            journal=journal,
            tape=self.tape,
            settings=SessionSettings(probe_every_ns=MS),
        )
        self.now_ns = max(START_NS, venue.now_ns)
        self.events, self.outcomes = [], []
        self.wheel.event_listeners.add(self.events.extend)
        if live:
            if not venue.accounts():
                self.send(OpenAccount(account="alice"))
            self.say(book(self.now_ns, BIDS, ASKS))

    def turn(self):
        while self.wheel.turn(self.now_ns):
            pass
        return self

    def at(self, ms):
        """Go on to so many ms after START."""
        self.now_ns = START_NS + ms * MS
        return self.turn()

    def say(self, *batches):
        for batch in batches:
            self.wheel.inbox.put(SYMBOL, batch)
        return self.turn()

    def send(self, call):
        command = Command(call, lambda result, refused: self.outcomes.append(refused or result))
        if call.travels:
            self.wheel.line.send(command, call.account, self.now_ns, cancels=call.cancels)
        else:
            self.wheel.line.put(command, HOUSE, self.now_ns, 0)
        return self.turn()

    def submit(self, side, price_ticks, size_lots, name=None, **fields):
        return self.send(Submit(account="alice", order=limit(side, price_ticks, size_lots, name, **fields)))

    def cancel(self, name):
        return self.send(Cancel(account="alice", client_order_id=name))

    def close(self):
        self.wheel.finish(self.now_ns)
        self.tape.close(self.wheel.venue)
        return self
