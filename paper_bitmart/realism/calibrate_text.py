"""What a calibration found, as sections."""

import math
from collections.abc import Sequence

import numpy as np

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.matching.models import QueueModel
from paper_bitmart.realism.candidates import family
from paper_bitmart.realism.capture_fit import GAIN_MIN, RULE, CaptureFit, SymbolFit
from paper_bitmart.realism.channels import Channels
from paper_bitmart.realism.choice import Choice, Interval
from paper_bitmart.realism.figures import Number
from paper_bitmart.realism.real_figures import Figure
from paper_bitmart.realism.real_fit import DECISIVE_MIN, FILLED_MIN, MS, SEEN_MIN, RealFit
from paper_bitmart.realism.real_fit import RULE as REAL_RULE
from paper_bitmart.realism.sections import Section, span, told

JITTER_SHARE = 0.1
"""A tail longer than that share of the median delay is told."""
SHOWN = 12
"""Settings listed at most: those of least loss, and the default."""


def capture_sections(fit: CaptureFit) -> list[Section]:
    """Of a capture alone."""
    found = []
    for symbol, one in fit.symbols.items():
        found += [
            Section(f"{symbol}, {one.span_s:,.0f} s: channels", _channels(one.channels)),
            Section(f"{symbol}: levels", _queues(one), _flow(one)),
            Section(f"{symbol}: queue ahead, estimated against known", _traced(one), _settings(one)),
            Section(f"{symbol}: what the choice changes", _probed(one), _fills(one)),
        ]
    found.append(Section("recommended", _apart(fit), heavy=[_line(s, one) for s, one in fit.symbols.items()]))
    return found


def real_sections(fit: RealFit) -> list[Section]:
    """Of real orders."""
    part = "the part held out from fitting" if fit.of_held_out else "all of them"
    return [
        Section("real orders", _orders(fit)),
        Section("entry delay", _delay(fit)),
        Section("queue model", _model(fit), _real_settings(fit)),
        Section(f"simulated against real, {part}", (), _compared(fit.default, fit.recommended)),
        Section(
            "recommended",
            () if fit.is_enough else ("Nothing: too few data, so the defaults stay.",),
            heavy=[str(fit.setting)] if fit.is_enough else [],
        ),
    ]


def verdict(choice: Choice, names: Sequence[str], gain_form: str) -> str:
    """Why a setting is recommended, or why none is."""
    best, gain = names[choice.best], f"{told(choice.gain, gain_form)} ({span(choice.gain_95, gain_form)})"
    if choice.recommended != 0:
        return f"{best} fits best, also on the part held out: {gain} less than the default's."
    if choice.best == 0:
        return "Nothing fits better than the default."
    if choice.fails_held_out:
        return (
            f"{best} fits the first part best, but not surely the part held out: {gain}. The default stays."
        )
    return f"{best} fits best, but gains too little to leave the default: {gain}."


def _channels(channels: Channels) -> list[str]:
    if channels.interval_ms is None:
        every = f"depth comes in no steady interval, median gap {told(channels.gap_ms_median, '.4g')} ms"
    else:
        stamped = (
            "stamped at no fixed place of it"
            if channels.phase_ms is None
            else f"stamped {channels.phase_ms:.4g} ms into it"
        )
        bounds = span(channels.interval_ms_95, ".4g")
        every = f"depth every {channels.interval_ms:.4g} ms (95 %: {bounds}), {stamped}"
    delays = [
        f"{name} {', '.join(told(value, '.3g') for value in values)}"
        for name, values in (("trades", channels.trade_delay_ms), ("depth", channels.depth_delay_ms))
    ]
    return [
        f"{every}; {channels.messages:,} depth messages, {channels.prints:,} prints",
        f"ms after the fastest message, median, 90 %, 99 %: {'; '.join(delays)}",
        f"depth less trades, medians: {told(channels.skew_ms, '+.3g')} ms "
        f"({span(channels.skew_ms_95, '+.3g')}); {told(channels.late_prints, '.1%')} of the prints come "
        "after a depth message that includes them",
        f"{told(channels.explained, '.1%')} of the prints show as gone in the message that includes them by "
        f"ms_t; most would with stamps shifted by {told(channels.shift_ms, 'g')} ms "
        f"({span(channels.shift_ms_95, 'g')})",
    ]


def _queues(fit: SymbolFit) -> list[str]:
    rules = fit.rules
    sizes = [
        f"{name} {_size(rules, lots)} {rules.base} ({_sizes(rules, bounds)})"
        for name, lots, bounds in (
            ("one addition at the best levels", fit.order_lots, fit.order_lots_95),
            ("a print", fit.print_lots, fit.print_lots_95),
        )
    ]
    quarter, half, three = fit.cancelled_within
    return [
        f"median size: {', '.join(sizes)}",
        f"of {fit.cancels:,} cancels whose place in the queue is known, {told(quarter, '.0%')} stood in its "
        f"front quarter, {told(half, '.0%')} in its front half, {told(three, '.0%')} in three quarters; "
        f"{told(fit.cancelled_last, '.0%')} were the very last",
    ]


