"""Who hears what: topics, their listeners, and the frames that go from one to the other. Sans-I/O.

The market, the venue's events and time go in; `push` is called on the listeners, which never wait. A
message is encoded once and its bytes are shared by all who hear it.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from paper_bitmart.bitmart.topics import Topic
from paper_bitmart.exchange.events import Event
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.server.book_view import BookView
from paper_bitmart.server.ws_outbox import Frame
from paper_bitmart.server.ws_private import PrivatePushes
from paper_bitmart.server.ws_public import PublicSymbol
from paper_bitmart.server.ws_push import PushEncoder


class Listener(Protocol):
    """Somebody who can hear; hashable by identity."""

    def push(self, frame: Frame) -> None:
        """Take one frame; must return at once."""
        ...


_Key = tuple[str, str]
"""(account, topic): private topics are heard per account; the account of a public one is ""."""


class Publisher:
    """Publishes public topics per symbol and private ones per account.

    Args:
        views: the market, by symbol; grows when symbols are added.
        books: the visible book, own orders merged in or not.
        encoder: makes frames.
    """

    def __init__(self, views: Mapping[str, MarketView], books: BookView, encoder: PushEncoder) -> None:
        self._views = views
        self._books = books
        self._encoder = encoder
        self._symbols: dict[str, PublicSymbol] = {}
        self._private = PrivatePushes(lambda symbol: views[symbol].rules, encoder)
        # Dicts as ordered sets: frames go out in the order of subscription, the same in every run.
        self._listeners: dict[_Key, dict[Listener, None]] = {}

    def subscribe(self, listener: Listener, topic: Topic, account: str, at_ns: int) -> None:
        """From now on `listener` gets the topic's pushes, beginning with its first push, if it has one.

        Args:
            account: whose private topic it is; of no meaning for public ones.
            at_ns: market time.
        """
        self._listeners.setdefault(_key(topic, account), {})[listener] = None
        if not topic.is_private:
            first = self._symbol(topic.filter).join(topic, at_ns)
            if first is not None:
                listener.push(first)

    def unsubscribe(self, listener: Listener, topic: Topic, account: str) -> None:
        """No further pushes of the topic to `listener`; nothing happens if there were none."""
        key = _key(topic, account)
        listeners = self._listeners.get(key, {})
        listeners.pop(listener, None)
        if listeners:
            return
        self._listeners.pop(key, None)
        if not topic.is_private:
            self._symbol(topic.filter).leave(topic)

    def snapshot(self, topic: Topic) -> Frame:
        """A snapshot of an increase100 topic at the version of its last update."""
        return self._symbol(topic.filter).snapshot()

    def market(self, symbol: str, events: np.ndarray, at_ns: int) -> int | None:
        """Publish what market events make due at market time `at_ns`; the view must hold them already.

        Returns:
            When something of this symbol is due next; None if nothing waits.
        """
        publisher = self._symbols.get(symbol)
        if publisher is None:
            return None
        self._send_all(publisher.market(events))
        self._send_all(publisher.due(at_ns))
        return publisher.next_ns

    def own_book(self, symbol: str, side: int, price_ticks: int, at_ns: int) -> int | None:
        """At `at_ns` one level may have changed otherwise than by the market; returns as `market`."""
        publisher = self._symbols.get(symbol)
        if publisher is None:
            return None
        publisher.touch(side, price_ticks, at_ns)
        return publisher.next_ns

    def events(self, events: Iterable[Event]) -> None:
        """Publish the venue's events, already committed, to the accounts concerned."""
        for event in events:
            for account, topic in self._private.topics(event):
                key = account, str(topic)
                if key in self._listeners:
                    self._send(key, self._private.frame(event, topic))

    def advance(self, at_ns: int) -> int | None:
        """Publish what is due at market time `at_ns`; returns when to ask again, None if nothing waits."""
        for publisher in self._symbols.values():
            self._send_all(publisher.due(at_ns))
        waits = [publisher.next_ns for publisher in self._symbols.values()]
        return min((next_ns for next_ns in waits if next_ns is not None), default=None)

    def _symbol(self, name: str) -> PublicSymbol:
        publisher = self._symbols.get(name)
        if publisher is None:
            publisher = PublicSymbol(self._views[name], self._books, self._encoder)
            self._symbols[name] = publisher
        return publisher

    def _send_all(self, frames: Iterable[Frame]) -> None:
        # Lazily: each frame is out before the next is made, so no resync in between runs ahead of it.
        for frame in frames:
            self._send(("", frame.topic), frame)

    def _send(self, key: _Key, frame: Frame) -> None:
        # A copy: a listener that is found too slow may leave meanwhile.
        for listener in tuple(self._listeners.get(key, ())):
            listener.push(frame)


def _key(topic: Topic, account: str) -> _Key:
    return (account if topic.is_private else ""), str(topic)
