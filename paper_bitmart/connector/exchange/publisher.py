"""Hummingbot's `add_listener`, `remove_listener`, `trigger_event`: who is told what."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from paper_bitmart.exchange.listeners import Listeners

Listener = Callable[[Any], Any]


class Publisher:
    """Tells events to the listeners of their tag, in the order in which they came.

    Unlike Hummingbot's, listeners are held strongly, so a lambda stays until it is removed. A listener is
    anything that takes the event. One that raises is logged, and the others hear the event all the same.
    Tags are known by their value, so Hummingbot's own enums are understood too.
    """

    def __init__(self) -> None:
        # By the value of their tag; empty when nobody listens. Always the same dict: hot paths look at it.
        self._listeners: dict[int, dict[Listener, Callable[[], None]]] = {}
        self._occasions: dict[int, Listeners] = {}

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners)

    def add_listener(self, event_tag: Enum, listener: Listener) -> None:
        """Call `listener(event)` for every event of that tag; adding it again changes nothing.

        Raises:
            TypeError: the tag is no enum's member, or the listener cannot be called.
        """
        if not isinstance(event_tag, Enum):
            raise TypeError(f"event_tag: must be such as MarketEvent.OrderFilled, not {event_tag!r}")
        if not callable(listener):
            raise TypeError(f"listener: must be a function of the event, not {listener!r}")
        known = self._listeners.setdefault(event_tag.value, {})
        if listener not in known:
            occasion = self._occasions.setdefault(event_tag.value, Listeners(event_tag.name))
            known[listener] = occasion.add(listener)

    def remove_listener(self, event_tag: Enum, listener: Listener) -> None:
        """End that; one that was not added is ignored."""
        known = self._listeners.get(event_tag.value, {})
        remove = known.pop(listener, None)
        if remove is not None:
            remove()
            if not known:
                del self._listeners[event_tag.value]

    def get_listeners(self, event_tag: Enum) -> list[Listener]:
        """Who listens to a tag, in the order in which they came."""
        return list(self._listeners.get(event_tag.value, {}))

    def hears(self, event_tag: Enum) -> bool:
        """Does anybody listen to the tag? If not, its event need not be made."""
        return event_tag._value_ in self._listeners

    def trigger_event(self, event_tag: Enum, message: Any) -> None:
        """Tell `message` to the listeners of the tag."""
        occasion = self._occasions.get(event_tag.value)
        if occasion is not None:
            occasion.tell(message)
