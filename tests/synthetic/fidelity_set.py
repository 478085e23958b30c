"""Makes a folder in the layout of the fidelity sets out of a synthetic market.

    python tests/synthetic/fidelity_set.py DIR [--regimes share,future] [--seconds 600] [--orders 3000]

Every regime gets DIR/NAME_SEED with the captures, symbols, orders, truth and mid prices that
`benchmarks/fidelity.py` and `paper-bitmart score` read.
"""

import argparse
import csv
import gzip
import io
import json
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from random import Random

from flow import Flow, S
from l3_book import ASK, BID, Book, better
from publish import INTERVAL_NS, Scale, captures, write_capture
from regimes import REGIMES, Regime
from true_fills import Life, Log

LIVES_S = (5, 30, 120)
CLASSES = ("touch",) * 5 + ("behind1", "behind2", "behind5", "level2", "inside", "taker")
SIDE_NAMES = ("buy", "sell")


@dataclass
class Hypothetical:
    """An order nobody sees: what was asked, and what the exact book said when it came."""

    at_ns: int
    end_ns: int
    side: int
    kind: str
    price: int
    lots: int
    size_class: str
    stale: bool
    rejected: bool
    taken: list
    life: Life | None
    ahead: int


class Client:
    """Draws orders from the book that a client of the 100 ms feed sees, and meets the exact one with them."""

    def __init__(self, regime: Regime, seed: int, seconds: float, count: int) -> None:
        self.regime, self.random = regime, Random(f"client/{regime.name}/{seed}")
        start = Flow(regime, seed, seconds).start_ns
        span = int(seconds * S) - 5 * S
        self.times = sorted(start + S + int(self.random.random() * span) for _ in range(count))
        self.orders: list[Hypothetical] = []
        self.opening: tuple = ({}, {})

    def on_start(self, book: Book) -> None:
        self.opening = tuple(dict(side) for side in book.totals)
        self.seen = [sorted(side) for side in book.totals]
        self._n, self._levels = 0, tuple(dict(side) for side in book.totals)

    def on_probe(self, at_ns: int, index: int, book: Book) -> None:
        self._look(at_ns, book)
        bids, asks = self.seen
        if len(bids) < 3 or len(asks) < 3:
            return
        kind, side = self.random.choice(CLASSES), self.random.randrange(2)
        order = self._draw(kind, side, bids[::-1], asks)
        if order is None:
            return
        price, lots, size_class = order
        end_ns = at_ns + self.random.choice(LIVES_S) * S
        stale = (bids[-1], asks[0]) != (book.best(BID), book.best(ASK))
        self._meet(book, at_ns, end_ns, side, kind, price, lots, size_class, stale)

    def _look(self, at_ns: int, book: Book) -> None:
        """The levels as of the last 100 ms boundary."""
        until = bisect_right(book.changes, at_ns // INTERVAL_NS * INTERVAL_NS - 1, key=lambda c: c.at_ns)
        if until == self._n:
            return
        for change in book.changes[self._n : until]:
            if change.lots:
                self._levels[change.side][change.price] = change.lots
            else:
                self._levels[change.side].pop(change.price, None)
        self._n = until
        self.seen = [sorted(side) for side in self._levels]

    def _draw(self, kind, side, bids, asks):
        """(price, lots, size class), or None when the class makes no sense now."""
        own, other = (bids, asks) if side == BID else (asks, bids)
        back = -1 if side == BID else 1
        medium = self.regime.sizes[-1]
        size_class = self.random.choice(("small", "medium"))
        lots = 1 if size_class == "small" else medium
        if kind == "taker":
            if self.random.random() < 0.4:
                size_class = "sweep"
                lots = self._levels[1 - side][other[0]] + self._levels[1 - side][other[1]]
            return other[2], lots, size_class
        if kind == "inside":
            price = own[0] - back
            return (price, lots, size_class) if price != other[0] else None
        behind = {"touch": 0, "behind1": 1, "behind2": 2, "behind5": 5}
        price = own[1] if kind == "level2" else own[0] + back * behind[kind]
        return (price, lots, size_class) if price > 0 else None

    def _meet(self, book, at_ns, end_ns, side, kind, price, lots, size_class, stale):
        other = 1 - side
        crossing = book.best(other) is not None and not better(other, price, book.best(other))
        rejected = crossing and kind != "taker"
        taken, leaves = [], lots
        if crossing and not rejected:
            prices = list(book.totals[other])
            for level in sorted(prices, reverse=other == BID):
                if better(other, price, level) or leaves == 0:
                    break
                took = min(leaves, book.totals[other][level])
                taken.append((at_ns, level, took))
                leaves -= took
        life = None
        if leaves and not rejected:
            life = Life(side, price, leaves, book.next_id - 1, at_ns, end_ns)
        ahead = book.size_at(side, price)
        self.orders.append(
            Hypothetical(
                at_ns, end_ns, side, kind, price, lots, size_class, stale, rejected, taken, life, ahead
            )
        )


def make_set(folder: Path, regime: Regime, *, seed: int, seconds: float, orders: int) -> None:
    """Write the whole folder."""
    client = Client(regime, seed, seconds, orders)
    flow = Flow(regime, seed, seconds, client.times, client.on_probe, client.on_start)
    book = flow.play()
    scale = Scale(f"{regime.name.upper().replace('_', '')}_USDT", regime.tick_digits, regime.lot_digits)
    folder.mkdir(parents=True, exist_ok=True)
    for feed, lines in captures(book, client.opening, scale, flow.start_ns, seed).items():
        write_capture(folder / f"capture_{feed}.jsonl.gz", lines)
    _write_symbols(folder / "symbols.json", scale)
    _write_orders(folder, client.orders, Log(book), scale)
    _write_mids(folder / "bbo.csv.gz", book, client.opening, scale, flow.start_ns)
    meta = {"set": folder.name, "symbol": scale.symbol, "tick": scale.price(1), "lot": scale.size(1)}
    meta |= {"seconds": seconds, "orders": len(client.orders), "trades": len(book.executions)}
    meta |= {"changes": len(book.changes)}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))