def _flow(fit: SymbolFit) -> list[list[str]]:
    base = fit.rules.base
    rows = [["level", f"traded {base}/min", "cancelled", "added", "traded share of what left", "95 %"]]
    for rank, flow in enumerate(fit.flow):
        name = "best" if rank == 0 else f"{rank + 1}" if rank < len(fit.flow) - 1 else "deeper"
        lots = (flow.traded_per_min, flow.cancelled_per_min, flow.added_per_min)
        rows.append(
            [
                name, *(_size(fit.rules, value) for value in lots), told(flow.traded_share, ".1%"),
                span(flow.traded_share_95, ".1%"),
            ]
        )  # fmt: skip
    return rows


def _traced(fit: SymbolFit) -> list[str]:
    choice = fit.choice
    told_lines = [
        f"{choice.observations:,} orders of others were followed by their size from joining to trade, in "
        f"{choice.blocks} blocks of time; an order right behind each had a queue that is known"
    ]
    if not choice.is_enough:
        told_lines.append(
            f"too few to say anything: at least {RULE.observations} in {RULE.blocks} blocks are needed; "
            "the table is no evidence"
        )
        return told_lines
    names = [model.setting for model in fit.models]
    told_lines.append(verdict(choice, names, ".2%"))
    if choice.recommended == 0 and choice.best and choice.gain is not None and -choice.gain < GAIN_MIN:
        told_lines.append(f"a gain below {GAIN_MIN:.1%} of the queue is not worth a setting of its own")
    told_lines += _ranges(fit.recommended, fit.ranges, fit.models)
    told_lines.append(f"cannot be told from it: {_others(choice, names)}")
    return told_lines


def _settings(fit: SymbolFit) -> list[list[str]]:
    choice = fit.choice
    if not choice.observations:
        return []
    rows = [["setting", "queue error", "95 %", "held out", "bias"]]
    rows += [
        [
            fit.models[k].setting, f"{choice.loss[k]:.2%}", span(choice.loss_95[k], ".2%"),
            told(float(choice.held_loss[k]), ".2%"), f"{fit.errors[k]:+.2%}",
        ]
        for k in shown(choice)
    ]  # fmt: skip
    return rows


def shown(choice: Choice) -> list[int]:
    """The settings to list: of least loss first, the default among them."""
    order = np.argsort(choice.loss, kind="stable").tolist()
    return order[:SHOWN] if 0 in order[:SHOWN] else [*order[: SHOWN - 1], 0]


def _probed(fit: SymbolFit) -> list[str]:
    probed = fit.probed
    return [
        f"{probed.orders:,} orders of {_size(fit.rules, probed.size_lots)} {fit.rules.base} at the best "
        f"price, {probed.life_s:.3g} s each; {told(probed.disputed, '.1%')} "
        f"({span(probed.disputed_95, '.1%')}) of them fill under some of these models only"
    ]


def _fills(fit: SymbolFit) -> list[list[str]]:
    rows = [["model", "filled", "95 %", "median wait, ms"]]
    rows += [
        [one.model.setting, told(one.filled, ".1%"), span(one.filled_95, ".1%"), told(one.wait_ms, ",.0f")]
        for one in fit.probed.results
    ]
    return rows


def _apart(fit: CaptureFit) -> list[str]:
    if len({one.recommended for one in fit.symbols.values()}) > 1:
        return ["the symbols differ; a session has one queue model, so trade them in sessions of their own"]
    return []


def _line(symbol: str, fit: SymbolFit) -> str:
    why = "" if fit.choice.is_enough else "   (the default: too few data)"
    return f"{symbol}: --queue-model {fit.recommended.setting}{why}"


def _orders(fit: RealFit) -> list[str]:
    lines = [f"{fit.orders:,} used, {fit.filled:,} of them filled, in {fit.blocks} blocks of time"]
    lines += [f"left out: {count:,} {why}" for why, count in sorted(fit.left_out.items())]
    if not fit.is_enough:
        lines.append(
            f"too few to say anything: at least {REAL_RULE.observations} orders in {REAL_RULE.blocks} "
            f"blocks, {FILLED_MIN} of them filled, are needed; the figures are no evidence"
        )
    return lines


