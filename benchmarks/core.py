"""Events per second of the matching core, alone and beside hftbacktest 2.4.4 on the same events.

Whom it stands for: a researcher who plays recorded days through a strategy thousands of times. The market
is a capture of a busy pair (100 levels a side every 100 ms, and every print), repeated in time.

- book: the book alone. Ours keeps pending prints and clock differences up to date as well.
- own orders: 1, 100, 10,000 orders rest at other prices; what does not concern them should cost nothing.
- quoting: a compiled strategy that each 100 ms cancels and replaces one bid and one ask at the touch, 10 ms
  away, as the rival's tutorials do. Rival: HashMap and ROIVector back-ends, LogProb queue, partial fills.

Left out: loading and converting files, Python strategies, accounts and journal (see replay.py). The rival
keeps two books, the exchange's and the one seen by the strategy, and delivers order responses late; ours
keeps one and reads reports at the next step. Its events carry one time for both books, the form fastest for
it. Fills are not equal: ours splits an order into more partial fills, one per piece of evidence.

    python -m benchmarks.core [--quick] [--no-rival] [--capture FILE --symbols FILE --symbol BTC_USDT]
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import interleave, median_ratio, medians, print_machine, print_table, seconds
from benchmarks.market import DEMO, DEMO_RULES, Market, load_market
from benchmarks.quoting import quote, roomy_state
from benchmarks.rivals import BACKENDS, Rival, hftbacktest
from paper_bitmart.matching.matcher import WINDOW_TICKS, Matcher
from paper_bitmart.matching.models import DEFAULT_MODEL, LOG, QueueModel

STEP_NS, LATENCY_NS, SIZE_LOTS = 100_000_000, 10_000_000, 100
OWN_ORDERS = (0, 1, 100, 10_000)
LIMIT_MAKER = 1


def follow_book(market: Market, window_ticks: int, own_orders: int = 0) -> float:
    """Seconds to play the market while `own_orders` rest at prices that it never reaches."""
    matcher = Matcher(window_ticks=window_ticks)
    start_ns = int(market.events["recv_ns"][0])
    low, high = market.price_range()
    for number in range(own_orders):
        side, depth = number % 2, 1 + number // 2
        price = high + depth if side else low - depth
        matcher.place(number + 1, 0, side, LIMIT_MAKER, price, SIZE_LOTS, 0, 0, start_ns)
    matcher.drain()
    applied = 0

    def play() -> None:
        nonlocal applied
        applied = matcher.process(market.events)

    taken = seconds(play)
    if applied < len(market.events) or len(matcher.drain()) > 0:
        raise RuntimeError(f"stopped at event {applied}, or an order out of reach was filled")
    return taken


class OurQuoting:
    """The quoting load on our core; keeps the number of fills of its last run."""

    def __init__(self, market: Market, model: QueueModel, window_ticks: int) -> None:
        self.market, self.model, self.window_ticks, self.fills = market, model, window_ticks, 0

    def __call__(self) -> float:
        state = roomy_state(self.model, self.window_ticks)
        result: tuple[int, int, int, int] = (0, 0, 0, 0)

        def play() -> None:
            nonlocal result
            result = quote(state, self.market.events, STEP_NS, LATENCY_NS, SIZE_LOTS)

        taken = seconds(play)
        applied, self.fills, _, _ = result
        if applied < len(self.market.events):
            raise RuntimeError(f"an array of the core was too small at event {applied}")
        return taken


def measure_own_orders(market: Market, window_ticks: int, rounds: int, counts: tuple[int, ...]) -> None:
    """Book only, and the same with orders resting elsewhere."""
    sides: dict[str, Callable[[], float]] = {
        f"{count:,}": lambda count=count: follow_book(market, window_ticks, count) for count in counts
    }
    figures = interleave(sides, rounds)
    n = len(market.events)
    rows = [
        (name, f"{n / taken / 1e6:.1f}", f"{median_ratio(figures['0'], figures[name]):.2f}")
        for name, taken in medians(figures).items()
    ]
    print_table(
        "Own orders resting at other prices", ("orders", "M events/s", "speed against none (flat = 1)"), rows
    )


def measure_rival(market: Market, window_ticks: int, rounds: int, rival: Rival | None) -> None:
    """The same loads on both sides, run about."""
    ours = {
        f"paper_bitmart, {model.name} queue": OurQuoting(market, model, window_ticks)
        for model in (DEFAULT_MODEL, LOG)
    }
    compare("Quoting both sides every 100 ms", market, rounds, dict(ours), rival, "quoting")
    counts = {name: side.fills for name, side in ours.items()} | (rival.fills if rival else {})
    print("Fills: " + ", ".join(f"{name} {fills:,}" for name, fills in counts.items()))
    compare(
        "Book only",
        market,
        rounds,
        {"paper_bitmart": lambda: follow_book(market, window_ticks)},
        rival,
        "book",
    )


def compare(
    title: str,
    market: Market,
    rounds: int,
    ours: dict[str, Callable[[], float]],
    rival: Rival | None,
    load: str,
) -> None:
    """Print events/s of every side, and our speed against each, round by round."""
    theirs: dict[str, Callable[[], float]] = {}
    if rival is not None:
        theirs = {f"hftbacktest {name}": lambda name=name: rival.run(name, load) for name in BACKENDS}
    figures = interleave(ours | theirs, rounds)
    n, base = len(market.events), next(iter(ours))
    rows = [
        (name, f"{n / taken / 1e6:.1f}", f"{median_ratio(figures[name], figures[base]):.2f}")
        for name, taken in medians(figures).items()
    ]
    print_table(title, ("side", "M events/s", f"speed of {base} against it"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a short market, one round: does it run?")
    parser.add_argument("--no-rival", action="store_true", help="our side only; needs no package index")
    parser.add_argument("--capture", type=Path, default=DEMO)
    parser.add_argument("--symbols", type=Path, default=DEMO_RULES, help="rules, a symbols/details reply")
    parser.add_argument("--symbol", default="BTC_USDT")
    parser.add_argument("--events", type=int, default=4_000_000, help="repeat the market up to this length")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--window-ticks", type=int, default=WINDOW_TICKS, help="default: the matcher's own")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    counts = OWN_ORDERS[:3] if options.quick else OWN_ORDERS
    market = load_market(
        options.capture, options.symbols, options.symbol, 0 if options.quick else options.events
    )
    print_machine()
    print(
        f"{len(market.events):,} events, {market.span_s:,.0f} s of {market.name}, {rounds} rounds, "
        f"window {options.window_ticks:,} ticks"
    )
    measure_own_orders(market, options.window_ticks, rounds, counts)
    if options.no_rival:
        measure_rival(market, options.window_ticks, rounds, None)
    else:
        with hftbacktest(market, SIZE_LOTS, STEP_NS, LATENCY_NS) as rival:
            measure_rival(market, options.window_ticks, rounds, rival)


if __name__ == "__main__":
    main()
