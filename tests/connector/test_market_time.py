"""Stepped time and replay are two ways to do the same: the same commands have the same fills, to the ns."""

import asyncio
import gzip
import json

import pytest
from small_market import DEMO, DEMO_RULES, MARKET, MS, START_NS, Files, depth, submit, trade

from paper_bitmart.backtest.replay import ReplayOptions, replay
from paper_bitmart.bitmart.decimals import parse_decimal
from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.connector.paper_exchange import PaperOptions, open_exchange
from paper_bitmart.exchange.events import OrderCanceled, OrderFilled
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.exchange.orders import NewOrder


async def stepped(options, rows):
    """Send the rows of an ORDERS file at their times; (name, what, ts, price, size) of fills and cancels."""
    exchange, told, sent = open_exchange(options), [], []
    session, rules = exchange.session, exchange.rules

    def note(events):
        for event in events:
            if isinstance(event, OrderFilled):
                fill, symbol = event.fill, rules[event.fill.symbol]
                told.append(
                    (
                        fill.client_order_id,
                        fill.role,
                        fill.at_ns,
                        symbol.format_price(fill.price_ticks),
                        symbol.size(fill.size_lots),
                    )
                )
            elif isinstance(event, OrderCanceled):
                told.append((event.order.client_order_id, "cancel", event.at_ns, None, None))

    await exchange.start()
    session.subscribe(note)
    for row in rows:
        await exchange.time.wait(row["ts"] - exchange.now_ns())
        if row["action"] == "submit":
            order = NewOrder(
                symbol=row["symbol"],
                side=Side(row["side"]),
                type=OrderType(row["type"]),
                price=parse_decimal(row["price"]),
                size=parse_decimal(row["size"]),
                notional=None,
                client_order_id=row["client_order_id"],
                stp_mode=StpMode.NONE,
            )
            command = session.submit(exchange.account, order)
        else:
            command = session.cancel(exchange.account, client_order_id=row["client_order_id"])
        sent.append(asyncio.ensure_future(command))
    await exchange.time.wait(20 * 10**9)
    await asyncio.gather(*sent)
    await session.close()
    return told


def replayed(options):
    replay(options)
    rows = [json.loads(line) for line in options.out.read_text().splitlines()]
    assert not [row for row in rows if row["event"].endswith("reject")]
    return [
        (row["client_order_id"], row["role"], row["ts"], row["price"], parse_decimal(row["size"]))
        if row["event"] == "fill"
        else (row["client_order_id"], "cancel", row["ts"], None, None)
        for row in rows
        if row["event"] in ("fill", "cancel")
    ]


def by_order(told):
    return sorted(told, key=lambda row: (row[0], row[2]))


@pytest.mark.parametrize("latency_ms", [1, 37, 99, 100, 163])
async def test_a_command_that_arrives_within_a_step_meets_the_market_of_its_own_moment(tmp_path, latency_ms):
    """The ask moves away 30 ms after the order was sent: whether it is met depends on the latency alone."""
    market = (
        *MARKET,
        depth(2_530, asks=[("100.02", "0"), ("100.03", "9")], version=4),
        trade(2_560, "buy", "100.03", "1"),
        depth(2_590, asks=[("100.03", "1"), ("100.02", "2")], version=5),
        depth(6_000, version=6),
    )
    orders = [submit(2_500, "x", kind="ioc", price="100.02", size="1")]
    files, latency = Files(tmp_path, market, orders), LatencyChoice(entry_ns=latency_ms * MS)
    # Time passes in whole steps of 100 ms only if nothing else divides them.
    options = PaperOptions(capture=files.capture, symbols=files.symbols, speed=None, latency=latency)
    told = await stepped(options, orders)
    assert told == replayed(files.options(latency=latency))
    expected = "cancel" if latency_ms == 37 else "taker"
    assert [(row[1], row[2]) for row in told] == [(expected, START_NS + (2_500 + latency_ms) * MS)]


async def test_orders_on_the_demo_market_have_the_fills_of_the_replay(tmp_path):
    orders, last_price = [], {}
    with gzip.open(DEMO, "rt") as demo:
        lines = demo.readlines()
    for line in lines:
        at, _, text = line.partition(" ")
        message = json.loads(text)
        if message.get("table") != "spot/trade":
            continue
        last_price[message["data"][0]["symbol"]] = message["data"][0]["price"]
        if len(orders) < 300 and int(at) // 10**8 % 3 == 0 and len(last_price) == 2:
            number, symbol = len(orders), sorted(last_price)[len(orders) % 2]
            orders.append({
                "ts": int(at) + 7_000_001 * (number % 13), "account": "default", "action": "submit",
                "client_order_id": f"o{number}", "symbol": symbol, "side": ("buy", "sell")[number // 2 % 2],
                "type": "limit", "price": last_price[symbol], "size": "0.01",
            })  # fmt: skip
    orders.sort(key=lambda row: row["ts"])
    path, latency = tmp_path / "orders.jsonl", LatencyChoice(entry_ns=37 * MS)
    path.write_text("".join(json.dumps(row) + "\n" for row in orders))
    balances = {"USDT": parse_decimal("1000000"), "BTC": parse_decimal("10"), "ETH": parse_decimal("100")}
    options = PaperOptions(capture=DEMO, symbols=DEMO_RULES, speed=None, latency=latency, balances=balances)
    told = await stepped(options, orders)
    again = replayed(ReplayOptions(
        capture=DEMO, symbols=DEMO_RULES, orders=path, out=tmp_path / "out.jsonl", latency=latency,
        balances=balances,
    ))  # fmt: skip
    assert by_order(told) == by_order(again)
    assert len(told) > 100
