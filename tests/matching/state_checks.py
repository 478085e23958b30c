"""What a correct state of the compiled core looks like, read from its arrays in plain Python."""

import numpy as np

from paper_bitmart.matching.core import state
from paper_bitmart.matching.core.queue import ORDER_LIST, PLACES_MODEL


def displayed_levels(matcher, side):
    """Displayed book of one side: price ticks -> lots."""
    st = matcher._state
    base = int(st.scalars[state.BASE_TICK])
    levels = {base + int(i): int(st.sizes[side, i]) for i in np.flatnonzero(st.sizes[side])}
    for key, lots in zip(st.far_keys[side], st.far_sizes[side, : st.n_far[side]], strict=False):
        assert abs(int(key)) not in levels, "a level is in the window and outside it"
        levels[abs(int(key))] = int(lots)
    return levels


def best_price(matcher, side):
    """Best displayed price, None if the side is empty."""
    key = int(matcher._state.best[side])
    return None if key == state.NO_KEY else abs(key)


def validate_state(matcher):
    """Assert every structural invariant; call it between messages."""
    for side in (0, 1):
        _check_book(matcher, side)
    st = matcher._state
    used = {name: set() for name in state.POOLS}
    for side in (0, 1):
        _check_own_side(st, side, used)
    _check_watched(st, used)
    _check_pools(st, used)
    assert st.scalars[state.N_TOUCHED] == 0
    assert st.scalars[state.IN_MESSAGE] == 0


def _check_book(matcher, side):
    st = matcher._state
    base, width = int(st.scalars[state.BASE_TICK]), st.sizes.shape[1]
    sizes = st.sizes[side]
    assert (sizes >= 0).all()
    per_block = (sizes.reshape(-1, state.BLOCK) > 0).sum(axis=1)
    assert per_block.tolist() == st.occupied[side].tolist(), "occupancy counts"
    far = [int(key) for key in st.far_keys[side, : st.n_far[side]]]
    assert far == sorted(set(far)), "far keys ascend"
    assert all((key > 0) == (side == 0) for key in far), "a key has the sign of its side"
    assert not any(base <= abs(key) < base + width for key in far), "a far level belongs into the window"
    assert (st.far_sizes[side, : st.n_far[side]] > 0).all()
    prices = displayed_levels(matcher, side)
    best = None if not prices else (max if side == 0 else min)(prices)
    assert best_price(matcher, side) == best


def _check_own_side(st, side, used):
    base, width = int(st.scalars[state.BASE_TICK]), st.sizes.shape[1]
    n = int(st.n_own[side])
    keys = [int(key) for key in st.own_keys[side, :n]]
    assert keys == sorted(set(keys)), "own keys ascend"
    flags = {base + int(i) for i in np.flatnonzero(st.own_here[side])}
    assert flags == {abs(key) for key in keys if base <= abs(key) < base + width}, "own_here flags"
    for key, slot in zip(keys, st.own_slots[side, :n].tolist(), strict=True):
        level = st.own_levels[slot]
        assert (int(level["key"]), int(level["side"]), int(level["touched"])) == (key, side, 0)
        assert level["head"] >= 0 or level["taken_head"] >= 0, "an idle own level was kept"
        _use(used["own_levels"], slot)
        _check_level(st, slot, used)


def _check_level(st, slot, used):
    level = st.own_levels[slot]
    side, price = int(level["side"]), abs(int(level["key"]))
    if not level["left_window"]:
        assert int(level["known_lots"]) == _size(st, side, price), "known size is the displayed one"
    assert level["included_lots"] == 0
    assert level["unexplained_lots"] >= 0
    previous = -1
    for at in _chain(st.orders, level["head"], used["orders"]):
        order = st.orders[at]
        assert (order["active"], order["own_level"], order["prev"]) == (1, slot, previous), "FIFO links"
        assert (int(order["side"]), int(order["price"])) == (side, price)
        assert order["leaves"] > 0
        assert order["ahead"] >= 0.0
        if order["ahead"] < state.UNKNOWN_AHEAD:
            assert order["ahead"] * state.GRAIN == np.rint(order["ahead"] * state.GRAIN)
        previous = at
    assert level["head"] < 0 or level["tail"] == previous
    accounts = [int(st.taken[i]["account"]) for i in _chain(st.taken, level["taken_head"], used["taken"])]
    assert len(accounts) == len(set(accounts)), "one record of used size per account"
    guesses = _check_guesses(st, level, used)
    if st.scalars[state.QUEUE_MODEL] == ORDER_LIST:
        lots = sum(int(st.guesses[i]["lots"]) for i in guesses)
        assert lots == level["known_lots"], "guesses add up to the displayed size"
    else:
        assert not guesses


def _check_guesses(st, level, used):
    guesses = list(_chain(st.guesses, level["oldest"], used["guesses"]))
    assert len(guesses) == level["n_guesses"]
    assert [int(st.guesses[i]["prev"]) for i in guesses] == [-1, *guesses][: len(guesses)]
    assert all(st.guesses[i]["lots"] > 0 and 0.0 < st.guesses[i]["alive"] <= 1.0 for i in guesses)
    return guesses


def _check_watched(st, used):
    for slot in range(2 * state.WATCHED):
        level = st.watched[slot]
        guesses = _check_guesses(st, level, used)
        if level["price"] == state.NO_PRICE:
            assert not guesses
            assert level["n_rows"] == 0
            continue
        assert st.scalars[state.QUEUE_MODEL] == PLACES_MODEL
        assert level["price"] % state.WATCHED == slot % state.WATCHED
        assert level["n_rows"] <= state.LOG_ROWS
        lots = sum(st.guesses[i]["lots"] * st.guesses[i]["alive"] for i in guesses)
        assert lots <= level["known_lots"] * (1 + 1e-6), "no more stands there than is displayed"
        sizes = [int(row["lots"]) for row in st.watch_log[slot, : level["n_rows"]] if not row["is_print"]]
        shown = _size(st, slot // state.WATCHED, int(level["price"]))
        assert [int(level["known_lots"]), *sizes][-1] == shown, "the log ends with the displayed size"


def _check_pools(st, used):
    for name, (head, link) in state.POOLS.items():
        pool = getattr(st, name)
        free, at = set(), int(st.scalars[head])
        while at != -1:
            _use(free, at)
            at = int(pool[at][link])
        assert not free & used[name], f"{name}: a slot is free and used"
        assert len(free) + len(used[name]) == len(pool), f"{name}: a slot is lost"
    assert len(used["orders"]) == st.scalars[state.N_ACTIVE]
    assert len(used["taken"]) == st.scalars[state.N_TAKEN]
    assert len(used["guesses"]) == st.scalars[state.N_GUESSES]
    assert all(st.taken[i]["lots"] > 0 for i in used["taken"])


def _chain(pool, head, used):
    at = int(head)
    while at >= 0:
        _use(used, at)
        yield at
        at = int(pool[at]["next"])


def _use(slots, slot):
    assert slot not in slots, "a slot is linked twice"
    slots.add(slot)


def _size(st, side, price):
    i = price - int(st.scalars[state.BASE_TICK])
    if 0 <= i < st.sizes.shape[1]:
        return int(st.sizes[side, i])
    keys = st.far_keys[side, : st.n_far[side]]
    found = np.flatnonzero(np.abs(keys) == price)
    return int(st.far_sizes[side, found[0]]) if len(found) else 0
