"""The displayed book: a tick-indexed window that follows the market, exact sorted arrays outside it."""

from paper_bitmart.matching.core.compiled import compiled, entry_point, inlined
from paper_bitmart.matching.core.state import BASE_TICK, BLOCK, BLOCK_BITS, NO_KEY, PUBLISHED_LEVELS, key_of


@inlined
def lower_bound(keys, n, key):
    """Index of the first of keys[:n] (ascending) that is >= key."""
    lo, hi = 0, n
    while lo < hi:
        mid = (lo + hi) >> 1
        if keys[mid] < key:
            lo = mid + 1
        else:
            hi = mid
    return lo


@inlined
def level_size(st, side, price):
    """Displayed lots at a price, 0 if the level is not there. O(1) in the window, O(log far) outside."""
    i = price - st.scalars[BASE_TICK]
    if 0 <= i < st.sizes.shape[1]:
        return st.sizes[side, i]
    key = key_of(side, price)
    n = st.n_far[side]
    j = lower_bound(st.far_keys[side], n, key)
    if j < n and st.far_keys[side, j] == key:
        return st.far_sizes[side, j]
    return 0


@inlined
def set_level(st, side, price, lots):
    """Set a level's displayed size (0 removes it), keep the best price; returns the size before."""
    i = price - st.scalars[BASE_TICK]
    key = key_of(side, price)
    if 0 <= i < st.sizes.shape[1]:
        old = st.sizes[side, i]
        st.sizes[side, i] = lots
        if old == 0:
            if lots > 0:
                st.occupied[side, i >> BLOCK_BITS] += 1
        elif lots == 0:
            st.occupied[side, i >> BLOCK_BITS] -= 1
    else:
        old = set_far(st, side, key, lots)
    if lots > 0:
        if key > st.best[side]:
            st.best[side] = key
    elif key == st.best[side] and old > 0:
        st.best[side] = next_key(st, side, key)
    return old


@compiled
def set_far(st, side, key, lots):
    """set_level outside the window. The caller has made sure of room for one more level."""
    keys, sizes, n = st.far_keys[side], st.far_sizes[side], st.n_far[side]
    j = lower_bound(keys, n, key)
    if j < n and keys[j] == key:
        old = sizes[j]
        if lots > 0:
            sizes[j] = lots
        else:
            for k in range(j, n - 1):
                keys[k] = keys[k + 1]
                sizes[k] = sizes[k + 1]
            st.n_far[side] = n - 1
        return old
    if lots > 0:
        for k in range(n, j, -1):
            keys[k] = keys[k - 1]
            sizes[k] = sizes[k - 1]
        keys[j] = key
        sizes[j] = lots
        st.n_far[side] = n + 1
    return 0


@inlined
def next_key(st, side, key):
    """Key of the best level strictly worse than `key`, NO_KEY if none. O(ticks to it / 64)."""
    best = NO_KEY
    j = lower_bound(st.far_keys[side], st.n_far[side], key)
    if j > 0:
        best = st.far_keys[side, j - 1]
    step = -1 if side == 0 else 1
    i = window_scan(st, side, abs(key) - st.scalars[BASE_TICK] + step, step)
    if i >= 0:
        best = max(best, key_of(side, st.scalars[BASE_TICK] + i))
    return best


@inlined
def window_scan(st, side, i, step):
    """First occupied window index from i in direction `step`, -1 if none."""
    width = st.sizes.shape[1]
    if step > 0:
        i = max(i, 0)
    else:
        i = min(i, width - 1)
    while 0 <= i < width:
        block = i >> BLOCK_BITS
        if st.occupied[side, block] == 0:
            i = (block + 1) * BLOCK if step > 0 else block * BLOCK - 1
        elif st.sizes[side, i] > 0:
            return i
        else:
            i += step
    return -1


@compiled
def worst_key(st, side):
    """Key of the worst displayed level, NO_KEY if the side is empty."""
    worst = NO_KEY
    i = window_scan(st, side, 0 if side == 0 else st.sizes.shape[1] - 1, 1 if side == 0 else -1)
    if i >= 0:
        worst = key_of(side, st.scalars[BASE_TICK] + i)
    if st.n_far[side] > 0 and (i < 0 or st.far_keys[side, 0] < worst):
        worst = st.far_keys[side, 0]
    return worst


