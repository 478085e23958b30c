"""Latency models: how long a command, a reply or a market event is on its way.

Every model answers one question, `sample(at_ns)`: the delay in nanoseconds of something that sets out
at `at_ns`. Models are deterministic: a seeded model asked the same questions in the same order gives
the same answers, and `export_state()` / `import_state()` carry its position through a checkpoint.

    Constant(delay_ns)                          the same delay always
    Exponential(shift_ns, mean_ns, seed)        a floor plus a memoryless tail
    LogNormal(shift_ns, median_ns, sigma, seed) a floor plus a skewed tail: what networks look like
    Recorded(times_ns, delays_ns)               a measured series, looked up by time

Unrealistic in one way on purpose: samples are independent of each other and of the market, while real
delays cluster in bursts. `Recorded` keeps the bursts, `latency_load` adds what a busy market costs.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

DELAY_NS_MAX = 60 * 10**9
"""No model may delay by more than a minute: a longer delay is an outage, which the feed state tells."""


class LatencyError(ValueError):
    """A parameter or a saved state of a latency model breaks a rule.

    Attributes:
        field: the parameter's name.
        rule: what it must be.
        value: what it was.
    """

    def __init__(self, field: str, rule: str, value: object) -> None:
        super().__init__(f"{field} must be {rule}, got {value!r}")
        self.field, self.rule, self.value = field, rule, value


class LatencyModel(Protocol):
    """The one question, and the state behind the answer."""

    def sample(self, at_ns: int) -> int:
        """Delay in ns, 0 <= delay <= DELAY_NS_MAX, of what sets out at `at_ns` (ns since 1970)."""
        ...

    def export_state(self) -> str:
        """The model's position as text; empty for a model without one."""
        ...

    def import_state(self, state: str) -> None:
        """Continue where `export_state` was called.

        Raises:
            LatencyError: the text is not a state of this kind of model.
        """
        ...


def _check_delay(name: str, delay_ns: object) -> int:
    if isinstance(delay_ns, bool) or not isinstance(delay_ns, int | np.integer):
        raise LatencyError(name, "a whole number of nanoseconds", delay_ns)
    if not 0 <= delay_ns <= DELAY_NS_MAX:
        raise LatencyError(name, f"between 0 and {DELAY_NS_MAX} ns", delay_ns)
    return int(delay_ns)


class _Stateless:
    """Models whose answer depends on the time alone."""

    def export_state(self) -> str:
        return ""

    def import_state(self, state: str) -> None:
        if state:
            raise LatencyError("state", "empty for a model without state", state)


class Constant(_Stateless):
    """The same delay for everything.

    Args:
        delay_ns: ns, 0 to DELAY_NS_MAX.

    Example:
        >>> Constant(25_000_000).sample(at_ns=0)
        25000000
    """

    def __init__(self, delay_ns: int) -> None:
        self.delay_ns = _check_delay("delay_ns", delay_ns)

    def __repr__(self) -> str:
        return f"Constant(delay_ns={self.delay_ns})"

    def sample(self, at_ns: int) -> int:
        return self.delay_ns


