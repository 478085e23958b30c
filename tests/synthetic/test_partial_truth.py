"""Feeds with parts of the truth are what they say; their sums at the boundaries are those of 100 ms."""

import json

import pytest
from fidelity_set import make_set
from regimes import FUTURE

from benchmarks.partial_truth import WINDOW_NS, make, read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("partial") / "future"
    make_set(path, FUTURE, seed=5, seconds=20.0, orders=30)
    return path


def books(path):
    """The displayed book after the last depth message of each window, by boundary."""
    sides, seen = {"bids": {}, "asks": {}}, {}
    for line in read(path):
        if not line.is_depth:
            continue
        (depth,) = line.message["data"]
        for side, levels in sides.items():
            levels.update(dict(depth[side]))
            sides[side] = {price: size for price, size in levels.items() if float(size) > 0}
        seen[-(-line.at_ns // WINDOW_NS)] = json.dumps(
            {side: sorted((float(p), float(q)) for p, q in levels.items()) for side, levels in sides.items()}
        )
    return seen


def prints(path):
    return [(line.at_ns, line.message["data"]) for line in read(path) if not line.is_depth]


@pytest.mark.parametrize("feed", ["join", "prints", "churn"])
def test_a_feed_with_parts_of_the_truth_ends_each_window_like_the_plain_one(folder, tmp_path, feed):
    made = tmp_path / "made.jsonl.gz"
    make(folder, feed, made)
    plain = folder / "capture_100ms.jsonl.gz"
    theirs = books(plain)
    # A print at the very boundary belongs to the next window; a message just after it bears the same time.
    tied = {at // WINDOW_NS for at, _ in prints(plain) if at % WINDOW_NS == 0}
    ours = {at: book for at, book in books(made).items() if at in theirs and at not in tied}
    assert prints(made) == prints(plain)
    assert len(ours) > 0.9 * len(theirs)
    assert ours == {at: theirs[at] for at in ours}
    assert len(list(read(made))) > len(list(read(plain)))
