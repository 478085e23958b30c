"""Venue and journal together: saving a venue, and getting it back after a restart or a failed write.

Recovery takes the newest whole checkpoint and applies the events journaled after it. What was acknowledged is
there; what the market did meanwhile is unknown, so every feed counts as closed from the last known moment
until its source is in sync again: one visible gap per symbol, to which the rule of gaps applies.
"""

import logging
from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.events import Event
from paper_bitmart.exchange.journal import Checkpoint, Journal
from paper_bitmart.exchange.journal_error import JournalCorrupt, JournalForeign
from paper_bitmart.exchange.ledger import LedgerError
from paper_bitmart.exchange.markets import MatcherFactory
from paper_bitmart.exchange.recovery import StateMismatch
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.state import decode_state, encode_state
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.event_buffer import PACK_EVENT
from paper_bitmart.feed.events import ASK, BID, EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.matching.matcher import Matcher

LOG = logging.getLogger(__name__)


def recover(
    journal: Journal,
    rules: Mapping[str, SymbolRules],
    *,
    settings: VenueSettings | None = None,
    matchers: MatcherFactory = Matcher,
) -> Venue:
    """The venue that a journal tells of; a new one if the journal is new. It goes on writing to `journal`.

    All feeds are closed. Symbols that the journal does not know yet are added, and ample accounts get what
    they lack of their assets.

    Raises:
        JournalForeign: the rules lack a journaled symbol, or give it another tick, lot, base or quote.
        JournalCorrupt: events are missing, unreadable, or do not add up.
        JournalWriteFailed: the gap or the new symbols cannot be journaled.
    """
    known = journal.symbols()
    if missing := sorted(known - set(rules)):
        raise JournalForeign(journal.path, f"has {', '.join(missing)}, for which there are no rules")
    journal.bind_rules(rules)
    old_rules = {symbol: rule for symbol, rule in rules.items() if symbol in known or not known}
    venue, replayed = _rebuild(
        journal, lambda: Venue(old_rules, settings=settings, journal=journal, matchers=matchers)
    )
    is_used = journal.last_seq is not None
    if replayed or (is_used and any(venue.feed_state(s) is not FeedState.CLOSED for s in old_rules)):
        venue.finish_restore()
        venue.close_feeds(venue.now_ns)
    for symbol, rule in rules.items():
        if symbol not in old_rules:
            venue.add_symbol(rule, venue.now_ns)
    journal.commit()
    return venue


def roll_back(journal: Journal, venue: Venue) -> tuple[Venue, list[Event]]:
    """The venue as it was at the journal's last commit, after a write that failed; its feeds are closed.

    What was recorded and could not be written is given up. The journal then holds, not committed yet, the
    closing of the feeds: the gap is journaled as soon as the disk allows it.

    Returns:
        The venue, and the events of the closing.

    Raises:
        JournalError: the journal cannot be read either.
    """
    journal.discard()
    matchers = venue._parts.matchers
    rolled_back, _ = _rebuild(
        journal, lambda: Venue(venue.rules, settings=venue.settings, journal=journal, matchers=matchers)
    )
    return rolled_back, rolled_back.finish_restore() + rolled_back.close_feeds(rolled_back.now_ns)


def save(journal: Journal, venue: Venue) -> int:
    """Checkpoint a venue; returns the stored bytes.

    Raises:
        JournalWriteFailed: nothing was written.

    Cost: O(accounts + remembered orders and fills + matcher states), about 1 ms per 1,000 orders.
    """
    return journal.checkpoint(encode_state(venue.export_state()), venue.now_ns)


def snapshot_events(view: MarketView, at_ns: int) -> np.ndarray:
    """A view's book as its feed would announce it after a gap: SYNCING, snapshot, the feed's state.

    Returns:
        (n,) EVENT_DTYPE; the book is left out when the feed is not LIVE.
    """
    exch_ns = view.exch_ns

    def event(kind: Kind, flags: int = 0, price_ticks: int = 0, size_lots: int = 0, side: int = 0) -> bytes:
        return PACK_EVENT(at_ns, exch_ns, price_ticks, size_lots, 0, flags, kind, side)

    data = [event(Kind.FEED_STATE, Flag.LAST, size_lots=FeedState.SYNCING)]
    if view.state is FeedState.LIVE:
        data.append(event(Kind.SNAPSHOT_BEGIN, Flag.SNAPSHOT))
        for side, book in ((BID, view.bids), (ASK, view.asks)):
            data += [event(Kind.LEVEL, Flag.SNAPSHOT, price, size, side) for price, size in book.items()]
        data.append(event(Kind.SNAPSHOT_END, Flag.SNAPSHOT | Flag.LAST))
    data.append(event(Kind.FEED_STATE, Flag.LAST, size_lots=view.state))
    return np.frombuffer(b"".join(data), EVENT_DTYPE)


def closing_event(at_ns: int, exch_ns: int) -> np.ndarray:
    """What a source that failed can no longer say: FEED_STATE CLOSED, (1,) EVENT_DTYPE."""
    data = PACK_EVENT(at_ns, exch_ns, 0, FeedState.CLOSED, 0, Flag.LAST, Kind.FEED_STATE, 0)
    return np.frombuffer(data, EVENT_DTYPE)


def _rebuild(journal: Journal, make: Callable[[], Venue]) -> tuple[Venue, int]:
    """A venue from the newest usable checkpoint, or from nothing; and how many events were applied to it."""
    for checkpoint in journal.checkpoints():
        venue = make()
        if _import(journal, venue, checkpoint):
            return venue, _replay(journal, venue, checkpoint.seq)
    venue = make()
    return venue, _replay(journal, venue, 0)


def _import(journal: Journal, venue: Venue, checkpoint: Checkpoint) -> bool:
    try:
        venue.import_state(decode_state(checkpoint.state))
    except (StateMismatch, LedgerError, msgspec.MsgspecError, ValueError) as error:
        # The events say everything again, only slower.
        LOG.warning("%s: checkpoint after event %d is not used: %s", journal.path, checkpoint.seq, error)
        return False
    return True


def _replay(journal: Journal, venue: Venue, seq: int) -> int:
    count = 0
    for event in journal.events_after(seq):
        try:
            venue.restore(event)
        except (StateMismatch, LedgerError, BitmartError) as error:
            raise JournalCorrupt(journal.path, f"event {event.seq} does not fit: {error}") from error
        count += 1
    return count
