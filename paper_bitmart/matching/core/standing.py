"""Who still stands there? The guessed order list under the model `places`.

Nobody sees whose cancel a drop was, so no guess is struck off the list: its probability of standing falls, by
the same two stories as the places (cancels.py). The guesses' lots times their probabilities add up to the
displayed size, or a little less. A list that strikes off the youngest twin each time would soon hold old
orders only and say too surely whose the next cancel is.
"""

from paper_bitmart.matching.core.cancels import chance_of_one, hazard
from paper_bitmart.matching.core.compiled import compiled, inlined
from paper_bitmart.matching.core.guessed_orders import leave

FADED = 0.02
"""A guess that stands with less probability is forgotten."""
ROUNDS = 4
"""A drop is shared again among those that still stand, at most so often."""


@compiled
def trade_front(st, level, lots):
    """A print of `lots`: the oldest orders trade first, as far as they stand."""
    left = float(lots)
    while left > 0.0 and level["oldest"] >= 0:
        guess = st.guesses[level["oldest"]]
        standing = guess["lots"] * guess["alive"]
        if standing <= left:
            left -= standing
            leave(st, level, level["oldest"])
        else:
            guess["lots"] -= int(left)
            guess["alive"] = min(1.0, (standing - left) / guess["lots"])
            left = 0.0


@compiled
def fade(st, level, lots, at_ns, publish_ns, is_touch):
    """A drop of `lots` that no print explains: every guess may have been among those who left."""
    twins, hazards = 0.0, 0.0
    slot = level["newest"]
    while slot >= 0:
        guess = st.guesses[slot]
        rate = hazard(st, guess, at_ns, is_touch) * guess["alive"]
        hazards += rate * guess["lots"]
        if guess["lots"] == lots:
            twins += rate
        slot = guess["prev"]
    left = float(lots)
    one = chance_of_one(st, twins, hazards, lots, publish_ns)
    if one > 0.0:
        left -= fade_by(st, level, one / twins, lots, at_ns, is_touch)
    for _ in range(ROUNDS):
        hazards = hazard_of_all(st, level, at_ns, is_touch)
        if left <= 1e-6 * lots or hazards <= 0.0:
            break
        left -= fade_by(st, level, left / hazards, 0, at_ns, is_touch)
    slot = level["newest"]
    while slot >= 0:
        before = st.guesses[slot]["prev"]
        if st.guesses[slot]["alive"] < FADED:
            leave(st, level, slot)
        slot = before


@inlined
def hazard_of_all(st, level, at_ns, is_touch):
    """Hazard of all lots of a level, as far as they stand."""
    total = 0.0
    slot = level["newest"]
    while slot >= 0:
        guess = st.guesses[slot]
        total += hazard(st, guess, at_ns, is_touch) * guess["alive"] * guess["lots"]
        slot = guess["prev"]
    return total


@inlined
def fade_by(st, level, factor, only_lots, at_ns, is_touch):
    """Each guess, or each of `only_lots` if not 0, leaves at `factor` times its hazard. Returns lots gone."""
    gone = 0.0
    slot = level["newest"]
    while slot >= 0:
        guess = st.guesses[slot]
        if only_lots == 0 or guess["lots"] == only_lots:
            cut = min(1.0, factor * hazard(st, guess, at_ns, is_touch)) * guess["alive"]
            guess["alive"] -= cut
            gone += cut * guess["lots"]
        slot = guess["prev"]
    return gone
