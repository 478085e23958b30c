"""One websocket connection's conversation, sans-I/O (protocol reference 6.1 to 6.4, 8.5).

Frames go in with the time of their arrival, actions come out, in the order in which the client has to
see their effects. Nothing here touches a socket, a clock or the market: the hub carries the actions
out, so every rule of the conversation can be tested as a table.
"""

from collections import deque
from collections.abc import Callable, Container, Sequence
from typing import NamedTuple

import msgspec

from paper_bitmart.bitmart.control_messages import PING, PONG, ack, error_frame, login_ack
from paper_bitmart.bitmart.errors import WsRefused
from paper_bitmart.bitmart.topics import DEPTH_INCREMENT, Topic, TopicError, parse_topic
from paper_bitmart.server.ws_limits import WsLimits

CLOSE_NORMAL, CLOSE_GOING_AWAY, CLOSE_POLICY, CLOSE_INTERNAL, CLOSE_TRY_LATER = 1000, 1001, 1008, 1011, 1013
"""RFC 6455 close codes; BitMart documents none (reference 10 #42)."""
OPS = ("subscribe", "unsubscribe", "request", "login")


class Reply(NamedTuple):
    """Send this as a text frame."""

    text: bytes


class Pong(NamedTuple):
    """Answer a ping frame."""

    payload: bytes


class Subscribe(NamedTuple):
    """From here on the connection gets the topic's pushes, beginning with its first push, if it has one."""

    topic: Topic


class Unsubscribe(NamedTuple):
    topic: Topic


class Request(NamedTuple):
    """Put one snapshot of this increase100 topic into the outgoing queue."""

    topic: Topic


class Close(NamedTuple):
    """Close after all that was queued before."""

    code: int
    reason: str


Action = Reply | Pong | Subscribe | Unsubscribe | Request | Close
Login = Callable[[Sequence[str], int], str]
"""(the three login arguments, at_ns) -> account, or WsRefused."""


