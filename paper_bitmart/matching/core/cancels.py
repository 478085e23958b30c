"""Who left? The probability that an unexplained drop of a level stood ahead of an own order.

Two stories compete. One guessed order of exactly the dropped size was cancelled (a *twin*). Or several were,
each lot at its own hazard: 1 / (age + young_s), and `steady` besides at the best price of its side: young
orders leave first, and old ones leave when the market comes near. As many leave as the drop says, so that a
drop of nearly everything leaves nearly nobody. Both numbers are what public feeds say of cancels, for the
most part (docs/decisions/0051). Parameters: models.py.
"""

import math

from paper_bitmart.matching.core.compiled import compiled, inlined
from paper_bitmart.matching.core.state import LAST_DEPTH_NS, PUBLISH_NS

YOUNG_S, SETTLED_S, MIXED, PLACES, EMPTIED, STEADY = 0, 1, 2, 3, 4, 5
"""Indices into State.params of the model `places`."""
SECOND = 1e9
TWINS_AHEAD, TWINS_BEHIND, HAZARD_AHEAD, HAZARD_BEHIND, LOTS_AHEAD, LOTS_BEHIND = 0, 1, 2, 3, 4, 5
"""Indices into State.scratch_hazards: sums over guesses of twins' hazards, of hazards times lots, of lots."""
HAZARD_RATIO_MAX = 50.0
"""No lot behind is taken to be likelier to leave than so many ahead, nor the reverse."""


@inlined
def hazard_at(st, age_s, is_touch):
    """Rate at which an order of this age leaves, up to a factor. is_touch: its level is the best price."""
    return 1.0 / (max(age_s, 0.0) + st.params[YOUNG_S]) + (st.params[STEADY] if is_touch else 0.0)


@inlined
def hazard(st, guess, now_ns, is_touch):
    """The rate of a guessed order. What stood there before we looked is settled."""
    age_s = (now_ns - guess["born_ns"]) / SECOND
    if guess["stamp"] == 0:
        age_s += st.params[SETTLED_S]
    return hazard_at(st, age_s, is_touch)


@inlined
def chance_of_one(st, twins, hazards, lots, publish_ns):
    """Probability that a drop of `lots` was one order: twins' hazards against those of all lots there.

    The longer messages wait, the likelier one shows several orders' doings.
    """
    if twins <= 0.0:
        return 0.0
    mixed = st.params[MIXED] * min(publish_ns / SECOND, 1.0)
    return twins / (twins + mixed * hazards / lots)


@inlined
def know_no_guesses(st):
    """Empty scratch_hazards: nothing is known of the queue."""
    for i in range(len(st.scratch_hazards)):
        st.scratch_hazards[i] = 0.0


@compiled
def weigh_guesses(st, level, lots, joined_ns, is_touch):
    """Fill scratch_hazards: hazards of twins of `lots`, hazard-weighted lots, lots, ahead and behind.

    joined_ns: venue time of the message that an order found when it came. Who was there then is ahead, and
    so is what stood at the level before its watch began.
    """
    know_no_guesses(st)
    sums, now_ns = st.scratch_hazards, st.scalars[LAST_DEPTH_NS]
    slot = level["newest"]
    while slot >= 0:
        guess = st.guesses[slot]
        alive = guess["alive"]
        rate = hazard(st, guess, now_ns, is_touch) * alive
        behind = 0 if guess["stamp"] == 0 or guess["born_ns"] <= joined_ns else 1
        if guess["lots"] == lots:
            sums[TWINS_AHEAD + behind] += rate
        sums[HAZARD_AHEAD + behind] += rate * guess["lots"]
        sums[LOTS_AHEAD + behind] += alive * guess["lots"]
        slot = guess["prev"]


@inlined
def chance_ahead(st, ahead, behind, cancelled, is_touch):
    """Probability that the cancelled lots were ahead, with so many lots of others ahead and behind.

    Uses what weigh_guesses() found; 0 or 1 where nobody stands on one side.
    """
    if ahead <= 0.0:
        return 0.0
    if behind <= 0.0:
        return 1.0
    sums = st.scratch_hazards
    twins_ahead, twins_behind = 0.0, 0.0
    rate_ahead = hazard_at(st, st.params[SETTLED_S], is_touch)
    rate_behind = hazard_at(st, 0.0, is_touch)
    if sums[LOTS_AHEAD] > 0.0:
        rate_ahead = sums[HAZARD_AHEAD] / sums[LOTS_AHEAD]
        if ahead >= cancelled:
            twins_ahead = sums[TWINS_AHEAD] * min(1.0, ahead / sums[LOTS_AHEAD])
    if sums[LOTS_BEHIND] > 0.0:
        rate_behind = sums[HAZARD_BEHIND] / sums[LOTS_BEHIND]
        if behind >= cancelled:
            twins_behind = sums[TWINS_BEHIND] * min(1.0, behind / sums[LOTS_BEHIND])
    ratio = min(HAZARD_RATIO_MAX, max(1.0 / HAZARD_RATIO_MAX, rate_behind / rate_ahead))
    chance = leave_evenly(ahead, behind, cancelled, ratio) / cancelled
    twins = twins_ahead + twins_behind
    if twins > 0.0:
        hazards = ahead * rate_ahead + behind * rate_behind
        one = chance_of_one(st, twins, hazards, cancelled, st.scalars[PUBLISH_NS])
        chance = one * twins_ahead / twins + (1.0 - one) * chance
    return chance


@inlined
def leave_evenly(ahead, behind, cancelled, ratio):
    """Mean lots that leave from ahead when each lot behind leaves at `ratio` times the hazard of one ahead.

    Mean of Wallenius' noncentral hypergeometric distribution: A (1 - e^-s) + B (1 - e^-rs) = C, solved for s
    by Newton's method, which comes from below without overshooting.
    """
    if cancelled >= ahead + behind:
        return ahead
    s = 0.0
    for _ in range(40):
        stay_ahead, stay_behind = ahead * math.exp(-s), behind * math.exp(-ratio * s)
        missing = cancelled - (ahead - stay_ahead) - (behind - stay_behind)
        if missing < 1e-10 * cancelled:
            break
        s += missing / (stay_ahead + ratio * stay_behind)
    return min(ahead, ahead * (1.0 - math.exp(-s)))
