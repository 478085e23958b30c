"""What a capture alone says: how its channels work, how its queues move, and which queue model that fits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from paper_bitmart.backtest.tape import Tape, open_data
from paper_bitmart.bitmart.rules import SymbolRules, load_rules
from paper_bitmart.matching.models import DEFAULT_MODEL, MODELS, QueueModel
from paper_bitmart.realism.candidates import candidates, family
from paper_bitmart.realism.channels import Channels, read_channels
from paper_bitmart.realism.choice import (
    Choice,
    Interval,
    Rule,
    block_length_ns,
    choose,
    interval,
    median_95,
)
from paper_bitmart.realism.figures import Number, block_resamples, quantile
from paper_bitmart.realism.order_traces import CANCELLED, RANKS, TRADED, Traces, read_traces
from paper_bitmart.realism.probes import Probed, make_probes, probe
from paper_bitmart.realism.score_run import converted
from paper_bitmart.realism.shadows import queue_errors

RULE = Rule(observations=100)
"""Orders seen to join and to trade, before a queue model is recommended."""
GAIN_MIN = 0.002
"""Of the queue at entry: a smaller mean gain is not worth leaving the default for."""
PLACES = (0.25, 0.5, 0.75)
"""Parts of the queue, from the front, by which cancels are told."""


@dataclass(frozen=True, slots=True)
class RankFlow:
    """Levels of one rank (0: the best): lots a minute; traded share of what left, with its interval."""

    traded_per_min: float
    cancelled_per_min: float
    added_per_min: float
    traded_share: Number
    traded_share_95: Interval | None


@dataclass(frozen=True, slots=True)
class SymbolFit:
    """What one symbol's market says.

    Attributes:
        flow: by rank, RANKS + 1 rows; the last one is everything deeper.
        order_lots, print_lots: median size of a single addition at the best levels, and of a print.
        traced, cancels: orders seen to join and trade; to join and leave, with others at their level.
        cancelled_within: share of those cancels whose order stood within the first PLACES of the queue;
            cancelled_last: share that were the very last.
        models: the settings that were tried, the default first. errors: (k,) their mean signed error.
        choice: among them, by mean |error| of the queue ahead. ranges: by parameter of the recommended
            model, its interval.
        probed: what hypothetical orders come to under the named models and the recommended one.
    """

    rules: SymbolRules
    span_s: float
    channels: Channels
    flow: list[RankFlow]
    order_lots: Number
    order_lots_95: Interval | None
    print_lots: Number
    print_lots_95: Interval | None
    traced: int
    cancels: int
    cancelled_within: tuple[Number, ...]
    cancelled_last: Number
    models: list[QueueModel]
    errors: np.ndarray
    choice: Choice
    ranges: dict[str, Interval | None]
    probed: Probed

    @property
    def recommended(self) -> QueueModel:
        return self.models[self.choice.recommended]


@dataclass(frozen=True, slots=True)
class CaptureFit:
    """By symbol, those with a market in the capture."""

    capture: Path
    symbols: dict[str, SymbolFit]


def fit_capture(
    capture: Path,
    symbols: Path,
    only: QueueModel | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> CaptureFit:
    """Fit what can be learned from a capture alone.

    Args:
        only: try this model and its parameters, beside the default; None tries all.
        say: told of progress.

    Raises:
        As `open_data` and `load_rules`.

    Cost: about 10 us an event for reading, and some forty replays.
    """
    rules = load_rules(symbols)
    with converted(capture, rules) as events, TemporaryDirectory() as folder:
        tapes = open_data(events, rules)
        fits = {}
        for symbol, tape in tapes.items():
            say(f"{symbol}: reading {tape.size:,} events")
            fits[symbol] = _fit(tape, events, symbols, only, Path(folder), say)
    return CaptureFit(capture, fits)


def _fit(
    tape: Tape,
    capture: Path,
    symbols: Path,
    only: QueueModel | None,
    folder: Path,
    say: Callable[[str], None],
) -> SymbolFit:
    events = np.concatenate([*tape.chunks()])
    span_ns = tape.last_ns - tape.first_ns
    block_ns = block_length_ns(span_ns)
    traces = read_traces(events, block_ns)
    order_lots, order_95 = _size(traces.added_lots, traces.added_ns, block_ns)
    print_lots, print_95 = _size(traces.print_lots, traces.prints[:, 1], block_ns)
    usual = order_lots or print_lots or 1.0
    models = candidates(usual, tuple(MODELS.values()) if only is None else (only,))
    say(
        f"{tape.rules.symbol}: {len(traces.traded):,} orders followed from joining to trade, "
        f"{len(models)} settings tried on them"
    )
    errors = np.stack([queue_errors(events, traces.traded, model) for model in models])
    start_ns = np.array([events["recv_ns"][one.joined_row - 1] for one in traces.traded], np.int64)
    end_ns = np.array([events["recv_ns"][one.traded_row] for one in traces.traded], np.int64)
    choice = choose(np.abs(errors), start_ns, end_ns, block_ns=block_ns, rule=RULE, gain_min=GAIN_MIN)
    recommended = models[choice.recommended]
    played = [*MODELS.values()] if only is None else [DEFAULT_MODEL, only]
    played = list(dict.fromkeys([*played, recommended]))
    say(f"{tape.rules.symbol}: playing probes under {len(played)} models")
    probes = make_probes(tape, int(usual))
    probed = probe(capture, symbols, tape.rules, probes, played, folder, block_ns)
    places = [
        one.ahead_lots / (one.ahead_lots + one.behind_lots)
        for one in traces.cancelled
        if one.ahead_lots + one.behind_lots
    ]
    known = ~np.isnan(errors).any(axis=0)
    return SymbolFit(
        rules=tape.rules,
        span_s=span_ns / 1e9,
        channels=read_channels(events, traces, block_ns),
        flow=_flow(traces, span_ns, block_ns),
        order_lots=order_lots,
        order_lots_95=order_95,
        print_lots=print_lots,
        print_lots_95=print_95,
        traced=int(known.sum()),
        cancels=len(places),
        cancelled_within=tuple(_share(np.array(places) < place) for place in PLACES),
        cancelled_last=_share(np.array(places) == 1.0),
        models=models,
        errors=errors[:, known].mean(axis=1) if known.any() else np.full(len(models), np.nan),
        choice=choice,
        ranges=parameter_ranges(choice, models, recommended),
        probed=probed,
    )


def parameter_ranges(
    choice: Choice, models: list[QueueModel], model: QueueModel
) -> dict[str, Interval | None]:
    """Of each parameter of a model: the values that cannot be told from its best one, by resampling."""
    found: dict[str, Interval | None] = {}
    for name in model.parameters:
        members = family(model, name, models)
        found[name] = choice.range_of(members, [models[place].parameters[name] for place in members])
    return found


def _size(lots: np.ndarray, at_ns: np.ndarray, block_ns: int) -> tuple[Number, Interval | None]:
    return quantile(lots, 0.5), median_95(lots, at_ns, block_ns)


def _share(chosen: np.ndarray) -> Number:
    return float(chosen.mean()) if len(chosen) else None


def _flow(traces: Traces, span_ns: int, block_ns: int) -> list[RankFlow]:
    minutes = max(span_ns, 1) / 60e9
    found = []
    times = np.arange(len(traces.flow)) * block_ns
    for rank in range(RANKS + 1):
        lots = traces.flow[:, rank, :]
        traded, cancelled, added = lots.sum(axis=0).tolist()
        gone = traded + cancelled
        bounds = None
        if gone:
            weights = block_resamples(times, seed=1, repeats=1_000, block_ns=block_ns).weights
            parts, wholes = weights @ lots[:, TRADED], weights @ (lots[:, TRADED] + lots[:, CANCELLED])
            bounds = interval(parts[wholes > 0] / wholes[wholes > 0])
        found.append(
            RankFlow(
                traded / minutes,
                cancelled / minutes,
                added / minutes,
                traded / gone if gone else None,
                bounds,
            )
        )
    return found


def settings(fits: Mapping[str, SymbolFit]) -> dict[str, str]:
    """What to type, by symbol."""
    return {symbol: f"--queue-model {fit.recommended.setting}" for symbol, fit in fits.items()}
