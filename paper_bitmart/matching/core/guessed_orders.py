"""A list of guessed orders: which orders of others stand at a level, as far as L2 data tell.

An increase is one new order at the back. A print eats from the front. Under `order_list` every own level has
such a list, and a drop that no print explains is the cancel of the youngest order of exactly that size, if
there is one: orders are cancelled whole, and young orders are cancelled most; so the guesses always add up to
the displayed size. Under `places` every watched level has one (watched.py), in which cancels and prints move
probabilities instead (standing.py).
"""

from paper_bitmart.matching.core.compiled import inlined
from paper_bitmart.matching.core.state import FREE_GUESS, LAST_DEPTH_NS, N_GUESSES

GUESSES_PER_LEVEL_MAX = 256


@inlined
def join(st, level, lots):
    """A new order at the back, as of the last depth message."""
    join_at(st, level, lots, st.scalars[LAST_DEPTH_NS])


@inlined
def join_at(st, level, lots, born_ns):
    """A new order at the back; when the list is full it is merged into the youngest."""
    if lots <= 0:
        return
    if level["n_guesses"] >= GUESSES_PER_LEVEL_MAX:
        newest = st.guesses[level["newest"]]
        standing = newest["alive"] * newest["lots"] + lots
        newest["lots"] += lots
        newest["alive"] = standing / newest["lots"]
        return
    slot = st.scalars[FREE_GUESS]
    guess = st.guesses[slot]
    st.scalars[FREE_GUESS] = guess["next"]
    st.scalars[N_GUESSES] += 1
    guess["lots"] = lots
    guess["alive"] = 1.0
    guess["born_ns"] = born_ns
    guess["stamp"] = level["next_stamp"]
    level["next_stamp"] += 1
    level["n_guesses"] += 1
    guess["next"] = -1
    guess["prev"] = level["newest"]
    if level["newest"] >= 0:
        st.guesses[level["newest"]]["next"] = slot
    else:
        level["oldest"] = slot
    level["newest"] = slot


@inlined
def join_settled(st, level, lots):
    """All that stands at a level after a gap: nobody knows its orders, or who of them is ahead."""
    join_settled_at(st, level, lots, st.scalars[LAST_DEPTH_NS])


@inlined
def join_settled_at(st, level, lots, born_ns):
    """All that stands at a level when somebody first looks; it has stood there since `born_ns` at least."""
    if lots > 0:
        join_at(st, level, lots, born_ns)
        st.guesses[level["newest"]]["stamp"] = 0


@inlined
def leave(st, level, slot):
    """Take one guessed order off the list."""
    guess = st.guesses[slot]
    if guess["prev"] >= 0:
        st.guesses[guess["prev"]]["next"] = guess["next"]
    else:
        level["oldest"] = guess["next"]
    if guess["next"] >= 0:
        st.guesses[guess["next"]]["prev"] = guess["prev"]
    else:
        level["newest"] = guess["prev"]
    guess["next"] = st.scalars[FREE_GUESS]
    st.scalars[FREE_GUESS] = slot
    st.scalars[N_GUESSES] -= 1
    level["n_guesses"] -= 1


@inlined
def eat_front(st, level, lots):
    """A print: the oldest orders trade first."""
    while lots > 0 and level["oldest"] >= 0:
        lots = leave_up_to(st, level, level["oldest"], lots)


@inlined
def shrink_back(st, level, lots):
    """A drop that matches no single order: it leaves from the back."""
    while lots > 0 and level["newest"] >= 0:
        lots = leave_up_to(st, level, level["newest"], lots)


@inlined
def leave_up_to(st, level, slot, lots):
    """Take at most `lots` from one guessed order; returns how many are still to be taken."""
    guess = st.guesses[slot]
    taken = min(lots, guess["lots"])
    guess["lots"] -= taken
    if guess["lots"] == 0:
        leave(st, level, slot)
    return lots - taken


@inlined
def youngest_of_size(st, level, lots):
    """Slot of the youngest guessed order of exactly `lots`, -1 if none."""
    slot = level["newest"]
    while slot >= 0 and st.guesses[slot]["lots"] != lots:
        slot = st.guesses[slot]["prev"]
    return slot


@inlined
def count_twins(st, level, lots, joined_stamp):
    """Guessed orders of exactly `lots` that joined before `joined_stamp` and since: (ahead, behind)."""
    ahead, behind = 0, 0
    slot = level["newest"]
    while slot >= 0:
        guess = st.guesses[slot]
        if guess["lots"] == lots:
            if guess["stamp"] < joined_stamp:
                ahead += 1
            else:
                behind += 1
        slot = guess["prev"]
    return ahead, behind


@inlined
def forget(st, level):
    """Empty the list."""
    while level["oldest"] >= 0:
        leave(st, level, level["oldest"])