def _write_symbols(path: Path, scale: Scale) -> None:
    symbol = {
        "symbol": scale.symbol, "symbol_id": 1, "base_currency": scale.symbol.split("_")[0],
        "quote_currency": "USDT", "quote_increment": scale.size(1), "base_min_size": scale.size(1),
        "price_min_precision": 0, "price_max_precision": scale.tick_digits, "expiration": "NA",
        "min_buy_amount": "0.00000001", "min_sell_amount": "0.00000001", "trade_status": "trading",
    }  # fmt: skip
    answer = {"message": "OK", "code": 1000, "trace": "synthetic", "data": {"symbols": [symbol]}}
    path.write_text(json.dumps(answer, indent=1))


def _write_orders(folder: Path, orders: list[Hypothetical], log: Log, scale: Scale) -> None:
    lines, truths = [], []
    for i, order in enumerate(orders):
        name, account = f"s{i:05d}", f"a{i:05d}"
        kind = "limit" if order.kind == "taker" else "limit_maker"
        price, size = scale.price(order.price), scale.size(order.lots)
        both = {"account": account, "client_order_id": name, "symbol": scale.symbol}
        asked = {"side": SIDE_NAMES[order.side], "type": kind, "price": price, "size": size}
        lines.append((order.at_ns, {"ts": order.at_ns, "action": "submit", **both, **asked}))
        lines.append((order.end_ns, {"ts": order.end_ns, "action": "cancel", **both}))
        fills = [(at, p, lots, "taker") for at, p, lots in order.taken]
        contested = False
        if order.life is not None:
            fate = log.fate(order.life)
            fills += [(at, order.price, lots, "maker") for at, lots in fate.fills]
            contested = fate.contested and order.kind != "taker"
        filled = sum(lots for _, _, lots, _ in fills)
        truths.append({
            "client_order_id": name, "symbol": scale.symbol, "ts": order.at_ns, "cancel_ts": order.end_ns,
            **asked, "class": order.kind, "size_class": order.size_class,
            "life_s": (order.end_ns - order.at_ns) // S, "stale_view": order.stale,
            "accepted": not order.rejected, "queue_ahead": scale.size(order.ahead), "contested": contested,
            "filled": scale.size(filled), "first_fill_ts": fills[0][0] if fills else None,
            "full_fill_ts": fills[-1][0] if filled == order.lots else None,
            "avg_price": _average(fills, scale),
            "fills": [[at, scale.price(p), scale.size(lots), role] for at, p, lots, role in fills],
        })  # fmt: skip
    lines.sort(key=lambda line: line[0])
    _write_lines(folder / "orders.jsonl", [line for _, line in lines])
    _write_lines(folder / "truth.jsonl", truths)


def _average(fills, scale: Scale):
    lots = sum(lots for _, _, lots, _ in fills)
    return sum(p * n for _, p, n, _ in fills) / lots / 10**scale.tick_digits if lots else None


def _write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


def _write_mids(path: Path, book: Book, opening, scale: Scale, start_ns: int) -> None:
    from sortedcontainers import SortedDict

    sides = tuple(SortedDict(side) for side in opening)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("ts_ns", "bid", "ask"))
    last = None
    for at_ns, side, price, lots in [(start_ns, BID, 0, 0), *book.changes]:
        if lots:
            sides[side][price] = lots
        else:
            sides[side].pop(price, None)
        if sides[BID] and sides[ASK]:
            best = (sides[BID].keys()[-1], sides[ASK].keys()[0])
            if best != last:
                rows.writerow((at_ns, *map(scale.price, best)))
                last = best
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.write(text.getvalue().encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--regimes", default=",".join(REGIMES))
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--orders", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in options.regimes.split(","):
        folder = options.folder / f"{name}_{options.seed}"
        make_set(folder, REGIMES[name], seed=options.seed, seconds=options.seconds, orders=options.orders)
        print(folder, (folder / "meta.json").read_text().replace("\n", ""))


if __name__ == "__main__":
    main()