@entry_point
def count_levels(st, side):
    """Number of displayed levels of a side."""
    n = st.n_far[side]
    for block in range(st.occupied.shape[1]):
        n += st.occupied[side, block]
    return n


@compiled
def is_unpublished(st, side, key):
    """Is a price beyond the worst level of a full published window, where the source says nothing?"""
    published = st.scalars[PUBLISHED_LEVELS]
    # Cheapest first: most orders join a level that is shown.
    return (
        level_size(st, side, abs(key)) == 0
        and published > 0
        and count_levels(st, side) >= published
        and key < worst_key(st, side)
    )


@compiled
def clear_book(st):
    """Forget every level of both sides."""
    for side in range(2):
        st.n_far[side] = 0
        st.best[side] = NO_KEY
        for block in range(st.occupied.shape[1]):
            if st.occupied[side, block]:
                st.occupied[side, block] = 0
                for i in range(block * BLOCK, (block + 1) * BLOCK):
                    st.sizes[side, i] = 0


@inlined
def centred_base(st):
    """Window base that puts the mid price in the middle; the present base while a side is empty."""
    if st.best[0] == NO_KEY or st.best[1] == NO_KEY:
        return st.scalars[BASE_TICK]
    return max(0, (st.best[0] - st.best[1]) // 2 - st.sizes.shape[1] // 2)


@inlined
def wants_recenter(st):
    """Has the market moved a quarter of the window away from its middle?"""
    away = centred_base(st) - st.scalars[BASE_TICK]
    return abs(away) > st.sizes.shape[1] // 4


@compiled
def gather_levels(st, side):
    """Move a side's levels to the scratch arrays, keys ascending, and empty its window; returns how many."""
    keys, sizes = st.scratch_keys, st.scratch_sizes
    base, width = st.scalars[BASE_TICK], st.sizes.shape[1]
    step = 1 if side == 0 else -1
    i = window_scan(st, side, 0 if side == 0 else width - 1, step)
    n, far = 0, 0
    while i >= 0 or far < st.n_far[side]:
        key = key_of(side, base + i)
        if i < 0 or (far < st.n_far[side] and st.far_keys[side, far] < key):
            keys[n], sizes[n] = st.far_keys[side, far], st.far_sizes[side, far]
            far += 1
        else:
            keys[n], sizes[n] = key, st.sizes[side, i]
            st.sizes[side, i] = 0
            st.occupied[side, i >> BLOCK_BITS] -= 1
            i = window_scan(st, side, i + step, step)
        n += 1
    return n


@compiled
def recenter(st):
    """Move the window's middle to the mid price, carrying every level over exactly.

    Far and scratch arrays must have room for all levels of one side. Best prices do not change; own flags are
    rebuilt from own_keys.
    """
    scratch_keys, scratch_sizes = st.scratch_keys, st.scratch_sizes
    width = st.sizes.shape[1]
    base = centred_base(st)
    for side in range(2):
        n = gather_levels(st, side)
        st.n_far[side] = 0
        for j in range(n):
            i = abs(scratch_keys[j]) - base
            if 0 <= i < width:
                st.sizes[side, i] = scratch_sizes[j]
                st.occupied[side, i >> BLOCK_BITS] += 1
            else:
                st.far_keys[side, st.n_far[side]] = scratch_keys[j]
                st.far_sizes[side, st.n_far[side]] = scratch_sizes[j]
                st.n_far[side] += 1
        flag_own_levels(st, side, base)
    st.scalars[BASE_TICK] = base


@compiled
def flag_own_levels(st, side, base):
    """Mark the window's prices at which there are own levels; those outside it cost nothing."""
    width = st.own_here.shape[1]
    for i in range(width):
        st.own_here[side, i] = 0
    keys, n = st.own_keys[side], st.n_own[side]
    j = lower_bound(keys, n, base if side == 0 else 1 - base - width)
    while j < n and abs(keys[j]) - base >= 0 and abs(keys[j]) - base < width:
        st.own_here[side, abs(keys[j]) - base] = 1
        j += 1