class WsProtocol:
    """The state of one connection: login, subscribed topics, rates, life signs.

    Invariants: a topic is in `topics` exactly between its Subscribe and Unsubscribe; private topics
    only while `account` is set; after a Close no further actions come out.
    """

    def __init__(
        self,
        *,
        private: bool,
        symbols: Container[str],
        limits: WsLimits,
        opened_ns: int,
        login: Login,
        any_topic: bool = False,
    ) -> None:
        """
        Args:
            private: whether this is `/user` (else `/api`).
            symbols: the symbols that can be subscribed to.
            limits: see WsLimits.
            opened_ns: when the connection was accepted; all times are ns on one clock.
            login: checks login arguments.
            any_topic: take login, public and private topics on either path (reference 10 #46).
        """
        self.account: str | None = None
        self.topics: dict[str, Topic] = {}
        self.closed = False
        self._private = private
        self._any_topic = any_topic
        self._symbols = symbols
        self._limits = limits
        self._login = login
        self._opened_ns = opened_ns
        self._active_ns = opened_ns
        self._ever_subscribed = False
        self._message_times: deque[int] = deque(maxlen=limits.messages_per_window)
        self._ops: dict[str, Callable[[list[str], int], list[Action]]] = {
            "subscribe": self._subscribe_all,
            "unsubscribe": self._unsubscribe_all,
            "request": self._request_all,
        }
        if private or any_topic:
            self._ops["login"] = self._log_in

    def receive_text(self, text: str, at_ns: int) -> list[Action]:
        """Take one text frame; never raises for what a client can send."""
        if self.closed:
            return []
        self._active_ns = at_ns
        if text == PING:
            return self._count(PING, at_ns) or [Reply(PONG.encode())]
        try:
            message = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            message = None
        op = message.get("op") if isinstance(message, dict) else None
        event = op if isinstance(op, str) and op in OPS else ""
        too_many = self._count(event, at_ns)
        if too_many:
            return too_many
        try:
            return self._dispatch(message, op, at_ns)
        except WsRefused as refused:
            return self._refuse(refused, event)

    def receive_binary(self, at_ns: int) -> list[Action]:
        """Clients speak text only."""
        if self.closed:
            return []
        self._active_ns = at_ns
        return self._count("", at_ns) or self._refuse(WsRefused(90001))

    def receive_ping(self, payload: bytes, at_ns: int) -> list[Action]:
        """A ping frame: keeps alive, is answered, and counts as a message on the private endpoint."""
        return self._receive_control(at_ns) or ([] if self.closed else [Pong(payload)])

    def receive_pong(self, at_ns: int) -> list[Action]:
        """An unasked pong frame: keeps alive, and counts as a message on the private endpoint."""
        return self._receive_control(at_ns)

    def sent(self, at_ns: int) -> None:
        """A frame went out; traffic in either direction keeps the connection alive."""
        self._active_ns = max(self._active_ns, at_ns)

    def tick(self, at_ns: int) -> list[Action]:
        """Let time pass: closes an idle connection and one that never subscribed (reference 6.1)."""
        if self.closed:
            return []
        limits = self._limits
        if limits.idle_ns is not None and at_ns - self._active_ns >= limits.idle_ns:
            return self._close(CLOSE_NORMAL, "idle")
        lifeless_ns = at_ns - self._opened_ns
        if not self._ever_subscribed and limits.unsubscribed_ns is not None:
            return (
                self._close(CLOSE_NORMAL, "no subscription") if lifeless_ns >= limits.unsubscribed_ns else []
            )
        return []

    def _receive_control(self, at_ns: int) -> list[Action]:
        if self.closed:
            return []
        self._active_ns = at_ns
        return self._count(PING, at_ns) if self._limits.counts_ping_frames else []

    def _count(self, event: str, at_ns: int) -> list[Action]:
        """Count one message; the actions that end the connection if it is one too many."""
        limit, times = self._limits.messages_per_window, self._message_times
        if limit is None:
            return []
        if len(times) == limit and at_ns - times[0] < self._limits.window_ns:
            return self._refuse(WsRefused(90007), event)
        times.append(at_ns)
        return []

    def _refuse(self, refused: WsRefused, event: str = "", topic: str = "") -> list[Action]:
        refused.event, refused.topic = refused.event or event, refused.topic or topic
        reply = Reply(error_frame(refused))
        return [reply, *self._close(CLOSE_POLICY, refused.message[:100])] if refused.closes else [reply]

    def _close(self, code: int, reason: str) -> list[Action]:
        self.closed = True
        return [Close(code, reason)]

    def _dispatch(self, message: object, op: object, at_ns: int) -> list[Action]:
        if not isinstance(message, dict):
            raise WsRefused(90001)
        handler = self._ops.get(op) if isinstance(op, str) else None
        if handler is None:
            raise WsRefused(90002)
        args = message.get("args")
        if not isinstance(args, list) or not args or not all(isinstance(arg, str) for arg in args):
            raise WsRefused(90003)
        return handler(args, at_ns)

    def _log_in(self, args: list[str], at_ns: int) -> list[Action]:
        if len(args) != 3:
            raise WsRefused(90003)
        if self.account is not None:
            raise WsRefused(91005)
        self.account = self._login(args, at_ns)
        return [Reply(login_ack())]

    def _check_size(self, args: list[str]) -> None:
        limit = self._limits.topics_per_message
        if limit is not None and len(args) > limit:
            raise WsRefused(90005)
        if sum(len(arg.encode()) for arg in args) > self._limits.topic_bytes_per_message:
            raise WsRefused(90003)

    def _each(self, op: str, args: list[str], change: Callable[[Topic], list[Action]]) -> list[Action]:
        """Apply `change` topic by topic: each gets its own ack or error, the good ones are not held up."""
        self._check_size(args)
        actions: list[Action] = []
        for arg in args:
            try:
                actions += change(self._topic(arg))
            except WsRefused as refused:
                actions += self._refuse(refused, op, arg)
        return actions

    def _topic(self, text: str) -> Topic:
        try:
            topic = parse_topic(text)
        except TopicError as error:
            raise WsRefused(error.code) from error
        if topic.is_private != self._private and not self._any_topic:
            raise WsRefused(90004)
        if topic.is_private and self.account is None:
            raise WsRefused(91006)
        if topic.symbol is not None and topic.symbol not in self._symbols:
            raise WsRefused(92001)
        return topic

    def _subscribe_all(self, args: list[str], at_ns: int) -> list[Action]:
        return self._each("subscribe", args, self._subscribe)

    def _unsubscribe_all(self, args: list[str], at_ns: int) -> list[Action]:
        return self._each("unsubscribe", args, self._unsubscribe)

    def _request_all(self, args: list[str], at_ns: int) -> list[Action]:
        return self._each("request", args, self._request)

    def _subscribe(self, topic: Topic) -> list[Action]:
        name, limit = str(topic), self._limits.topics_per_connection
        if name in self.topics:
            raise WsRefused(90008)
        if limit is not None and len(self.topics) >= limit:
            raise WsRefused(90006)
        self.topics[name] = topic
        self._ever_subscribed = True
        return [Reply(ack("subscribe", name)), Subscribe(topic)]

    def _unsubscribe(self, topic: Topic) -> list[Action]:
        name = str(topic)
        if self.topics.pop(name, None) is None:
            raise WsRefused(90009)
        return [Unsubscribe(topic), Reply(ack("unsubscribe", name))]

    def _request(self, topic: Topic) -> list[Action]:
        if topic.channel != DEPTH_INCREMENT:
            raise WsRefused(90004)
        return [Request(topic)]
