"""The gate that counts connections and connection attempts per address."""

from paper_bitmart.server.ws_limits import (
    MINUTE_NS,
    PRIVATE_LIMITS,
    PUBLIC_LIMITS,
    SECOND_NS,
    AddressGate,
    WsLimits,
)


def test_the_21st_public_connection_of_an_address_is_refused():
    gate = AddressGate(PUBLIC_LIMITS)
    assert [gate.admit("a", 0) for _ in range(21)] == [None] * 20 + [94002]


def test_the_11th_private_connection_of_an_address_is_refused():
    gate = AddressGate(PRIVATE_LIMITS)
    assert [gate.admit("a", 0) for _ in range(11)] == [None] * 10 + [94002]


def test_a_connection_that_ended_makes_room():
    gate = AddressGate(WsLimits(connections_per_address=1))
    assert gate.admit("a", 0) is None
    gate.leave("a")
    assert gate.open_connections("a") == 0
    assert gate.admit("a", 0) is None


def test_addresses_do_not_count_for_each_other():
    gate = AddressGate(WsLimits(connections_per_address=1))
    assert [gate.admit(address, 0) for address in "ab"] == [None, None]


def test_the_31st_attempt_within_a_minute_is_refused_and_time_heals():
    gate = AddressGate(PUBLIC_LIMITS)
    for second in range(30):
        assert gate.admit("a", second * SECOND_NS) is None
        gate.leave("a")
    assert gate.admit("a", MINUTE_NS - 1) == 94001
    assert gate.open_connections("a") == 0
    assert gate.admit("a", MINUTE_NS) is None


def test_the_memory_of_addresses_is_bounded_and_the_stalest_goes_first():
    gate = AddressGate(WsLimits(attempts_per_minute=1), remembered_addresses=2)
    assert [gate.admit(address, 0) for address in "abc"] == [None] * 3
    assert gate.admit("c", 1) == 94001
    assert gate.admit("a", 1) is None


def test_limits_can_be_switched_off_but_the_queue_stays_bounded():
    limits = PUBLIC_LIMITS.unlimited()
    gate = AddressGate(limits)
    assert {gate.admit("a", 0) for _ in range(200)} == {None}
    assert limits.queued_bytes == PUBLIC_LIMITS.queued_bytes
    assert limits.queued_frames == PUBLIC_LIMITS.queued_frames
