"""Candles over REST: klines and lite-klines, which differ in name only (protocol reference 4.11)."""

from __future__ import annotations

from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.bitmart.rest_messages import KlineRow
from paper_bitmart.feed.klines import STEPS_MIN, Candle
from paper_bitmart.server import market_wire
from paper_bitmart.server.endpoint import Call, Endpoint
from paper_bitmart.server.rest_public import market_symbol

LIMIT_DEFAULT, LIMIT_MAX = 100, 200
STEP_DEFAULT_MIN = 1


def klines(call: Call) -> list[KlineRow]:
    """GET /spot/quotation/v3/klines and lite-klines: newest first, both bounds exclusive.

    Without `before` but with `after`: the candles that follow it; else the latest ones (of the interval).
    """
    view = call.context.session.views[market_symbol(call)]
    before_s, after_s = _bounds(call)
    step_min = call.params.integer("step", 71005)
    if step_min is None:
        step_min = STEP_DEFAULT_MIN
    if step_min not in STEPS_MIN:
        raise refusal(71005, field="step", value=step_min)
    limit = _limit(call)
    candles = [row for row in view.klines(step_min) if _is_inside(row, before_s, after_s)]
    follows = after_s is not None and before_s is None
    picked = candles[:limit] if follows else candles[-limit:]
    return [market_wire.candle(row, view.rules) for row in reversed(picked)]


def _bounds(call: Call) -> tuple[int | None, int | None]:
    """`before` and `after` in s: 71002, 71001 for no time, 71003 for an interval that holds none."""
    before_s = call.params.integer("before", 71002)
    after_s = call.params.integer("after", 71001)
    if before_s is not None and before_s < 0:
        raise refusal(71002, field="before", limit=0, value=before_s)
    if after_s is not None and after_s < 0:
        raise refusal(71001, field="after", limit=0, value=after_s)
    if before_s is not None and after_s is not None and before_s <= after_s:
        raise refusal(71003, field="before", limit=after_s, value=before_s)
    return before_s, after_s


def _limit(call: Call) -> int:
    limit = call.params.integer("limit", 71004)
    if limit is not None and limit < 1:
        raise refusal(71004, field="limit", limit=1, value=limit)
    return min(limit or LIMIT_DEFAULT, LIMIT_MAX)


def _is_inside(row: Candle, before_s: int | None, after_s: int | None) -> bool:
    return (before_s is None or row.open_s < before_s) and (after_s is None or row.open_s > after_s)


ENDPOINTS = tuple(Endpoint("GET", f"/spot/quotation/v3/{name}", klines) for name in ("klines", "lite-klines"))
