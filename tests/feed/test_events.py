import numpy as np

from paper_bitmart.feed.events import EVENT_DTYPE, joined


def test_joined_arrays_are_one_array_that_can_be_written_to():
    parts = [np.zeros(n, EVENT_DTYPE) for n in (2, 0, 3)]
    for number, part in enumerate(parts):
        part["price_ticks"] = number
    whole = joined(parts)
    assert whole.dtype == EVENT_DTYPE
    assert whole["price_ticks"].tolist() == [0, 0, 2, 2, 2]
    whole["size_lots"] = 1
    assert parts[0]["size_lots"].tolist() == [0, 0]


def test_a_single_array_is_not_copied():
    only = np.zeros(2, EVENT_DTYPE)
    assert joined([only]) is only