class SeededDelay:
    """A floor plus a random tail from the model's own generator (PCG64, never shared, never global)."""

    def __init__(self, shift_ns: int, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise LatencyError("seed", "a whole number >= 0", seed)
        self.shift_ns = _check_delay("shift_ns", shift_ns)
        self.seed = seed
        self._random = np.random.Generator(np.random.PCG64(seed))

    def _tail_ns(self) -> float:
        raise NotImplementedError

    def sample(self, at_ns: int) -> int:
        # min() before int(): a tail that overflowed to infinity is still only a long delay.
        return int(min(self.shift_ns + self._tail_ns(), DELAY_NS_MAX))

    def export_state(self) -> str:
        return json.dumps(self._random.bit_generator.state, sort_keys=True)

    def import_state(self, state: str) -> None:
        try:
            # A generator of its own first: a bad state must not leave this one half set.
            restored = np.random.PCG64(self.seed)
            restored.state = json.loads(state)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise LatencyError("state", "a saved PCG64 generator", state) from error
        self._random = np.random.Generator(restored)


class Exponential(SeededDelay):
    """`shift_ns` plus an exponential tail: delay = shift + X, X ~ Exp(mean_ns).

    Args:
        shift_ns: ns, the least delay possible (the wire), 0 to DELAY_NS_MAX.
        mean_ns: ns, mean of the tail, > 0; the mean delay is `shift_ns + mean_ns`.
        seed: whole number >= 0.

    Example: a 10 ms wire with on average 5 ms of queueing: mean 15 ms, p50 13.5 ms, p99 33 ms.
        >>> model = Exponential(10_000_000, 5_000_000, seed=1)
        >>> all(model.sample(0) >= 10_000_000 for _ in range(100))
        True
    """

    def __init__(self, shift_ns: int, mean_ns: int, seed: int) -> None:
        super().__init__(shift_ns, seed)
        self.mean_ns = _check_delay("mean_ns", mean_ns)
        if not self.mean_ns:
            raise LatencyError("mean_ns", "> 0 (use Constant for a fixed delay)", mean_ns)

    def __repr__(self) -> str:
        return f"Exponential(shift_ns={self.shift_ns}, mean_ns={self.mean_ns}, seed={self.seed})"

    def _tail_ns(self) -> float:
        return float(self._random.exponential(self.mean_ns))


class LogNormal(SeededDelay):
    """`shift_ns` plus a log-normal tail: delay = shift + median * exp(sigma * Z), Z ~ N(0, 1).

    Args:
        shift_ns: ns, the least delay possible, 0 to DELAY_NS_MAX.
        median_ns: ns, median of the tail, > 0.
        sigma: standard deviation of the tail's logarithm, 0 < sigma <= 5; 0.5 is calm, 1.5 is bad.
        seed: whole number >= 0.

    Example: 20 ms wire, tail median 5 ms, sigma 1: p50 25 ms, p99 = 20 + 5 * e^2.326 = 71 ms.
        >>> model = LogNormal(20_000_000, 5_000_000, 1.0, seed=1)
        >>> sorted(model.sample(0) for _ in range(1001))[500] // 1_000_000 in (24, 25)
        True
    """

    def __init__(self, shift_ns: int, median_ns: int, sigma: float, seed: int) -> None:
        super().__init__(shift_ns, seed)
        self.median_ns = _check_delay("median_ns", median_ns)
        if not self.median_ns:
            raise LatencyError("median_ns", "> 0 (use Constant for a fixed delay)", median_ns)
        if not 0 < sigma <= 5:
            raise LatencyError("sigma", "above 0 and at most 5", sigma)
        self.sigma = sigma

    def __repr__(self) -> str:
        return (
            f"LogNormal(shift_ns={self.shift_ns}, median_ns={self.median_ns}, "
            f"sigma={self.sigma}, seed={self.seed})"
        )

    def _tail_ns(self) -> float:
        return self.median_ns * math.exp(self.sigma * float(self._random.standard_normal()))


class Recorded(_Stateless):
    """A measured series: the delay of the last measurement at or before `at_ns`.

    Before the first measurement the first one counts, after the last the last one. No interpolation: a
    delay is observed, a value between two of them was not.

    Args:
        times_ns: (n,) int64, n >= 1, ns since 1970, rising (equal times allowed: the last one counts).
        delays_ns: (n,) int64, ns, each 0 to DELAY_NS_MAX.
        offset_ns: added to `times_ns`; for a recording that is played at another time than its own.

    Cost: O(log n) per sample.

    Example:
        >>> model = Recorded([100, 200], [7, 9])
        >>> [model.sample(t) for t in (50, 100, 199, 200, 900)]
        [7, 7, 7, 9, 9]
    """

    def __init__(self, times_ns: ArrayLike, delays_ns: ArrayLike, offset_ns: int = 0) -> None:
        times, delays = np.asarray(times_ns), np.asarray(delays_ns)
        for name, series in (("times_ns", times), ("delays_ns", delays)):
            if series.ndim != 1 or not len(series) or series.dtype.kind not in "iu":
                raise LatencyError(name, "a series of at least one whole number", series)
        if len(times) != len(delays):
            raise LatencyError("delays_ns", f"as long as times_ns ({len(times)})", len(delays))
        if (falls := np.flatnonzero(times[1:] < times[:-1])).size:
            raise LatencyError("times_ns", "rising", f"row {falls[0] + 1}: {times[falls[0] + 1]}")
        if (bad := np.flatnonzero((delays < 0) | (delays > DELAY_NS_MAX))).size:
            raise LatencyError("delays_ns", f"0 to {DELAY_NS_MAX}", f"row {bad[0]}: {delays[bad[0]]}")
        self.times_ns = times.astype(np.int64) + offset_ns
        self.delays_ns = delays.astype(np.int64)

    def __repr__(self) -> str:
        return f"Recorded({len(self.times_ns)} measurements)"

    def sample(self, at_ns: int) -> int:
        row = int(np.searchsorted(self.times_ns, at_ns, side="right")) - 1
        return int(self.delays_ns[max(row, 0)])


class MessageCounter(Protocol):
    """Wants to know when market messages are received; see `latency_load`."""

    def seen(self, times_ns: np.ndarray) -> None:
        """Messages were received at these times; (n,) int64, rising, none before an earlier call's."""
        ...


@dataclass(frozen=True, slots=True)
class LatencyProfile:
    """The four delays of one client.

    Attributes:
        entry: client -> venue, new orders.
        cancel: client -> venue, cancels.
        response: venue -> client, replies and private pushes.
        market_data: venue -> client, public data. Added to the time at which the feed received it.

    Give each role its own model object: two roles that share a seeded model share its random stream.
    `load`: told of every market message by who runs the market, for models that depend on it.
    """

    entry: LatencyModel = field(default_factory=lambda: Constant(0))
    cancel: LatencyModel = field(default_factory=lambda: Constant(0))
    response: LatencyModel = field(default_factory=lambda: Constant(0))
    market_data: LatencyModel = field(default_factory=lambda: Constant(0))
    load: "MessageCounter | None" = None

    @classmethod
    def constant(
        cls, entry_ns: int = 0, cancel_ns: int | None = None, response_ns: int = 0, market_data_ns: int = 0
    ) -> "LatencyProfile":
        """Constant delays in ns; `cancel_ns` is `entry_ns` when it is not given."""
        cancel = entry_ns if cancel_ns is None else cancel_ns
        return cls(Constant(entry_ns), Constant(cancel), Constant(response_ns), Constant(market_data_ns))

    def export_state(self) -> dict[str, str]:
        """The four models' states by role, for a checkpoint."""
        return {role: model.export_state() for role, model in self._models().items()}

    def import_state(self, state: dict[str, str]) -> None:
        """Continue from `export_state`.

        Raises:
            LatencyError: a role is missing, or its state is not one of that kind of model.
        """
        for role, model in self._models().items():
            if role not in state:
                raise LatencyError("state", f"given for the role {role}", state)
            model.import_state(state[role])

    def _models(self) -> dict[str, Any]:
        return {
            "entry": self.entry,
            "cancel": self.cancel,
            "response": self.response,
            "market_data": self.market_data,
        }
