"""A live venue behind the `Source` protocol: its sessions, their connections, and what people are told."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from paper_bitmart.bitmart.rules import RulesError, SymbolRules
from paper_bitmart.feed.live.backoff import Backoff, BackoffSettings
from paper_bitmart.feed.live.connection import Connect, Connection, Fetch, open_wire
from paper_bitmart.feed.live.errors import INSTEAD
from paper_bitmart.feed.live.outages import OutageLog
from paper_bitmart.feed.live.rest import RestError, fetch
from paper_bitmart.feed.live.rules_watch import RuleChange, halting_changes, softer_changes
from paper_bitmart.feed.live.venue_limits import NS_PER_S, RateWindow, VenueLimits
from paper_bitmart.feed.live.venue_session import VenueSession
from paper_bitmart.feed.pace import MarketClock
from paper_bitmart.feed.sources import Emit

logger = logging.getLogger(__name__)

Notify = Callable[[str], None]
"""Takes one line for people."""

LoadRules = Callable[[], Awaitable[Mapping[str, SymbolRules]]]
LOOK_EVERY_S = 1.0
MINUTE_NS = 60 * NS_PER_S


def log_notice(text: str) -> None:
    """Tells people through the log."""
    logger.warning("%s", text)


class SystemClock:
    """Wall time at the start plus monotonic time: never falls. For sources that are given no clock."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """ns since 1970."""
        return self._offset_ns + time.monotonic_ns()


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """Attributes:
    silent_ns: no symbol LIVE for so long is told to people.
    rules_every_ns: the symbols table is read again; `rules_apart_ns` at most, when content does not fit.
    """

    silent_ns: int = 20 * NS_PER_S
    rules_every_ns: int = 600 * NS_PER_S
    rules_apart_ns: int = 30 * NS_PER_S


class MarketWatch:
    """Says once that there is no market, and once that it is back. Sans-I/O."""

    def __init__(self, venue: str, settings: WatchSettings, at_ns: int, instead: str = INSTEAD) -> None:
        self._venue, self._settings, self._instead = venue, settings, instead
        self._live_ns = at_ns
        self._told = False

    def look(self, is_live: bool, why: str, at_ns: int) -> str:
        """A line for people, or "" when nothing new is to be said."""
        if is_live:
            silent_s = (at_ns - self._live_ns) // NS_PER_S
            self._live_ns = at_ns
            told, self._told = self._told, False
            return f"{self._venue}: the market is back after {silent_s} s" if told else ""
        if self._told or at_ns - self._live_ns < self._settings.silent_ns:
            return ""
        self._told = True
        reason = why or "no book was received"
        return f"{self._venue}: no market ({reason}). Trying on. {self._instead}"


class LiveSource:
    """A venue's market as it happens.

    Args:
        name: for people.
        sessions: one per connection, each with its websocket URL.
        clock: stamps the events; the system's when None.
        limits: of the venue; all connections share its attempts per minute.
        rng: jitter of the backoff.
        notify: takes lines for people.
        load_rules: reads the symbols table anew.
        rest_url: what sessions' REST paths are relative to.
        connect, fetch: the outside world; tests give their own.

    Attributes:
        outages: of all symbols. connections: for reports.
    """

    def __init__(
        self,
        name: str,
        sessions: Sequence[tuple[VenueSession, str]],
        *,
        clock: MarketClock | SystemClock | None = None,
        limits: VenueLimits,
        rng: random.Random,
        outages: OutageLog,
        rest_url: str = "",
        load_rules: LoadRules | None = None,
        notify: Notify = log_notice,
        instead: str = INSTEAD,
        backoff: BackoffSettings | None = None,
        watch: WatchSettings | None = None,
        connect: Connect = open_wire,
        fetch: Fetch = fetch,
    ) -> None:
        self.name = name
        self.sessions = [session for session, _ in sessions]
        self.rules: Mapping[str, SymbolRules] = {
            symbol: rules for session in self.sessions for symbol, rules in session.rules.items()
        }
        self.outages = outages
        self.notify = notify
        self._clock = clock or SystemClock()
        self.start_ns = self._clock.now_ns()
        self._load_rules = load_rules
        self._settings = watch or WatchSettings()
        self._watch = MarketWatch(name, self._settings, self.start_ns, instead)
        self._emit: Emit = _nobody
        self._rules_read_ns = self.start_ns
        self._told_unread = False
        self._venue_rules = dict(self.rules)
        attempts = RateWindow(limits.connects_per_minute, MINUTE_NS)
        self.connections = [
            Connection(
                session,
                url,
                self._clock.now_ns,
                Backoff(attempts, rng, backoff),
                self._flush,
                connect=connect,
                fetch=lambda path: fetch(rest_url + path),
            )
            for session, url in sessions
        ]

    def now_ns(self) -> int:
        """The time that events are stamped with."""
        return self._clock.now_ns()

    async def run(self, emit: Emit) -> None:
        """Follow the market until cancelled; losses are mended, and told through FEED_STATE and `notify`."""
        self._emit = emit
        tasks = [asyncio.ensure_future(connection.run()) for connection in self.connections]
        tasks.append(asyncio.ensure_future(self._look_after()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            self.outages.end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _flush(self, session: VenueSession) -> None:
        for symbol, events in session.take_events():
            self._emit(symbol, events)
        for problem in session.take_problems():
            self.notify(f"{self.name}: {problem}")

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now_ns = self._clock.now_ns()
            text = self._watch.look(bool(self.outages.live), self._reason(), now_ns)
            if text:
                self.notify(text)
            if self._load_rules is not None and self._is_rules_time(now_ns):
                await self._read_rules(self._load_rules)

    def _reason(self) -> str:
        for connection in self.connections:
            mirrors = connection.session.mirrors.values()
            problems = [mirror.last_problem for mirror in mirrors if mirror.last_problem]
            if connection.session.is_open and problems:
                return problems[0]
            if connection.last_failure:
                return connection.last_failure
        return ""

    def _is_rules_time(self, now_ns: int) -> bool:
        age_ns = now_ns - self._rules_read_ns
        if any(session.rules_doubted for session in self.sessions):
            return age_ns >= self._settings.rules_apart_ns
        return age_ns >= self._settings.rules_every_ns

    async def _read_rules(self, load_rules: LoadRules) -> None:
        try:
            rules = await load_rules()
        except (RestError, RulesError) as error:
            if not self._told_unread:
                self._told_unread = True
                self.notify(f"{self.name}: its rules cannot be read again ({error}); the old ones hold")
            return
        finally:
            self._rules_read_ns = self._clock.now_ns()
        self._told_unread = False
        for session in self.sessions:
            session.rules_doubted = False
            apply_rules(session, rules, self._venue_rules, self._clock.now_ns(), self.notify)
            self._flush(session)
        self._venue_rules = {symbol: rules.get(symbol, old) for symbol, old in self._venue_rules.items()}


def apply_rules(
    session: VenueSession,
    new: Mapping[str, SymbolRules],
    told: Mapping[str, SymbolRules],
    at_ns: int,
    notify: Notify,
) -> None:
    """Halt the session's symbols that the venue's new table ends; tell other changes from `told`."""
    for symbol, why in halting_changes(session.followed(), session.rules, new).items():
        session.halt(symbol, why, at_ns, new.get(symbol))
    followed: Iterable[str] = session.followed()
    for symbol, what in softer_changes(followed, told, new).items():
        session.rule_changes.append(RuleChange(at_ns, symbol, what, new[symbol]))
        notify(f"{symbol}: {what}")


def _nobody(symbol: str, events: object) -> None:
    """Emits nowhere: the source does not run yet."""
