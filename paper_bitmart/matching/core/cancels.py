"""Who left? The probability that an unexplained drop of a level stood ahead of an own order.

Two stories compete. One guessed order of exactly the dropped size was cancelled (a *twin*). Or several were,
each lot at its own hazard: 1 / (age + young_s) + steady, the law that young orders leave first but no order
stays for ever; as many leave as the drop says, so that a drop of nearly everything leaves nearly nobody.
Parameters: models.py.
"""

import math

from paper_bitmart.matching.core.compiled import compiled, inlined
from paper_bitmart.matching.core.state import LAST_DEPTH_NS, PUBLISH_NS

YOUNG_S, SETTLED_S, MIXED, PLACES, EMPTIED, STEADY = 0, 1, 2, 3, 4, 5
"""Indices into State.params of the model `places`."""
SECOND = 1e9
TWINS_AHEAD, TWINS_BEHIND, HAZARD_AHEAD, HAZARD_BEHIND, LOTS_AHEAD, LOTS_BEHIND = 0, 1, 2, 3, 4, 5
"""Indices into State.scratch_hazards."""
HAZARD_RATIO_MAX = 50.0
"""No lot behind is taken to be likelier to leave than so many ahead, nor the reverse."""


@inlined
def hazard_at(st, age_s):
    """Rate at which an order of this age leaves, up to a factor."""
    return 1.0 / (max(age_s, 0.0) + st.params[YOUNG_S]) + st.params[STEADY]


@inlined
def hazard(st, guess):
    """The rate of a guessed order. What stood there before we looked is settled."""
    age_s = (st.scalars[LAST_DEPTH_NS] - guess["born_ns"]) / SECOND
    if guess["stamp"] == 0:
        age_s += st.params[SETTLED_S]
    return hazard_at(st, age_s)


@inlined
def chance_of_one(st, twins, hazards, lots):
    """Probability that a drop of `lots` was one order: twins' hazards against those of all lots there.

    The longer messages wait, the likelier one shows several orders' doings.
    """
    if twins <= 0.0:
        return 0.0
    mixed = st.params[MIXED] * min(st.scalars[PUBLISH_NS] / SECOND, 1.0)
    return twins / (twins + mixed * hazards / lots)


@compiled
def weigh_guesses(st, level, lots, joined_stamp):
    """Fill scratch_hazards: hazards of twins of `lots` and hazard-weighted lots, ahead and behind; lots."""
    sums = st.scratch_hazards
    for i in range(len(sums)):
        sums[i] = 0.0
    slot = level["newest"]
    while slot >= 0:
        guess = st.guesses[slot]
        alive = guess["alive"]
        rate = hazard(st, guess) * alive
        behind = 0 if guess["stamp"] < joined_stamp else 1
        if guess["lots"] == lots:
            sums[TWINS_AHEAD + behind] += rate
        sums[HAZARD_AHEAD + behind] += rate * guess["lots"]
        sums[LOTS_AHEAD + behind] += alive * guess["lots"]
        slot = guess["prev"]


@inlined
def chance_ahead(st, ahead, behind, cancelled):
    """Probability that the cancelled lots were ahead, with so many lots of others ahead and behind.

    Uses what weigh_guesses() found; 0 or 1 where nobody stands on one side.
    """
    if ahead <= 0.0:
        return 0.0
    if behind <= 0.0:
        return 1.0
    sums = st.scratch_hazards
    twins_ahead, twins_behind = 0.0, 0.0
    rate_ahead = hazard_at(st, st.params[SETTLED_S])
    rate_behind = hazard_at(st, 0.0)
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
        one = chance_of_one(st, twins, ahead * rate_ahead + behind * rate_behind, cancelled)
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
