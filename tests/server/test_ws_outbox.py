"""The outgoing queue: ordered, bounded, and only ever shortened by whole topics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.server.ws_outbox import Frame, FrameKind, Outbox


def push(topic="t", size=1):
    return Frame(FrameKind.BINARY, b"x" * size, topic)


def drain(outbox):
    return list(iter(outbox.pop, None))


def test_frames_leave_in_the_order_in_which_they_came():
    outbox, frames = Outbox(10, 100), [push(str(n)) for n in range(5)]
    assert all(outbox.put(frame) for frame in frames)
    assert drain(outbox) == frames
    assert outbox.pop() is None


@pytest.mark.parametrize("outbox", [Outbox(2, 100), Outbox(10, 20)], ids=["frames", "bytes"])
def test_a_full_queue_refuses_and_stays_as_it_was(outbox):
    held = [push(size=10), push(size=10)]
    assert all(outbox.put(frame) for frame in held)
    assert not outbox.put(push())
    assert drain(outbox) == held


def test_a_frame_larger_than_the_bound_passes_alone():
    outbox = Outbox(10, 20)
    assert outbox.put(push(size=50))
    assert not outbox.put(push())


def test_dropping_a_topic_leaves_control_frames_and_other_topics_in_order():
    outbox = Outbox(10, 100)
    ack, other = Frame(FrameKind.TEXT, b"ack"), push("other")
    for frame in (ack, push("depth"), other, push("depth")):
        outbox.put(frame)
    assert outbox.drop_topics(["depth", "absent"]) == ["depth"]
    assert drain(outbox) == [ack, other]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("abc"), st.integers(0, 9)), st.just("pop"), st.sampled_from("abc")
        )
    )
)
def test_queued_bytes_is_always_the_sum_of_what_is_queued(steps):
    outbox, mirror = Outbox(8, 30), []
    for step in steps:
        if step == "pop":
            assert outbox.pop() is (mirror.pop(0) if mirror else None)
        elif isinstance(step, str):
            outbox.drop_topics([step])
            mirror = [frame for frame in mirror if frame.topic != step]
        else:
            frame = push(step[0], step[1])
            if outbox.put(frame):
                mirror.append(frame)
        assert outbox.queued_bytes == sum(len(frame.data) for frame in mirror)
        assert len(outbox) == len(mirror) <= 8
