"""Queue models: how much of an unexplained drop of a level was ahead of an own order.

Each model answers one question. A level showed `ahead + behind` lots of others, `cancelled` lots left
without a print; how many of them stood ahead? 0 <= answer <= min(ahead, cancelled), and at least
cancelled - behind, since no more can leave from behind than stands there.
"""

import math

from paper_bitmart.matching.core.compiled import inlined
from paper_bitmart.matching.core.custom import call_share
from paper_bitmart.matching.core.state import snap

CUSTOM = -1
CONSERVATIVE, PROPORTIONAL, POWER, LOG, BACKWEIGHTED, ORDER_LIST, PLACES_MODEL = 0, 1, 2, 3, 4, 5, 6


@inlined
def share_ahead(model, params, custom, ahead, behind, cancelled, twins_ahead, twins_behind):
    """Share of a cancel that is taken from ahead, by model; 0 <= share <= 1. A, B: lots ahead and behind.

    conservative: 0, everything leaves from behind first.
    proportional: A / (A + B).
    power: A^n / (A^n + B^n), n = params[0].
    log: ln(1 + A) / (ln(1 + A) + ln(1 + B)).
    backweighted: 1 - ln(1 + B/u) / ln(1 + (A + B)/u), u = params[0] lots: one order's usual size.
    order_list: a / (a + w b), where a = twins ahead + e A / cancelled, b likewise behind. A twin is a guessed
    order of exactly the cancelled size; lots that no guess tells apart hold e = params[1] of a twin for each
    cancelled size that fits; an order behind, being younger, is w = params[0] times as likely to leave.
    custom: what the function at the address `custom` says; no number counts as 0.
    """
    if ahead <= 0.0:
        return 0.0
    if behind <= 0.0:
        return 1.0
    if model == CUSTOM:
        share = call_share(custom, ahead, behind, cancelled)
        return min(share, 1.0) if share >= 0.0 else 0.0
    if model == CONSERVATIVE:
        return 0.0
    if model == PROPORTIONAL:
        return ahead / (ahead + behind)
    if model == POWER:
        a, b = ahead ** params[0], behind ** params[0]
        return a / (a + b)
    if model == LOG:
        a, b = math.log(1.0 + ahead), math.log(1.0 + behind)
        return a / (a + b)
    if model == ORDER_LIST:
        a = twins_ahead + params[1] * ahead / cancelled
        b = twins_behind + params[1] * behind / cancelled
        return a / (a + params[0] * b)
    u = params[0]
    return 1.0 - math.log(1.0 + behind / u) / math.log(1.0 + (ahead + behind) / u)


@inlined
def cancelled_ahead(model, params, custom, ahead, behind, cancelled, twins_ahead, twins_behind):
    """Lots of `cancelled` that left from ahead, within the bounds every model must respect."""
    behind = max(behind, 0.0)
    lots = cancelled * share_ahead(model, params, custom, ahead, behind, cancelled, twins_ahead, twins_behind)
    lots = max(lots, cancelled - behind)
    return snap(min(lots, min(ahead, cancelled)))
