"""The conversation of one websocket connection, as tables: frames in, replies and actions out."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart.codes import WS_CODES
from paper_bitmart.bitmart.errors import WsRefused
from paper_bitmart.bitmart.topics import KLINE_STEPS
from paper_bitmart.server.ws_limits import PRIVATE_LIMITS, PUBLIC_LIMITS, SECOND_NS
from paper_bitmart.server.ws_protocol import (
    Close,
    Pong,
    Reply,
    Request,
    Subscribe,
    Unsubscribe,
    WsProtocol,
)

START_NS = 1_763_800_000 * SECOND_NS
SYMBOLS = {"BTC_USDT", "ETH_USDT", *(f"C{n}_USDT" for n in range(200))}
GOOD_LOGIN = ["key", "1763800000000", "sign"]


def login(args, at_ns):
    if args != GOOD_LOGIN:
        raise WsRefused(91011)
    return "alice"


def connect(*, private=False, limits=None, any_topic=False):
    return WsProtocol(
        private=private,
        symbols=SYMBOLS,
        limits=limits or (PRIVATE_LIMITS if private else PUBLIC_LIMITS),
        opened_ns=START_NS,
        login=login,
        any_topic=any_topic,
    )


def logged_in(**options):
    connection = connect(private=True, **options)
    send(connection, "login", GOOD_LOGIN)
    return connection


def send(connection, op, args, at_ns=START_NS):
    return connection.receive_text(json.dumps({"op": op, "args": args}), at_ns)


def replies(actions):
    return [msgspec.json.decode(action.text) for action in actions if isinstance(action, Reply)]


def kinds(actions):
    return [type(action).__name__ for action in actions]


PUBLIC_TOPICS = [
    "spot/ticker:BTC_USDT",
    *(f"spot/kline{step}:BTC_USDT" for step in KLINE_STEPS),
    "spot/depth5:BTC_USDT",
    "spot/depth20:BTC_USDT",
    "spot/depth50:BTC_USDT",
    "spot/depth/increase100:BTC_USDT",
    "spot/trade:BTC_USDT",
    "spot/bookTicker:BTC_USDT",
]
PRIVATE_TOPICS = [
    "spot/user/order:BTC_USDT",
    "spot/user/orders:ALL_SYMBOLS",
    "spot/user/balance:BALANCE_UPDATE",
]


@pytest.mark.parametrize("topic", PUBLIC_TOPICS)
def test_a_public_topic_is_acked_without_data_and_then_subscribed(topic):
    actions = send(connect(), "subscribe", [topic])
    assert replies(actions) == [{"event": "subscribe", "topic": topic}]
    assert kinds(actions) == ["Reply", "Subscribe"]
    assert str(actions[1].topic) == topic


@pytest.mark.parametrize("topic", PRIVATE_TOPICS)
def test_a_private_topic_is_acked_after_login(topic):
    actions = send(logged_in(), "subscribe", [topic])
    assert replies(actions) == [{"event": "subscribe", "topic": topic}]
    assert isinstance(actions[1], Subscribe)


def test_each_topic_of_one_message_gets_its_own_answer_in_order():
    actions = send(
        connect(), "subscribe", ["spot/trade:BTC_USDT", "spot/trade:NOPE_USDT", "spot/trade:ETH_USDT"]
    )
    assert kinds(actions) == ["Reply", "Subscribe", "Reply", "Reply", "Subscribe"]
    assert [reply.get("errorCode") for reply in replies(actions)] == [None, "92001", None]


PUBLIC, PRIVATE, LOGGED_IN = connect, lambda: connect(private=True), logged_in
LONG_TOPICS = json.dumps({"op": "subscribe", "args": ["x" * 4097]})
MANY_TOPICS = json.dumps({"op": "subscribe", "args": ["spot/trade:BTC_USDT"] * 21})

MESSAGE_ERRORS = [
    (PUBLIC, "hello", "error", 90001),
    (PUBLIC, "", "error", 90001),
    (PUBLIC, "[1]", "error", 90001),
    (PUBLIC, '"ping"', "error", 90001),
    (PUBLIC, "{}", "error", 90002),
    (PUBLIC, '{"op":7,"args":["x"]}', "error", 90002),
    (PUBLIC, '{"op":["subscribe"],"args":["x"]}', "error", 90002),
    (PUBLIC, '{"op":"buy","args":["x"]}', "error", 90002),
    (PUBLIC, '{"op":"login","args":["a","b","c"]}', "login", 90002),
    (PUBLIC, '{"op":"subscribe"}', "subscribe", 90003),
    (PUBLIC, '{"op":"subscribe","args":[]}', "subscribe", 90003),
    (PUBLIC, '{"op":"subscribe","args":"spot/trade:BTC_USDT"}', "subscribe", 90003),
    (PUBLIC, '{"op":"subscribe","args":[1]}', "subscribe", 90003),
    (PUBLIC, LONG_TOPICS, "subscribe", 90003),
    (PUBLIC, MANY_TOPICS, "subscribe", 90005),
    (PRIVATE, '{"op":"login","args":["key","1763800000000"]}', "login", 90003),
    (PRIVATE, '{"op":"login","args":["key",1763800000000,"sign"]}', "login", 90003),
    (LOGGED_IN, '{"op":"login","args":["key","1763800000000","sign"]}', "login", 91005),
]


@pytest.mark.parametrize(("opened", "frame", "event", "code"), MESSAGE_ERRORS)
def test_a_bad_message_gets_its_code_and_the_connection_goes_on(opened, frame, event, code):
    connection = opened()
    actions = connection.receive_text(frame, START_NS)
    assert kinds(actions) == ["Reply"]
    assert replies(actions) == [
        {"event": event, "errorCode": str(code), "errorMessage": WS_CODES[code].message}
    ]
    assert not connection.closed
    assert connection.topics == {}


TOPIC_ERRORS = [
    (PUBLIC, "subscribe", "spot/nope:BTC_USDT", 90004),
    (PUBLIC, "subscribe", "spot/kline9m:BTC_USDT", 90004),
    (PUBLIC, "subscribe", "spot/user/order:BTC_USDT", 90004),
    (LOGGED_IN, "subscribe", "spot/trade:BTC_USDT", 90004),
    (LOGGED_IN, "subscribe", "spot/user/orders:BTC_USDT", 90004),
    (PUBLIC, "request", "spot/trade:BTC_USDT", 90004),
    (PUBLIC, "unsubscribe", "spot/trade:BTC_USDT", 90009),
    (PRIVATE, "subscribe", "spot/user/order:BTC_USDT", 91006),
    (PRIVATE, "unsubscribe", "spot/user/balance:BALANCE_UPDATE", 91006),
    (PUBLIC, "subscribe", "spot/trade", 92001),
    (PUBLIC, "subscribe", "spot/trade:NOPE_USDT", 92001),
    (LOGGED_IN, "subscribe", "spot/user/order:NOPE_USDT", 92001),
    (PUBLIC, "request", "spot/depth/increase100:NOPE_USDT", 92001),
]


@pytest.mark.parametrize(("opened", "op", "topic", "code"), TOPIC_ERRORS)
def test_a_bad_topic_gets_its_code_and_is_named(opened, op, topic, code):
    connection = opened()
    actions = send(connection, op, [topic])
    assert kinds(actions) == ["Reply"]
    assert replies(actions) == [
        {"event": op, "topic": topic, "errorCode": str(code), "errorMessage": WS_CODES[code].message}
    ]
    assert not connection.closed
    assert connection.topics == {}


def test_a_second_subscription_is_refused_and_the_first_goes_on():
    connection = connect()
    send(connection, "subscribe", ["spot/trade:BTC_USDT"])
    actions = send(connection, "subscribe", ["spot/trade:BTC_USDT"])
    assert replies(actions)[0]["errorCode"] == "90008"
    assert kinds(actions) == ["Reply"]
    assert list(connection.topics) == ["spot/trade:BTC_USDT"]


def test_a_topic_twice_in_one_message_is_subscribed_once():
    actions = send(connect(), "subscribe", ["spot/trade:BTC_USDT"] * 2)
    assert kinds(actions) == ["Reply", "Subscribe", "Reply"]
    assert replies(actions)[1]["errorCode"] == "90008"


@pytest.mark.parametrize(("private", "limit"), [(False, 115), (True, 100)])
def test_topics_beyond_the_connections_limit_are_refused(private, limit):
    connection = logged_in() if private else connect()
    channel = "spot/user/order" if private else "spot/trade"
    for first in range(0, limit, 5):
        send(connection, "subscribe", [f"{channel}:C{n}_USDT" for n in range(first, first + 5)])
    assert len(connection.topics) == limit
    assert replies(send(connection, "subscribe", [f"{channel}:BTC_USDT"]))[0]["errorCode"] == "90006"
    assert len(connection.topics) == limit


def test_unsubscribing_stops_before_the_ack_and_frees_the_topic():
    connection = connect()
    send(connection, "subscribe", ["spot/trade:BTC_USDT"])
    actions = send(connection, "unsubscribe", ["spot/trade:BTC_USDT"])
    assert isinstance(actions[0], Unsubscribe)
    assert replies(actions) == [{"event": "unsubscribe", "topic": "spot/trade:BTC_USDT"}]
    assert kinds(send(connection, "subscribe", ["spot/trade:BTC_USDT"])) == ["Reply", "Subscribe"]


def test_a_snapshot_request_needs_no_subscription_and_has_no_ack():
    actions = send(connect(), "request", ["spot/depth/increase100:BTC_USDT"])
    assert kinds(actions) == ["Request"]
    assert isinstance(actions[0], Request)


def test_text_ping_is_answered_with_exactly_pong():
    assert connect().receive_text("ping", START_NS) == [Reply(b"pong")]


def test_a_ping_frame_is_answered_with_its_payload():
    assert connect().receive_ping(b"hb", START_NS) == [Pong(b"hb")]


def test_a_binary_frame_is_not_understood():
    assert replies(connect().receive_binary(START_NS))[0]["errorCode"] == "90001"


def test_a_good_login_is_answered_once_and_names_the_account():
    connection = connect(private=True)
    assert connection.receive_text(json.dumps({"op": "login", "args": GOOD_LOGIN}), START_NS) == [
        Reply(b'{"event":"login"}')
    ]
    assert connection.account == "alice"


def test_a_failed_login_is_answered_and_then_disconnected():
    connection = connect(private=True)
    actions = send(connection, "login", ["key", "1763800000000", "wrong"])
    assert replies(actions) == [
        {"event": "login", "errorCode": "91011", "errorMessage": "Param sign is wrong"}
    ]
    assert actions[1].code == 1008
    assert connection.closed
    assert connection.account is None


def test_nothing_is_answered_after_the_close():
    connection = connect(private=True)
    send(connection, "login", ["key", "1763800000000", "wrong"])
    assert connection.receive_text("ping", START_NS) == []
    assert connection.receive_binary(START_NS) == []
    assert connection.receive_ping(b"", START_NS) == []
    assert connection.tick(START_NS + 3600 * SECOND_NS) == []


@pytest.mark.parametrize("frame", ["ping", '{"op":"subscribe","args":["spot/trade:BTC_USDT"]}', "nonsense"])
def test_the_101st_message_within_ten_seconds_disconnects(frame):
    connection = connect()
    for n in range(100):
        assert not any(isinstance(action, Close) for action in connection.receive_text(frame, START_NS + n))
    actions = connection.receive_text(frame, START_NS + 10 * SECOND_NS - 1)
    assert replies(actions)[0]["errorCode"] == "90007"
    assert actions[-1].code == 1008


def test_a_hundred_messages_every_ten_seconds_are_fine():
    connection = connect()
    for n in range(1000):
        assert connection.receive_text("ping", START_NS + n * SECOND_NS // 10) == [Reply(b"pong")]


@pytest.mark.parametrize(("private", "closed"), [(False, False), (True, True)])
def test_ping_frames_count_as_messages_on_the_private_endpoint_only(private, closed):
    connection = connect(private=private)
    for _ in range(101):
        connection.receive_ping(b"", START_NS)
    assert connection.closed is closed


def test_rates_and_topic_counts_can_be_switched_off():
    connection = connect(limits=PUBLIC_LIMITS.unlimited())
    for _ in range(200):
        assert connection.receive_text("ping", START_NS) == [Reply(b"pong")]
    actions = send(connection, "subscribe", [f"spot/trade:C{n}_USDT" for n in range(150)])
    assert len(connection.topics) == 150
    assert len(actions) == 300


def test_silence_in_both_directions_for_twenty_seconds_closes():
    connection = connect()
    assert connection.tick(START_NS + 20 * SECOND_NS - 1) == []
    assert kinds(connection.tick(START_NS + 20 * SECOND_NS)) == ["Close"]


@pytest.mark.parametrize(
    "live",
    [
        lambda connection, at_ns: connection.sent(at_ns),
        lambda connection, at_ns: connection.receive_text("ping", at_ns),
        lambda connection, at_ns: connection.receive_ping(b"", at_ns),
        lambda connection, at_ns: connection.receive_pong(at_ns),
    ],
    ids=["push sent", "text ping", "ping frame", "pong frame"],
)
def test_traffic_in_either_direction_keeps_a_connection_alive(live):
    connection = connect()
    live(connection, START_NS + 15 * SECOND_NS)
    assert connection.tick(START_NS + 34 * SECOND_NS) == []
    assert kinds(connection.tick(START_NS + 35 * SECOND_NS)) == ["Close"]


def test_a_connection_that_never_subscribes_is_closed_after_five_minutes_though_it_pings():
    connection = connect()
    for second in range(0, 300, 10):
        connection.receive_text("ping", START_NS + second * SECOND_NS)
    assert connection.tick(START_NS + 299 * SECOND_NS) == []
    assert kinds(connection.tick(START_NS + 300 * SECOND_NS)) == ["Close"]


def test_one_subscription_is_enough_to_stay():
    connection = connect()
    send(connection, "subscribe", ["spot/trade:BTC_USDT"])
    send(connection, "unsubscribe", ["spot/trade:BTC_USDT"])
    connection.receive_text("ping", START_NS + 299 * SECOND_NS)
    assert connection.tick(START_NS + 301 * SECOND_NS) == []


def test_lenient_paths_take_login_and_private_topics_on_the_public_path():
    connection = connect(any_topic=True)
    assert replies(send(connection, "subscribe", ["spot/user/order:BTC_USDT"]))[0]["errorCode"] == "91006"
    assert replies(send(connection, "login", GOOD_LOGIN)) == [{"event": "login"}]
    actions = send(connection, "subscribe", ["spot/user/order:BTC_USDT", "spot/trade:BTC_USDT"])
    assert kinds(actions) == ["Reply", "Subscribe", "Reply", "Subscribe"]


words = st.one_of(
    st.sampled_from(
        [*PUBLIC_TOPICS[:3], *PRIVATE_TOPICS, "spot/depth/increase100:BTC_USDT", *GOOD_LOGIN, ""]
    ),
    st.text(max_size=8),
    st.integers(),
)
messages = st.one_of(
    st.text(max_size=20),
    st.just("ping"),
    st.just(json.dumps({"op": "login", "args": GOOD_LOGIN})),
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["subscribe", "unsubscribe", "request", "login", "x"]),
            "args": st.one_of(st.lists(words, max_size=4), words),
        }
    ).map(json.dumps),
)


@given(st.lists(messages, max_size=30), st.booleans(), st.booleans())
def test_whatever_a_client_sends_is_answered_and_the_state_stays_true(texts, private, any_topic):
    connection = connect(private=private, any_topic=any_topic)
    live = set()
    for text in texts:
        was_closed = connection.closed
        actions = connection.receive_text(text, START_NS)
        assert bool(actions) is not was_closed
        for action in actions:
            if isinstance(action, Subscribe):
                live.add(str(action.topic))
            elif isinstance(action, Unsubscribe):
                live.remove(str(action.topic))
        for reply in replies(action for action in actions if action != Reply(b"pong")):
            assert "data" not in reply
            assert reply["event"]
        assert live == set(connection.topics)
        assert connection.account is not None or not any(t.is_private for t in connection.topics.values())
        assert ("Close" in kinds(actions)) is (connection.closed and not was_closed)


@pytest.mark.parametrize(
    "text",
    ["{", "[" * 5000, '{"op":"subscribe","args":["\\ud800"]}', '{"op":"subscribe","args":[null]}', "PING"],
)
def test_garbage_never_raises(text):
    assert replies(connect().receive_text(text, START_NS))[0]["errorCode"] in ("90001", "90003")
