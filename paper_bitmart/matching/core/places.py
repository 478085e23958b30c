"""The places an own order may have in the queue, with their probabilities: the default queue model.

A cancel is whole: it stood ahead or behind. A mean of both stories is a place where nobody can stand, and
an order of 100 lots would seem 97 % passed. So each order keeps up to PLACES_MAX places (lots of others
ahead, as of the last depth message) with weights that add up to 1. A print reaches the order when it reaches
the median place. Places that contradict what is displayed are dropped.
"""

from paper_bitmart.matching.core.cancels import EMPTIED, PLACES, chance_ahead
from paper_bitmart.matching.core.compiled import compiled, inlined
from paper_bitmart.matching.core.state import snap

HALF = 0.5 - 1e-6
LIGHT = 1e-4
"""Places with less weight are forgotten."""


@inlined
def stand_at(st, slot, lots):
    """The order's place is known: `lots` of others ahead, and nothing has printed since."""
    order = st.orders[slot]
    order["n_places"] = 1
    st.place_lots[0, slot] = lots
    st.place_weight[0, slot] = 1.0
    order["window_lots"] = 0
    order["window_early_lots"] = 0
    order["window_filled"] = 0


@inlined
def expect_ahead(st, slot):
    """Set the order's queue ahead to the mean of its places, less what printed since they were taken."""
    order = st.orders[slot]
    mean = 0.0
    for k in range(order["n_places"]):
        mean += st.place_weight[k, slot] * max(0.0, st.place_lots[k, slot] - order["window_lots"])
    order["ahead"] = snap(mean)


@inlined
def put_place(st, n, lots, weight):
    """Add a place to the scratch rows, which stay sorted by lots; returns how many there are."""
    rows = st.scratch_places
    j = n - 1
    while j >= 0 and rows[0, j] > lots:
        rows[0, j + 1] = rows[0, j]
        rows[1, j + 1] = rows[1, j]
        j -= 1
    rows[0, j + 1] = lots
    rows[1, j + 1] = weight
    return n + 1


@inlined
def median_place(st, n):
    """Lots of the place at which half of the weight of the scratch rows is reached."""
    rows = st.scratch_places
    total, seen = 0.0, 0.0
    for i in range(n):
        total += rows[1, i]
    for i in range(n):
        seen += rows[1, i]
        if seen >= HALF * total:
            return rows[0, i]
    return rows[0, n - 1]


@compiled
def keep_places(st, slot, n):
    """Take over the scratch rows: equal places are merged, then the closest ones until there is room."""
    rows = st.scratch_places
    total = 0.0
    for i in range(n):
        total += rows[1, i]
    m = 0
    for i in range(n):
        weight = rows[1, i] / total
        lots = snap(max(0.0, rows[0, i]))
        if weight < LIGHT:
            continue
        if m > 0 and lots <= rows[0, m - 1]:
            rows[1, m - 1] += weight
        else:
            rows[0, m], rows[1, m] = lots, weight
            m += 1
    most = int(st.params[PLACES])
    while m > most:
        m = merge_closest(st, m)
    total = 0.0
    for i in range(m):
        total += rows[1, i]
    for i in range(m):
        st.place_lots[i, slot] = rows[0, i]
        st.place_weight[i, slot] = rows[1, i] / total
    st.orders[slot]["n_places"] = m
    expect_ahead(st, slot)


@inlined
def merge_closest(st, n):
    """Merge the two neighbours that lose least variance by it (Ward); returns how many places are left."""
    rows = st.scratch_places
    least, at = -1.0, 0
    for i in range(n - 1):
        a, b = rows[1, i], rows[1, i + 1]
        gap = rows[0, i + 1] - rows[0, i]
        loss = a * b / (a + b) * gap * gap
        if least < 0.0 or loss < least:
            least, at = loss, i
    a, b = rows[1, at], rows[1, at + 1]
    rows[0, at] = snap((a * rows[0, at] + b * rows[0, at + 1]) / (a + b))
    rows[1, at] = a + b
    for i in range(at + 1, n - 1):
        rows[0, i], rows[1, i] = rows[0, i + 1], rows[1, i + 1]
    return n - 1