def _delay(fit: RealFit) -> list[str]:
    seen, lines = fit.seen, []
    if seen.orders:
        lines.append(
            f"seen: {seen.orders:,} orders took on arrival, median {told(seen.median_ms, '.4g')} ms after "
            f"sending (95 %: {span(seen.median_95, '.4g')}), 90 % within {told(seen.p90_ms, '.4g')} ms"
        )
    if fit.is_enough and seen.delay_ns is not None:
        lines.append("that is recommended: it is measured, not fitted")
    elif fit.is_enough:
        lines.append(f"fewer than {SEEN_MIN} orders say it directly: it is fitted")
    names = [f"{one.delay_ns / MS:g} ms" for one in fit.delay.settings]
    if fit.is_enough and fit.delay.says_something:
        lines.append(f"fit: {verdict(fit.delay.choice, names, '.4f')} 95 %: {span(fit.delay_95, 'g')} ms")
    elif fit.is_enough:
        lines.append(f"fit: {_undecided(fit.delay.decisive, 'delays')}")
    lines += _tail(fit)
    if fit.sent_on_venue_clock:
        lines.append("sending times are the venue's: this is its own delay, your way to it is not in it")
    return lines


def _tail(fit: RealFit) -> list[str]:
    seen = fit.seen
    if fit.seen.delay_ns is None or seen.median_ms is None or seen.p90_ms is None:
        return []
    tail_ms = (seen.p90_ms - seen.median_ms) / math.log(5)  # of an exponential: ln 10 - ln 2
    floor_ms = seen.median_ms - tail_ms * math.log(2)
    if tail_ms <= JITTER_SHARE * seen.median_ms or floor_ms < 0:
        return []
    return [
        "the delays vary: a floor and an exponential tail with that median and 90 % are "
        f"--entry-latency-ms {floor_ms:.3g} --jitter-ms {tail_ms:.3g}; this was not held against the fills"
    ]


def _model(fit: RealFit) -> list[str]:
    if not fit.is_enough:
        return []
    if not fit.models.says_something:
        return [_undecided(fit.models.decisive, "queue models")]
    choice, names = fit.models.choice, [one.model.setting for one in fit.models.settings]
    lines = [
        f"{fit.models.decisive:,} orders fare differently under the models",
        verdict(choice, names, ".4f"),
    ]
    lines += _ranges(fit.setting.model, fit.ranges, [one.model for one in fit.models.settings])
    lines.append(f"cannot be told from it: {_others(choice, names)}")
    return lines


def _real_settings(fit: RealFit) -> list[list[str]]:
    choice = fit.models.choice
    rows = [["setting", "loss", "95 %", "fitted part", "held out"]]
    rows += [
        [
            fit.models.settings[k].model.setting, f"{choice.loss[k]:.4f}", span(choice.loss_95[k], ".4f"),
            told(float(choice.fit_loss[k]), ".4f"), told(float(choice.held_loss[k]), ".4f"),
        ]
        for k in shown(choice)
    ]  # fmt: skip
    return rows


def _compared(default: Sequence[Figure], recommended: Sequence[Figure]) -> list[list[str]]:
    rows = [["", "unit", "real", "default", "difference, 95 %", "recommended", "difference, 95 %"]]
    for plain, chosen in zip(default, recommended, strict=True):
        form = ".1%" if plain.unit == "share" else ",.4g"
        rows.append(
            [
                plain.name, plain.unit, told(plain.real, form), told(plain.simulated, form),
                span(plain.difference_95, form), told(chosen.simulated, form),
                span(chosen.difference_95, form),
            ]
        )  # fmt: skip
    return rows


def _undecided(decisive: int, what: str) -> str:
    return (
        f"only {decisive:,} orders fare differently under different {what}; at least {DECISIVE_MIN} are "
        "needed to prefer one, so the default stays"
    )


def _ranges(model: QueueModel, ranges: dict[str, Interval | None], tried: Sequence[QueueModel]) -> list[str]:
    lines = []
    for name, value in model.parameters.items():
        values = [tried[k].parameters[name] for k in family(model, name, tried)]
        lines.append(
            f"its {name}: best between {span(ranges.get(name), 'g', ' and ')} (95 %; {len(values)} values "
            f"from {values[0]:g} to {values[-1]:g} were tried), recommended {value:g}"
        )
    return lines


def _others(choice: Choice, names: Sequence[str]) -> str:
    others = [names[k] for k in choice.alike if k != choice.recommended]
    return ", ".join(others) or "none of those tried"


def _size(rules: SymbolRules, lots: Number) -> str:
    if lots is None:
        return "-"
    size = float(lots) * float(rules.lot)
    return f"{size:,.0f}" if size >= 1_000 else f"{size:.4g}"


def _sizes(rules: SymbolRules, bounds: Interval | None) -> str:
    return "-" if bounds is None else f"{_size(rules, bounds[0])} to {_size(rules, bounds[1])}"
