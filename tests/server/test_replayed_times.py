"""Outgoing times of a recording that loops: on the exchange's clock, and never back."""

from test_admin_clock import SECOND_NS, replaying

SYMBOL = "BTC_USDT"
LAPS = 3
STEP_S = 7


async def test_no_outgoing_time_goes_back_when_the_recording_begins_anew():
    async with replaying() as exchange:
        seen = {}
        for _ in range(LAPS * 60 // STEP_S):
            exchange.wall.advance(STEP_S * SECOND_NS)
            await exchange.settle()
            now_ms = (await exchange.get("/system/time")).data["server_time"]
            assert now_ms == exchange.session.clock.now_ns() // 10**6
            book = (await exchange.get("/spot/quotation/v3/books", symbol=SYMBOL)).data
            ticker = (await exchange.get("/spot/quotation/v3/ticker", symbol=SYMBOL)).data
            trades = (await exchange.get("/spot/quotation/v3/trades", symbol=SYMBOL)).data
            candles = (await exchange.get("/spot/quotation/v3/lite-klines", symbol=SYMBOL)).data
            times_ms = {
                "now": now_ms,
                "book": int(book["ts"]),
                "ticker": int(ticker["ts"]),
                "trade": int(trades[0][1]),
                "candle": int(candles[0][0]) * 1000,
            }
            assert [int(row[1]) for row in trades] == sorted((int(row[1]) for row in trades), reverse=True)
            for name, at_ms in times_ms.items():
                assert seen.get(name, 0) <= at_ms <= now_ms, name
            seen = times_ms
        assert exchange.session.source.playback.lap >= LAPS - 1
