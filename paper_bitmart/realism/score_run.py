"""The `score` command's work: replay, compare, and gather what a report draws."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from paper_bitmart.backtest.replay import ReplayOptions
from paper_bitmart.backtest.replay import replay as run_replay
from paper_bitmart.backtest.tape import open_data
from paper_bitmart.bitmart.rules import SymbolRules, load_rules
from paper_bitmart.exchange.fees import NO_FEES
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.feed.event_file import save_events
from paper_bitmart.matching.models import DEFAULT_MODEL, MODELS, QueueModel
from paper_bitmart.realism.figures import intervals
from paper_bitmart.realism.mids import CaptureMids, FileMids, Mids
from paper_bitmart.realism.outcomes import Simulated, TrueOrder, load_out, load_truth
from paper_bitmart.realism.probability import AheadBin, Bin, brier, by_queue_ahead, calibration, ensemble
from paper_bitmart.realism.scoring import NS_PER_S, Score, compare, episodes, score

MARKOUT_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """What is scored.

    Attributes:
        capture, symbols, orders: as for a replay. truth: see `outcomes`.
        fills: an OUT file already made, instead of a replay.
        bbo: CSV of exact best prices for mid prices; None takes the capture's own book.
        queue_model, latency: as for a replay.
        with_probabilities: replay under every queue model too, for the calibration curve.
    """

    capture: Path
    symbols: Path
    orders: Path
    truth: Path
    fills: Path | None = None
    bbo: Path | None = None
    queue_model: QueueModel = DEFAULT_MODEL
    latency: LatencyChoice = field(default_factory=LatencyChoice)
    with_probabilities: bool = False


@dataclass(frozen=True, slots=True)
class Curves:
    """What a report draws.

    Attributes:
        bins: calibration of the ensemble's probabilities; empty when it was not run. brier: their error, and
            brier_decision: that of the scored yes-or-no answers.
        by_ahead: shares filled by queue ahead at entry.
        late_ms: signed errors of the first fill.
        markout_s, true_markout, sim_markout: mean markout per filled order, in ticks, by horizon.
        markout_bias_95: interval of their difference, simulated less true, by horizon; None of nothing.
    """

    bins: list[Bin]
    brier: float
    brier_decision: float
    by_ahead: list[AheadBin]
    late_ms: np.ndarray
    markout_s: tuple[float, ...]
    true_markout: tuple[float, ...]
    sim_markout: tuple[float, ...]
    markout_bias_95: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """`title`: what was scored, in one line."""

    title: str
    score: Score
    curves: Curves


def run_score(options: ScoreOptions, say: Callable[[str], None] = lambda text: None) -> Scored:
    """Replay (or read) the fills and score them.

    Args:
        say: told what is being done, for a terminal.

    Raises:
        OutcomesError: TRUTH, OUT or the best prices cannot be read. Else as `replay`.
    """
    rules = load_rules(options.symbols)
    truth = load_truth(options.truth, rules)
    with converted(options.capture, rules) as capture, TemporaryDirectory() as folder:
        mids = _mids(options, truth, rules, capture)
        out = options.fills
        if out is None:
            out = Path(folder) / "out.jsonl"
            say(f"replaying {options.orders} with {options.queue_model.setting}")
            run_replay(_replay_options(options, capture, out))
        simulated = load_out(out, truth, rules)
        scored = score(truth, simulated, mids)
        decisions: list[np.ndarray] = []
        if options.with_probabilities and options.fills is None:
            for model in MODELS.values():
                say(f"replaying with {model.name} for the calibration curve")
                member = Path(folder) / f"{model.name}.jsonl"
                run_replay(_replay_options(replace(options, queue_model=model), capture, member))
                fills = load_out(member, truth, rules).fills
                decisions.append(np.array([name in fills for name in scored.names], bool))
        return Scored(_title(options), scored, _curves(truth, simulated, scored, mids, decisions))


@contextmanager
def converted(capture: Path, rules: Mapping[str, SymbolRules]) -> Iterator[Path]:
    """The capture as an event file while the block runs, so that several replays convert it once."""
    if capture.suffix == ".npz":
        yield capture
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "market.npz"
        tapes = open_data(capture, rules)
        save_events(path, {symbol: np.concatenate([*tape.chunks()]) for symbol, tape in tapes.items()})
        yield path


def _mids(
    options: ScoreOptions, truth: Mapping[str, TrueOrder], rules: Mapping[str, SymbolRules], capture: Path
) -> Mids:
    symbols = list(dict.fromkeys(order.symbol for order in truth.values()))
    if options.bbo is not None:
        return FileMids(options.bbo, [rules[symbol] for symbol in symbols])
    return CaptureMids(open_data(capture, rules, symbols))


def _replay_options(options: ScoreOptions, capture: Path, out: Path) -> ReplayOptions:
    return ReplayOptions(
        capture=capture, symbols=options.symbols, orders=options.orders, out=out, fees=NO_FEES,
        queue_model=options.queue_model, latency=options.latency,
    )  # fmt: skip


def _title(options: ScoreOptions) -> str:
    if options.fills is not None:
        return f"{options.fills.name} against {options.truth.name}"
    return f"{options.capture.name}, {options.queue_model.setting}, against {options.truth.name}"


def _curves(
    truth: Mapping[str, TrueOrder],
    simulated: Simulated,
    scored: Score,
    mids: Mids,
    decisions: list[np.ndarray],
) -> Curves:
    orders = scored.orders
    predicted = ensemble(decisions) if decisions else np.zeros(0)
    rows = [truth[name] for name in scored.names]
    true_markout, sim_markout, bias_95 = [], [], []
    for seconds in MARKOUT_S:
        later = compare(rows, simulated, mids, round(seconds * NS_PER_S))
        true_markout.append(_mean(later.t_markout))
        sim_markout.append(_mean(later.s_markout))
        bias_95.append(intervals(later)["markout_bias_ticks"])
    return Curves(
        bins=calibration(predicted, orders.t, episodes(rows)) if decisions else [],
        brier=brier(predicted, orders.t) if decisions else float("nan"),
        brier_decision=brier(orders.s, orders.t),
        by_ahead=by_queue_ahead(scored.queue_ahead, orders.t, orders.s),
        late_ms=orders.late_ms(),
        markout_s=MARKOUT_S,
        true_markout=tuple(true_markout),
        sim_markout=tuple(sim_markout),
        markout_bias_95=tuple(bias_95),
    )


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