@compiled
def print_reaches(st, slot, lots, is_early):
    """A print at the order's price that no message includes yet. Returns the lots of it due to the order.

    is_early: it happened before the order arrived, so it only eats the queue.
    """
    order = st.orders[slot]
    order["window_lots"] += lots
    if is_early:
        order["window_early_lots"] += lots
    n = 0
    for k in range(order["n_places"]):
        n = put_place(st, n, st.place_lots[k, slot], st.place_weight[k, slot])
    due = due_lots(order, order["window_lots"] - median_place(st, n), order["window_lots"])
    expect_ahead(st, slot)
    return due


@inlined
def due_lots(order, reached, printed):
    """Of `reached` lots past the order, those that came after it and have not filled it; rounded half up."""
    lots = min(int(reached + 0.5), printed - order["window_early_lots"])
    return max(0, lots - order["window_filled"])


@compiled
def late_print_reaches(st, slot, lots, back):
    """A print that the last message included unseen: `back` lots were no cancels. Returns lots due."""
    order = st.orders[slot]
    n = 0
    for k in range(order["n_places"]):
        n = put_place(st, n, st.place_lots[k, slot] + back - lots, st.place_weight[k, slot])
    reached = -median_place(st, n)
    keep_places(st, slot, n)
    return max(0, int(reached + 0.5)) if reached > 0.0 else 0


@inlined
def is_contested(st, slot, known):
    """May lots that leave have stood on either side of the order, of `known` at its level?"""
    last = st.orders[slot]["n_places"] - 1
    return st.place_lots[last, slot] > 0.0 and st.place_lots[0, slot] < known


@compiled
def message_moves(st, slot, known, printed, cancelled, is_emptied, is_touch):
    """A depth message includes `printed` of the order's window and shows `cancelled` lots gone besides.

    When it shows the level empty, the last print took the last of it: the cancels came before. Then prints
    may have reached us after all. Returns the lots that are due to the order by that.
    known: lots of the level before both. is_touch: it is the best price of its side.
    """
    order = st.orders[slot]
    cancels_first = is_emptied and printed > 0 and st.params[EMPTIED] >= 0.5
    n = 0
    for k in range(order["n_places"]):
        lots, weight = st.place_lots[k, slot], st.place_weight[k, slot]
        first = 0 if cancels_first else printed
        ahead = lots - first
        if cancelled <= 0 or ahead <= 0.0:
            n = put_place(st, n, lots - printed, weight)
            continue
        behind = max(0.0, known - first - ahead)
        chance = chance_ahead(st, ahead, behind, float(cancelled), is_touch)
        if chance > 0.0:
            n = put_place(st, n, max(0.0, ahead - cancelled) + first - printed, weight * chance)
        if chance < 1.0:
            left = min(ahead, max(0.0, ahead - (cancelled - behind)))
            n = put_place(st, n, left + first - printed, weight * (1.0 - chance))
    due = due_lots(order, -median_place(st, n), printed)
    order["window_lots"] -= printed
    order["window_early_lots"] = max(0, order["window_early_lots"] - printed)
    keep_places(st, slot, n)
    reached = order["window_lots"] - median_place(st, order["n_places"])
    order["window_filled"] = min(order["window_filled"], max(0, int(reached + 0.5)))
    return due


@compiled
def some_joined_first(st, slot, added, share):
    """Lots were added in the window in which the order joined: before it with probability `share`."""
    n = 0
    for k in range(st.orders[slot]["n_places"]):
        lots, weight = st.place_lots[k, slot], st.place_weight[k, slot]
        n = put_place(st, n, lots, weight * (1.0 - share))
        n = put_place(st, n, lots + added, weight * share)
    keep_places(st, slot, n)


@compiled
def cap_places(st, slot, displayed):
    """Drop the places beyond the displayed size; if all are, the order stands at the back."""
    n = 0
    for k in range(st.orders[slot]["n_places"]):
        if st.place_lots[k, slot] <= displayed:
            n = put_place(st, n, st.place_lots[k, slot], st.place_weight[k, slot])
    if n == st.orders[slot]["n_places"]:
        return
    if n == 0:
        n = put_place(st, n, float(displayed), 1.0)
    keep_places(st, slot, n)
