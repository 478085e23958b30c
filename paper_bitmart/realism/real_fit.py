"""A user's real orders replayed: how far simulated fills are from the real ones, and which settings fit best.

The entry delay is read off orders that took on arrival, if there are enough; else it is fitted, in turn with
the queue model, until both stay. The model and its parameters are fitted with that delay. Each choice is made
on the first part of the time and has to prove itself on the rest (`choice`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from paper_bitmart.backtest.tape import Tape, open_data
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.matching.latency import DELAY_NS_MAX
from paper_bitmart.matching.models import DEFAULT_MODEL, MODELS, QueueModel
from paper_bitmart.realism.candidates import candidates
from paper_bitmart.realism.capture_fit import parameter_ranges
from paper_bitmart.realism.choice import Choice, Interval, Rule, choose, median_95
from paper_bitmart.realism.figures import Number, quantile
from paper_bitmart.realism.outcomes import TAKER
from paper_bitmart.realism.real_bitmart import read_bitmart
from paper_bitmart.realism.real_csv import read_csv
from paper_bitmart.realism.real_figures import Figure, compare_with_real
from paper_bitmart.realism.real_orders import (
    RealOrder,
    RealOrders,
    RealOrdersError,
    within,
)
from paper_bitmart.realism.real_replay import Replayer, Setting
from paper_bitmart.realism.score_run import converted

MS = 10**6
RULE = Rule(observations=100)
FILLED_MIN = 30
"""Real orders that filled, before anything is said."""
DECISIVE_MIN = 20
"""Orders that fare differently under different settings, before one is preferred."""
SEEN_MIN = 20
"""Orders that took on arrival, before their delay is taken as it was seen."""
DELAYS_MS = (0, 1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 1_000)
REFINED, ROUNDS = 3, 3
READERS = {"bitmart": read_bitmart, "csv": read_csv}


@dataclass(frozen=True, slots=True)
class Seen:
    """The time from sending to a first fill that took: how many orders, median, its interval, 90 %."""

    orders: int
    median_ms: Number
    median_95: Interval | None
    p90_ms: Number

    @property
    def delay_ns(self) -> int | None:
        """The entry delay that it says; None where too few orders took, or the clocks cannot be right."""
        if self.orders < SEEN_MIN or self.median_ms is None:
            return None
        delay_ns = round(self.median_ms * 10) * (MS // 10)
        return delay_ns if 0 <= delay_ns <= DELAY_NS_MAX else None


@dataclass(frozen=True, slots=True)
class Fitted:
    """One choice among settings. `decisive`: orders that fare differently under them."""

    settings: list[Setting]
    choice: Choice
    decisive: int

    @property
    def says_something(self) -> bool:
        return self.choice.is_enough and self.decisive >= DECISIVE_MIN

    @property
    def setting(self) -> Setting:
        """The recommended one, the default where nothing can be said."""
        return self.settings[self.choice.recommended if self.says_something else 0]


@dataclass(frozen=True, slots=True)
class RealFit:
    """What real orders say.

    Attributes:
        orders, filled, left_out: how many could be used, how many of them filled, and why others could not.
        sent_on_venue_clock: the delay is then that from the venue's stamp to its book.
        seen: the delay as it was seen; recommended when there is enough of it, else the fitted one is.
        delay: the choice of a delay with the model found. models: that of a model with the delay found. Each
            is compared with its default, no delay and the default model.
        setting: the recommended one; the default where there are too few data.
        delay_95: delays that fit as well.
        ranges: by parameter of the model found.
        default, recommended: figures of the default settings and of those found. of_held_out: they are of the
            part of the orders on which nothing was fitted.
    """

    orders: int
    filled: int
    blocks: int
    left_out: Counter[str]
    sent_on_venue_clock: bool
    delay: Fitted
    models: Fitted
    setting: Setting
    delay_95: Interval | None
    ranges: dict[str, Interval | None]
    seen: Seen
    default: list[Figure]
    recommended: list[Figure]
    of_held_out: bool

    @property
    def is_enough(self) -> bool:
        return self.delay.choice.is_enough and self.filled >= FILLED_MIN


def fit_real(
    capture: Path,
    symbols: Path,
    real: Sequence[Path],
    form: str,
    only: QueueModel | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> RealFit:
    """Hold simulated fills against a user's real ones, and fit delay and model.

    Args:
        real: files of one form, "bitmart" or "csv".
        only: try this model and its parameters, beside the default; None tries all.

    Raises:
        RealOrdersError: a file cannot be used, or none of its orders lies within the capture.
        As `open_data` and `load_rules`.

    Cost: about fifty replays.
    """
    rules = load_rules(symbols)
    with converted(capture, rules) as events, TemporaryDirectory() as folder:
        tapes = open_data(events, rules)
        found = within(
            READERS[form](real, rules, {symbol: least_delay_ns(tape) for symbol, tape in tapes.items()}),
            {symbol: (tape.first_ns, tape.last_ns) for symbol, tape in tapes.items()},
        )
        if not found.orders:
            reasons = ", ".join(f"{n} {why}" for why, n in found.left_out.items())
            raise RealOrdersError(real[0], "", "", f"no order can be used: {reasons}")
        say(f"{len(found.orders):,} real orders")
        replayer = Replayer(events, symbols, rules, tapes, found, Path(folder))
        return _fit(replayer, found, only, say)


def least_delay_ns(tape: Tape) -> int:
    """Least receive less venue time: brings a venue's stamps to the capture's axis, but for the wire."""
    least = [
        int((events["recv_ns"] - events["exch_ns"])[events["exch_ns"] > 0].min())
        for events in tape.chunks()
        if (events["exch_ns"] > 0).any()
    ]
    return min(least, default=0)


def _fit(
    replayer: Replayer, found: RealOrders, only: QueueModel | None, say: Callable[[str], None]
) -> RealFit:
    usual = quantile(np.array([row.size_lots for row in replayer.rows], float), 0.5) or 1.0
    models = candidates(usual, tuple(MODELS.values()) if only is None else (only,))
    seen = _seen(found.orders, replayer.block_ns)
    model = DEFAULT_MODEL
    for _ in range(ROUNDS):
        if seen.delay_ns is None:
            say(f"fitting the entry delay with {model.setting}")
            delay_ns = _fit_delay(replayer, model, seen).setting.delay_ns
        else:
            delay_ns = seen.delay_ns
        say(f"fitting the queue model with {delay_ns / MS:g} ms: {len(models)} settings")
        chosen = _choose(replayer, [Setting(one, delay_ns) for one in models])
        before, model = model, chosen.setting.model
        if model == before or seen.delay_ns is not None:
            break
    delay = _fit_delay(replayer, model, seen)
    if seen.delay_ns is None:
        delay_ns = delay.setting.delay_ns
    delays_ms = [one.delay_ns / MS for one in delay.settings]
    filled = sum(bool(order.fills) for order in found.orders)
    is_enough = chosen.choice.is_enough and filled >= FILLED_MIN
    held = replayer.start_ns >= chosen.choice.split_ns
    part = held if is_enough else np.ones(len(replayer.rows), bool)
    default = Setting(DEFAULT_MODEL, 0)
    recommended = Setting(model, delay_ns) if is_enough else default
    say("comparing")
    figures = [
        compare_with_real(replayer.rows, *replayer.compare(one), part, replayer.block_ns)
        for one in (default, recommended)
    ]
    return RealFit(
        orders=len(found.orders),
        filled=filled,
        blocks=chosen.choice.blocks,
        left_out=found.left_out,
        sent_on_venue_clock=found.sent_on_venue_clock,
        delay=delay,
        models=chosen,
        setting=recommended,
        delay_95=delay.choice.range_of(range(len(delays_ms)), delays_ms),
        ranges=parameter_ranges(chosen.choice, models, recommended.model),
        seen=seen,
        default=figures[0],
        recommended=figures[1],
        of_held_out=is_enough,
    )


def _choose(replayer: Replayer, settings: Sequence[Setting]) -> Fitted:
    losses = np.stack([replayer.losses(one) for one in settings])
    choice = choose(losses, replayer.start_ns, replayer.end_ns, block_ns=replayer.block_ns, rule=RULE)
    return Fitted(list(settings), choice, int((np.ptp(losses, axis=0) > 1e-9).sum()))


def _fit_delay(replayer: Replayer, model: QueueModel, seen: Seen) -> Fitted:
    """Over DELAYS_MS and the delay seen, then REFINED times finer around the best of the fitted part."""
    delays = {ms * MS for ms in DELAYS_MS} | ({seen.delay_ns} if seen.delay_ns is not None else set())
    for _ in range(REFINED):
        fitted = _choose(replayer, [Setting(model, delay_ns) for delay_ns in sorted(delays)])
        ordered, best = sorted(delays), fitted.choice.best
        for a, b in ((best - 1, best), (best, best + 1)):
            if a >= 0 and b < len(ordered):
                low, high = ordered[a], ordered[b]
                delays |= {low + (high - low) * part // 5 // (MS // 10) * (MS // 10) for part in range(1, 5)}
    return _choose(replayer, [Setting(model, delay_ns) for delay_ns in sorted(delays)])


def _seen(orders: Sequence[RealOrder], block_ns: int) -> Seen:
    taken = [order for order in orders if order.fills and min(order.fills).role == TAKER]
    delays_ms = np.array([(min(order.fills).at_ns - order.sent_ns) / MS for order in taken])
    sent_ns = np.array([order.sent_ns for order in taken], np.int64)
    return Seen(
        len(taken),
        quantile(delays_ms, 0.5),
        median_95(delays_ms, sent_ns, block_ns),
        quantile(delays_ms, 0.9),
    )
