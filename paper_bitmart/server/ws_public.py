"""The public topics of one symbol: what market events make them push (protocol reference 6.5 to 6.11)."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from paper_bitmart.bitmart import public_messages as messages
from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.topics import (
    BOOK_TICKER,
    DEPTH_INCREMENT,
    FULL_DEPTH_LEVELS,
    KLINE_PREFIX,
    TICKER,
    TRADE,
    Topic,
)
from paper_bitmart.feed.events import BUY, Flag, Kind
from paper_bitmart.feed.klines import Candle
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.server import market_wire
from paper_bitmart.server.book_view import BookView
from paper_bitmart.server.ws_channels import MS_NS, IncrementChannel, State, StateChannel
from paper_bitmart.server.ws_depth import DepthLevels, DepthStream, Level
from paper_bitmart.server.ws_outbox import Frame
from paper_bitmart.server.ws_push import PushEncoder

STATE_INTERVAL_NS = 500 * MS_NS
"""Ticker, klines and full books (reference 6.5)."""
TRADES_PER_PUSH_MAX = 100
CANDLES_LOOKED_AT = 3
"""So many candles back a final change is still pushed, should the market outrun the interval."""

_BOOK_KINDS = frozenset({Kind.LEVEL, Kind.DEPTH_MARK, Kind.SNAPSHOT_BEGIN, Kind.SNAPSHOT_END})
_BEST_CHANNELS = frozenset({TICKER, BOOK_TICKER})
_BOOK_CHANNELS = _BEST_CHANNELS | frozenset(FULL_DEPTH_LEVELS)


class PublicSymbol:
    """Publishes one symbol's topics, those that somebody listens to.

    The view must hold the market events already when they are passed to `market`. Frames name their
    topic; who hears it is the publisher's affair.
    """

    def __init__(self, view: MarketView, books: BookView, encoder: PushEncoder) -> None:
        self._view = view
        self._rules = view.rules
        self._books = books
        self._frame = encoder.frame
        self._states: dict[Topic, StateChannel] = {}
        self._trades: Topic | None = None
        self._depth_topic = Topic(DEPTH_INCREMENT, view.symbol)
        stream = DepthStream(lambda: books.sides(view.symbol))
        self._increments = IncrementChannel(stream, self._increment_frame)
        self._market_ns = self._book_ns = view.exch_ns
        self._now_ns = 0
        self._whole = True

    @property
    def next_ns(self) -> int | None:
        """The market time at which `due` should be asked next; None while nothing waits."""
        waits = [channel.next_ns for channel in self._states.values()]
        waits.append(self._increments.next_ns)
        return min((next_ns for next_ns in waits if next_ns is not None), default=None)

    def join(self, topic: Topic, at_ns: int) -> Frame | None:
        """Begin to publish the topic, if it is not yet; returns a new subscriber's first push, if any."""
        self._now_ns = at_ns
        if topic == self._depth_topic:
            return self._increments.join(at_ns)
        if topic.channel == TRADE:
            self._trades = topic
            return None
        if topic not in self._states:
            self._states[topic] = self._state_channel(topic)
        return self._states[topic].join(at_ns)

    def leave(self, topic: Topic) -> None:
        """The last subscriber of the topic has left."""
        if topic == self._depth_topic:
            self._increments.leave()
        elif topic.channel == TRADE:
            self._trades = None
        else:
            self._states.pop(topic, None)

    def snapshot(self) -> Frame:
        """An increase100 snapshot at the version of the last update."""
        return self._increments.snapshot()

    def market(self, events: np.ndarray) -> Iterator[Frame]:
        """Take note of market events; yields the trades among them, which never wait."""
        self._whole = bool(events["flags"][-1] & Flag.LAST)
        since_ns = int(events["recv_ns"][0])
        kinds = set(events["kind"].tolist())
        if kinds & _BOOK_KINDS:
            self._note_book(events, since_ns)
        elif Kind.BBO in kinds:
            self._market_ns = int(events["exch_ns"][-1])
            self._mark(_BEST_CHANNELS.__contains__, since_ns)
        if Kind.TRADE not in kinds:
            return
        trades = events[events["kind"] == Kind.TRADE]
        self._market_ns = int(trades["exch_ns"][-1])
        self._mark(lambda channel: channel == TICKER or channel.startswith(KLINE_PREFIX), since_ns)
        if self._trades is not None:
            for first in range(0, len(trades), TRADES_PER_PUSH_MAX):
                yield self._trades_frame(self._trades, trades[first : first + TRADES_PER_PUSH_MAX])

    def touch(self, side: int, price_ticks: int, at_ns: int) -> None:
        """One visible level may have changed without a market event: an own order in a merged book."""
        self._increments.touch(side, price_ticks)
        self._increments.mark(at_ns)
        self._mark(_BOOK_CHANNELS.__contains__, at_ns)

    def due(self, at_ns: int) -> Iterator[Frame]:
        """Make what is due at market time `at_ns`, one frame at a time."""
        self._now_ns = at_ns
        # A batch may end inside a source message; the rest of it makes the book whole again.
        if not self._whole:
            return
        for channel in tuple(self._states.values()):
            yield from channel.due(at_ns)
        increment = self._increments.due(at_ns)
        if increment is not None:
            yield increment

    def _note_book(self, events: np.ndarray, since_ns: int) -> None:
        columns = (events[name].tolist() for name in ("kind", "side", "price_ticks", "exch_ns"))
        for kind, side, price_ticks, exch_ns in zip(*columns, strict=True):
            if kind == Kind.LEVEL:
                self._increments.touch(side, price_ticks)
            elif kind == Kind.SNAPSHOT_BEGIN:
                self._increments.touch_all()
            if kind in _BOOK_KINDS:
                self._market_ns = self._book_ns = exch_ns
        self._increments.mark(since_ns)
        self._mark(_BOOK_CHANNELS.__contains__, since_ns)

    def _mark(self, concerns: Callable[[str], bool], since_ns: int) -> None:
        for topic, channel in self._states.items():
            if concerns(topic.channel):
                channel.mark(since_ns)

    def _state_channel(self, topic: Topic) -> StateChannel:
        if topic.channel == TICKER:
            return StateChannel(STATE_INTERVAL_NS, lambda: self._ticker(topic), self._market_ms)
        if topic.channel == BOOK_TICKER:
            return StateChannel(0, lambda: self._book_ticker(topic), self._market_ms)
        if topic.channel in FULL_DEPTH_LEVELS:
            return StateChannel(STATE_INTERVAL_NS, lambda: self._full_depth(topic), self._book_ms)
        return StateChannel(STATE_INTERVAL_NS, lambda: self._candles(topic), self._market_ms)

    def _market_ms(self) -> int:
        """Time of the latest change, ms; before the first one simply now."""
        return (self._market_ns or self._now_ns) // MS_NS

    def _book_ms(self) -> int:
        """Time of the latest depth message, ms: it says which trades the book includes."""
        return (self._book_ns or self._now_ns) // MS_NS

    def _ticker(self, topic: Topic) -> Sequence[State]:
        """Worth a push when last, bid or ask price changes; nothing before the first trade."""
        figures = market_wire.ticker(self._view, self._books)
        if figures is None:
            return []

        def make(ms_t: int) -> Frame:
            row = messages.Ticker(
                symbol=figures.symbol,
                last_price=figures.last,
                open_24h=figures.open_24h,
                high_24h=figures.high_24h,
                low_24h=figures.low_24h,
                base_volume_24h=figures.v_24h,
                quote_volume_24h=figures.qv_24h,
                fluctuation=figures.fluctuation,
                bid_px=figures.bid_px,
                bid_sz=figures.bid_sz,
                ask_px=figures.ask_px,
                ask_sz=figures.ask_sz,
                ms_t=ms_t,
                s_t=ms_t // 1000,
            )
            return self._frame(topic, messages.TickerPush(data=[row]))

        return [((figures.last, figures.bid_px, figures.ask_px), make)]

    def _book_ticker(self, topic: Topic) -> Sequence[State]:
        bid, ask = self._books.best(topic.filter)
        bid_px, bid_sz = self._level_text(bid or (0, 0))
        ask_px, ask_sz = self._level_text(ask or (0, 0))

        def make(ms_t: int) -> Frame:
            row = messages.BookTicker(
                symbol=topic.filter, bid_px=bid_px, bid_sz=bid_sz, ask_px=ask_px, ask_sz=ask_sz, ms_t=ms_t
            )
            return self._frame(topic, messages.BookTickerPush(data=[row]))

        return [((bid, ask), make)] if bid or ask else []

    def _full_depth(self, topic: Topic) -> Sequence[State]:
        bids, asks = self._books.depth(topic.filter, FULL_DEPTH_LEVELS[topic.channel])

        def make(ms_t: int) -> Frame:
            row = messages.Depth(
                symbol=topic.filter, asks=self._levels(asks), bids=self._levels(bids), ms_t=ms_t
            )
            return self._frame(topic, messages.FULL_DEPTH_PUSHES[topic.channel](data=[row]))

        return [((bids, asks), make)] if self._view.version else []

    def _candles(self, topic: Topic) -> Sequence[State]:
        step_min = topic.kline_step_min
        assert step_min is not None  # every other channel has been taken before
        return [self._candle(topic, candle) for candle in self._view.klines(step_min, CANDLES_LOOKED_AT)]

    def _candle(self, topic: Topic, candle: Candle) -> State:
        price = self._rules.format_price
        row = messages.Kline(
            symbol=topic.filter,
            candle=(
                candle.open_s,
                price(candle.open_ticks),
                price(candle.high_ticks),
                price(candle.low_ticks),
                price(candle.close_ticks),
                self._rules.format_size(candle.volume_lots),
            ),
        )
        return row.candle, lambda _: self._frame(topic, messages.KlinePush(table=topic.channel, data=[row]))

    def _increment_frame(self, levels: DepthLevels, snapshot: bool) -> Frame:
        row = messages.DepthChange(
            symbol=self._view.symbol,
            asks=self._levels(levels.asks),
            bids=self._levels(levels.bids),
            ms_t=self._book_ms(),
            type="snapshot" if snapshot else "update",
            version=levels.version,
        )
        return self._frame(self._depth_topic, messages.DepthChangePush(data=[row]))

    def _trades_frame(self, topic: Topic, trades: np.ndarray) -> Frame:
        rows = [
            messages.Trade(
                symbol=topic.filter,
                price=self._rules.format_price(price_ticks),
                size=self._rules.format_size(size_lots),
                side=Side.BUY if side == BUY else Side.SELL,
                s_t=exch_ns // MS_NS // 1000,
                ms_t=exch_ns // MS_NS,
                m=side != BUY,
            )
            for exch_ns, price_ticks, size_lots, side in zip(
                *(trades[name].tolist() for name in ("exch_ns", "price_ticks", "size_lots", "side")),
                strict=True,
            )
        ]
        return self._frame(topic, messages.TradePush(data=rows))

    def _levels(self, levels: Iterable[Level]) -> list[tuple[str, str]]:
        return [self._level_text(level) for level in levels]

    def _level_text(self, level: Level) -> tuple[str, str]:
        """Price always spelled the same way; a level that is gone has size "0" (reference 7.3)."""
        price_ticks, size_lots = level
        size = self._rules.format_size(size_lots) if size_lots else "0"
        return self._rules.format_price(price_ticks), size
