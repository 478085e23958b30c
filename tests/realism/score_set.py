"""A small made-up set in the form of the order-by-order sets, for holding our scorer to their own.

    python -m tests.realism.score_set FOLDER
    python score.py FOLDER FOLDER/out.jsonl --json > fixtures/score/expected.json

`score.py` is the scorer that comes with the sets. The market is a random walk and the simulated fills are the
true ones with every kind of mistake: missed, false, late, early, partial, off price.
"""

import json
import sys
from pathlib import Path

import numpy as np

START_NS = 1_700_000_000_000_000_000
MS = 10**6
ORDERS = 240
RULES_ROW = {
    "symbol": "BTC_USDT", "symbol_id": 1, "base_currency": "BTC", "quote_currency": "USDT",
    "quote_increment": "1", "base_min_size": "1", "price_min_precision": 0, "price_max_precision": 2,
    "expiration": "NA", "min_buy_amount": "0", "min_sell_amount": "0", "trade_status": "trading",
    "price_tick": "0.25",
}  # fmt: skip
CLASSES = ("touch", "behind1", "inside", "taker")


def write(folder: Path, seed: int = 7) -> None:
    """truth.jsonl, out.jsonl, bbo.csv.gz, symbols.json and meta.json."""
    import gzip

    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.Generator(np.random.PCG64(seed))
    mids = np.cumsum(random.integers(-1, 2, 1_200)) * 0.25 + 1_000
    with gzip.open(folder / "bbo.csv.gz", "wt") as file:
        file.write("ts_ns,bid,ask\n")
        for second, mid in enumerate(mids.tolist()):
            file.write(f"{START_NS + second * 500 * MS},{mid - 0.25},{mid + 0.25}\n")
    truth, out = [], []
    for number in range(ORDERS):
        order, events = _order(random, number, mids)
        truth.append(order)
        out += events
    for name, rows in (("truth", truth), ("out", out)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "symbols.json").write_text(json.dumps({"code": 1000, "data": {"symbols": [RULES_ROW]}}))
    (folder / "meta.json").write_text(json.dumps({"set": "made_up", "tick": "0.25"}))


def _order(random, number, mids):
    at_ns = START_NS + int(random.integers(0, 540_000)) * MS
    kind = CLASSES[int(random.choice(4, p=(0.5, 0.2, 0.2, 0.1)))]
    side = "buy" if random.random() < 0.5 else "sell"
    size = int(random.choice((1, 4)))
    price = mids[(at_ns - START_NS) // (500 * MS)] + (-0.25 if side == "buy" else 0.25)
    name, role = f"m{number:03}", "taker" if kind == "taker" else "maker"
    life_ns = int(random.choice((5, 30))) * 1_000 * MS
    filled_ns = at_ns + int(random.integers(0, life_ns // MS)) * MS
    rejected = random.random() < 0.03
    filled = not rejected and (kind == "taker" or random.random() < 0.5)
    part = size if random.random() < 0.8 else max(1, size // 2)
    order = {
        "client_order_id": name, "symbol": "BTC_USDT", "ts": at_ns,
        "cancel_ts": at_ns + life_ns, "side": side,
        "type": "limit", "price": f"{price:.2f}", "size": str(size), "class": kind,
        "size_class": "small" if size == 1 else "medium", "life_s": life_ns // (1_000 * MS),
        "stale_view": bool(random.random() < 0.2), "accepted": not rejected,
        "contested": bool(kind == "touch" and random.random() < 0.3),
        "fills": [[filled_ns, f"{price:.2f}", str(part), role]] if filled else [],
    }  # fmt: skip
    event = {"ts": at_ns, "client_order_id": name, "event": "reject" if rejected else "accept"}
    events = [event if rejected else event | {"queue_ahead": float(random.integers(0, 20))}]
    if filled != (random.random() < 0.1) and not rejected:
        late_ns = int(random.choice((0, 50, 400, -60))) * MS
        paid = price + 0.25 * int(kind == "taker" and random.random() < 0.3)
        if number % 60 == 0:
            paid, late_ns = price + 0.25, life_ns
        shown = [part] if part == 1 or number % 3 else [1, part - 1]
        events += [
            {"ts": filled_ns + late_ns + k, "client_order_id": name, "event": "fill", "price": f"{paid:.2f}",
             "size": lots, "role": role}
            for k, lots in enumerate(shown)
        ]  # fmt: skip
    if number % 80 == 0:
        events.append({"ts": at_ns, "client_order_id": "stranger", "event": "accept"})
    return order, events


if __name__ == "__main__":
    write(Path(sys.argv[1]))
