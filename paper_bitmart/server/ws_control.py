"""Control frames, server to client: acks, the login reply and errors (protocol reference 6.3, 6.4).

Control frames are text and never have a `data` key: clients take anything with `data` for a push.
"""

import msgspec

from paper_bitmart.bitmart.errors import WsRefused

NO_OP = "error"
"""The `event` of an error whose op could not be read: clients expect the key in every control frame."""


def ack_text(op: str, topic: str) -> str:
    """The answer to one topic of a subscribe or unsubscribe."""
    return _text({"event": op, "topic": topic})


def login_text() -> str:
    """The answer to a good login, sent once per connection."""
    return _text({"event": "login"})


def error_text(refused: WsRefused, event: str = "", topic: str = "") -> str:
    """The error frame, with `topic` when it concerns one topic only.

    `event` and `topic` stand in where `refused` does not carry its own.
    """
    frame = {"event": refused.event or event or NO_OP}
    named = refused.topic or topic
    if named:
        frame["topic"] = named
    return _text(frame | {"errorCode": str(refused.code), "errorMessage": refused.message})


def _text(frame: dict[str, str]) -> str:
    return msgspec.json.encode(frame).decode()
