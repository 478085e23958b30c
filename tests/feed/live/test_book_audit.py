"""A mirror beside a fresh snapshot: what differs counts, what only one of them can know does not."""

import msgspec
import pytest
from feed.feed_messages import RULES, snapshot

from paper_bitmart.bitmart.public_messages import DepthChange
from paper_bitmart.feed.live.book_audit import differing_levels
from paper_bitmart.feed.mirror import Mirror

BIDS, ASKS = [(100, 5), (99, 4), (97, 2)], [(102, 1), (103, 3), (105, 2)]


@pytest.mark.parametrize(
    ("bids", "asks", "differing"),
    [
        (BIDS, ASKS, 0),
        # Deeper levels that never changed are never sent.
        ([*BIDS, (96, 9)], [*ASKS, (106, 9)], 0),
        (BIDS[:2], ASKS[:2], 0),
        ([(100, 5), (99, 7), (97, 2)], ASKS, 1),
        (BIDS, [(102, 1), (103, 3), (104, 1), (105, 2)], 1),
        ([(100, 5), (97, 2)], [(103, 3), (105, 2)], 2),
        ([(101, 1), *BIDS], [(101, 1)], 2),
        ([], ASKS, 3),
    ],
)
def test_levels_within_the_range_of_both_are_compared(bids, asks, differing):
    mirror = Mirror(RULES)
    mirror.receive(snapshot(7, BIDS, ASKS), 1)
    [fresh] = msgspec.json.decode(snapshot(7, bids, asks), type=_Message).data
    assert differing_levels(mirror, fresh) == differing


class _Message(msgspec.Struct):
    data: list[DepthChange]
