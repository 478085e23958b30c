"""Real orders made up by replay: what "the venue" did is a replay under a known model and a known delay."""

import csv
import json
from random import Random

from paper_bitmart.backtest.best_prices import best_prices
from paper_bitmart.backtest.replay import ReplayOptions, replay
from paper_bitmart.backtest.tape import open_data
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.exchange.fees import NO_FEES
from paper_bitmart.exchange.latency_choice import LatencyChoice

S, MS = 10**9, 10**6
KINDS = ("limit_maker", "limit_maker", "limit", "ioc")
COLUMNS = (
    "order_id", "symbol", "side", "type", "price", "size", "sent_ns", "cancel_ns", "fill_ns", "fill_price",
    "fill_size", "fill_role",
)  # fmt: skip


class Fabricated:
    """By client order id: `orders` commands, `fills` OUT events, `ended` when and by whom cancelled."""

    def __init__(self, capture, symbols, folder, *, count, model, delay_ms, seed=1, life_s=(1, 5)):
        self.rules = load_rules(symbols)
        self.orders, self.cancel_sent = {}, {}
        random = Random(seed)
        for tape in open_data(capture, self.rules).values():
            self._draw(tape, random, count, life_s)
        rows = [{"ts": row["ts"], **row} for row in self.orders.values()]
        rows += [
            {"ts": at_ns, "account": "real", "action": "cancel", "client_order_id": name}
            for name, at_ns in self.cancel_sent.items()
        ]
        rows.sort(key=lambda row: row["ts"])
        commands, out = folder / "fabricated.jsonl", folder / "fabricated_out.jsonl"
        commands.write_text("".join(json.dumps(row) + "\n" for row in rows))
        latency = LatencyChoice(entry_ns=round(delay_ms * MS))
        replay(
            ReplayOptions(
                capture=capture, symbols=symbols, orders=commands, out=out, fees=NO_FEES,
                queue_model=model, latency=latency,
            )
        )  # fmt: skip
        self.fills, self.accepted, self.ended = {}, {}, {}
        for line in out.read_text().splitlines():
            event = json.loads(line)
            name = event["client_order_id"]
            if event["event"] == "fill":
                self.fills.setdefault(name, []).append(event)
            elif event["event"] == "accept":
                self.accepted[name] = event["ts"]
            elif event["event"] == "cancel":
                self.ended[name] = event["ts"], event["source"]

    def _draw(self, tape, random, count, life_s):
        first, last = tape.first_ns + S, tape.last_ns - (life_s[1] + 2) * S
        times = sorted(random.randrange(first, last) for _ in range(count))
        bids, asks = best_prices(tape, times)
        for number, (at_ns, bid, ask) in enumerate(zip(times, bids.tolist(), asks.tolist(), strict=True)):
            side, kind = random.choice(("buy", "sell")), random.choice(KINDS)
            rests = kind == "limit_maker"
            price = bid if (side == "buy") == rests else ask
            name = f"o{number:04}"
            self.orders[name] = {
                "ts": at_ns, "account": "real", "action": "submit", "client_order_id": name,
                "symbol": tape.rules.symbol, "side": side, "type": kind,
                "price": tape.rules.format_price(price),
                "size": tape.rules.format_size(random.randint(100, 4_000)),
            }  # fmt: skip
            if kind != "ioc":
                self.cancel_sent[name] = at_ns + random.randint(*life_s) * S

    def write_csv(self, path):
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for name, row in self.orders.items():
                by_user = self.ended.get(name, (0, ""))[1] == "user"
                own = [name, *(row[key] for key in COLUMNS[1:6]), row["ts"]]
                own.append(self.cancel_sent[name] if by_user else "")
                for fill in self.fills.get(name, [None]):
                    told = [fill[key] for key in ("ts", "price", "size", "role")] if fill else [""] * 4
                    table.writerow([*own, *told])
        return path

    def bitmart_rows(self):
        """Order rows and trade rows as the venue's queries answer them, times in whole ms."""
        orders, trades = [], []
        for name, row in self.orders.items():
            fills = self.fills.get(name, [])
            ended, source = self.ended.get(name, (0, ""))
            filled = sum(round(float(fill["size"]) * 1000) for fill in fills)
            state = "partially_canceled" if fills else "canceled"
            if not ended:
                state = "filled" if filled == round(float(row["size"]) * 1000) else "new"
            orders.append({
                "orderId": f"9{name[1:]}", "clientOrderId": name, "symbol": row["symbol"],
                "side": row["side"], "orderMode": "spot", "type": row["type"], "state": state,
                "cancelSource": source,
                "price": row["price"], "priceAvg": "0.00", "size": row["size"],
                "filledSize": f"{filled / 1000:.3f}",
                "notional": "1.00000000", "filledNotional": "0.00000000", "createTime": row["ts"] // MS,
                "updateTime": max([ended, row["ts"], *(fill["ts"] for fill in fills)]) // MS,
            })  # fmt: skip
            trades += [
                {
                    "tradeId": f"{name[1:]}{k}", "orderId": f"9{name[1:]}", "clientOrderId": name,
                    "symbol": row["symbol"], "side": row["side"], "orderMode": "spot", "type": row["type"],
                    "price": fill["price"], "size": fill["size"], "notional": "1", "fee": "0",
                    "feeCoinName": "USDT", "tradeRole": fill["role"], "createTime": fill["ts"] // MS,
                    "updateTime": fill["ts"] // MS,
                }
                for k, fill in enumerate(fills)
            ]  # fmt: skip
        return orders, trades
