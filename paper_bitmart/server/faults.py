"""Faults on demand: a seeded plan of what goes wrong, and a record of what it did.

A plan is a list of rules. Each rule names one fault and where it strikes; each rule draws from a
random stream of its own, seeded by (plan seed, rule index), so the same requests in the same order
meet the same faults, whatever other rules do.

    FaultPlanError    a plan is wrong: where, which rule of the form it breaks
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import msgspec

NS_PER_MS = 1_000_000
RECORDS_MAX = 1000
RULES_MAX = 200


class FaultPlanError(ValueError):
    """A fault plan is wrong. Carries `place` (file or request) and `why`."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place, self.why = place, why


class Fault(StrEnum):
    LOST_ACK = "lost_ack"
    """The command is carried out, then the connection is closed without an answer."""
    SERVER_ERROR = "server_error"
    """HTTP 500, code 59002; nothing is carried out."""
    RATE_LIMITED = "rate_limited"
    """HTTP 429, code 30013; nothing is carried out."""
    MAINTENANCE = "maintenance"
    """HTTP 200, code 30016; nothing is carried out."""
    DELAY = "delay"
    """The request waits `delay_ms` before it is carried out."""
    WS_DROP = "ws_drop"
    WS_DUPLICATE = "ws_duplicate"
    WS_LATE = "ws_late"
    """The frame is sent `delay_ms` later; frames behind it may overtake it."""
    WS_DISCONNECT = "ws_disconnect"
    FEED_FROZEN = "feed_frozen"
    """No market content reaches the exchange; after `delay_ms` the feed counts as stale."""
    SYMBOL_HALTED = "symbol_halted"
    """The symbol's feed is not live: nothing fills, new orders get 50022, cancels work."""


REQUEST_FAULTS = frozenset({Fault.SERVER_ERROR, Fault.RATE_LIMITED, Fault.MAINTENANCE, Fault.DELAY})
FRAME_FAULTS = frozenset({Fault.WS_DROP, Fault.WS_DUPLICATE, Fault.WS_LATE, Fault.WS_DISCONNECT})
FEED_FAULTS = frozenset({Fault.FEED_FROZEN, Fault.SYMBOL_HALTED})

_Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Delay = Annotated[int, msgspec.Meta(ge=0, le=600_000)]


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When and where one fault strikes.

    Attributes:
        fault: what happens.
        where: shell pattern over the request path, websocket table, or symbol (feed faults).
        probability: chance per matching request or frame, 0..1; feed faults ignore it.
        skip: this many matching requests or frames pass first.
        count: strikes at most this often; 0: no bound.
        from_ms, until_ms: active from (including) until (excluding), ms since the plan was set;
            `until_ms` 0: no end.
        delay_ms: of `delay` and `ws_late`; for `feed_frozen` the silence until the feed is stale.
    """

    fault: Fault
    where: str = "*"
    probability: _Probability = 1.0
    skip: _Count = 0
    count: _Count = 0
    from_ms: _Count = 0
    until_ms: _Count = 0
    delay_ms: _Delay = 0

    def __post_init__(self) -> None:
        if self.fault in (Fault.DELAY, Fault.WS_LATE) and not self.delay_ms:
            raise ValueError(f"{self.fault} needs delay_ms above 0, else nothing is late")


class FaultPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A seed and its rules; the empty plan does nothing."""

    seed: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    rules: Annotated[tuple[FaultRule, ...], msgspec.Meta(max_length=RULES_MAX)] = ()

    @classmethod
    def from_toml(cls, path: Path) -> FaultPlan:
        """Read a plan file: `seed = 7` and `[[rules]]` tables.

        Raises:
            FaultPlanError: unreadable, not TOML, or not a plan.
        """
        try:
            return msgspec.toml.decode(path.read_bytes(), type=cls)
        except OSError as error:
            raise FaultPlanError(str(path), f"cannot be read: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            known = f"; faults are {', '.join(Fault)}" if "enum value" in str(error) else ""
            raise FaultPlanError(str(path), f"{error}{known}") from error


class FaultRecord(msgspec.Struct, frozen=True):
    """One strike: when (ns since 1970), which rule, on what."""

    at_ns: int
    rule: int
    fault: Fault
    target: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RequestFaults:
    """What happens to one request: it waits, then it is refused with `refuse` or goes on."""

    delay_ns: int = 0
    refuse: Fault | None = None


NO_FAULTS = RequestFaults()


class FrameAction(StrEnum):
    SEND = "send"
    DISCONNECT = "disconnect"


FrameSteps = tuple[tuple[int, FrameAction], ...]
"""What to do with one outgoing frame: (delay_ns, action) pairs; empty: the frame is lost."""

SEND_ONCE: FrameSteps = ((0, FrameAction.SEND),)


@dataclass(slots=True)
class _Trigger:
    """A rule with its random stream and its counters."""

    index: int
    rule: FaultRule
    chance: random.Random
    seen: int = 0
    struck: int = 0

    def active(self, target: str, since_ns: int) -> bool:
        rule = self.rule
        if since_ns < rule.from_ms * NS_PER_MS or (rule.until_ms and since_ns >= rule.until_ms * NS_PER_MS):
            return False
        return fnmatchcase(target, rule.where)

    def strikes(self, target: str, since_ns: int) -> bool:
        """Decide for one matching request or frame; draws once per match, so that decisions replay."""
        if not self.active(target, since_ns):
            return False
        self.seen += 1
        hit = self.chance.random() < self.rule.probability
        if not hit or self.seen <= self.rule.skip or (self.rule.count and self.struck >= self.rule.count):
            return False
        self.struck += 1
        return True


class Faults:
    """Applies a plan. Without one every answer is "nothing happens", at the cost of one test."""

    def __init__(self, plan: FaultPlan | None = None, *, at_ns: int = 0) -> None:
        self.records: deque[FaultRecord] = deque(maxlen=RECORDS_MAX)
        self.struck_total = 0
        self.set_plan(plan or FaultPlan(), at_ns)

    def set_plan(self, plan: FaultPlan, at_ns: int) -> None:
        """Replace the plan; its clock starts at `at_ns` (ns since 1970). Records of the old one stay."""
        self.plan = plan
        self.started_ns = at_ns
        triggers = [
            _Trigger(index, rule, random.Random(f"{plan.seed}:{index}"))
            for index, rule in enumerate(plan.rules)
        ]
        self._requests = [t for t in triggers if t.rule.fault in REQUEST_FAULTS]
        self._answers = [t for t in triggers if t.rule.fault is Fault.LOST_ACK]
        self._frames = [t for t in triggers if t.rule.fault in FRAME_FAULTS]
        self._feeds = [t for t in triggers if t.rule.fault in FEED_FAULTS]

    def on_request(self, path: str, at_ns: int) -> RequestFaults:
        """Decide what happens to one REST request. Delays add up; the first refusal wins."""
        if not self._requests:
            return NO_FAULTS
        delay_ns, refuse = 0, None
        for trigger in self._struck(self._requests, path, at_ns):
            fault = trigger.rule.fault
            if fault is Fault.DELAY:
                delay_ns += trigger.rule.delay_ms * NS_PER_MS
            elif refuse is None:
                refuse = fault
        return RequestFaults(delay_ns, refuse)

    def on_accepted(self, path: str, at_ns: int) -> bool:
        """Whether the answer to a request that was carried out gets lost."""
        return bool(self._answers and self._struck(self._answers, path, at_ns))

    def on_ws_frame(self, connection_id: int | str, table: str, at_ns: int) -> FrameSteps:
        """Decide what happens to one outgoing push.

        Args:
            connection_id: names the connection in the records.
            table: the push's `table`, e.g. `spot/trade`.

        Returns:
            Steps in order; SEND_ONCE when no rule strikes, `()` when the frame is lost.
        """
        if not self._frames:
            return SEND_ONCE
        steps: list[tuple[int, FrameAction]] = list(SEND_ONCE)
        for trigger in self._struck(self._frames, table, at_ns, f"connection {connection_id}"):
            fault = trigger.rule.fault
            if fault is Fault.WS_DISCONNECT:
                return ((0, FrameAction.DISCONNECT),)
            if fault is Fault.WS_DROP:
                steps = []
            elif fault is Fault.WS_DUPLICATE:
                steps = steps * 2
            else:
                late_ns = trigger.rule.delay_ms * NS_PER_MS
                steps = [(delay_ns + late_ns, action) for delay_ns, action in steps]
        return tuple(steps)

    def on_feed(self, symbol: str, at_ns: int) -> FaultRule | None:
        """The feed fault that holds for a symbol now; a halt goes before a freeze."""
        found: _Trigger | None = None
        for trigger in self._feeds:
            if not trigger.active(symbol, at_ns - self.started_ns):
                continue
            if found is None or trigger.rule.fault is Fault.SYMBOL_HALTED:
                found = trigger
        return found.rule if found else None

    def record(self, fault: Fault, target: str, at_ns: int, *, rule: int = -1, detail: str = "") -> None:
        """Note one strike; only the latest RECORDS_MAX are kept, `struck_total` counts all."""
        self.struck_total += 1
        self.records.append(FaultRecord(at_ns, rule, fault, target, detail))

    def _struck(self, triggers: list[_Trigger], target: str, at_ns: int, detail: str = "") -> list[_Trigger]:
        since_ns = at_ns - self.started_ns
        struck = [trigger for trigger in triggers if trigger.strikes(target, since_ns)]
        for trigger in struck:
            self.record(trigger.rule.fault, target, at_ns, rule=trigger.index, detail=detail)
        return struck
