"""Those who want to be told, kept apart from those who tell."""

import logging
from collections.abc import Callable
from typing import Any

LOG = logging.getLogger(__name__)


class Listeners:
    """Calls every listener in the order of subscription; one that raises is logged and counted.

    A listener's mistake must not stop the exchange, nor keep the others from hearing.

    Args:
        what: names the occasion in the log.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._listeners: list[Callable[..., None]] = []
        self.errors = 0
        """Exceptions that listeners raised so far."""

    def add(self, fn: Callable[..., None]) -> Callable[[], None]:
        """Tell `fn` from now on; returns the function that ends it (a second call changes nothing)."""
        self._listeners.append(fn)

        def remove() -> None:
            if fn in self._listeners:
                self._listeners.remove(fn)

        return remove

    def tell(self, *facts: Any) -> None:
        """Call every listener with `facts`; those that come or go meanwhile count from the next time."""
        for fn in tuple(self._listeners):
            try:
                fn(*facts)
            except Exception:
                self.errors += 1
                LOG.exception("a listener to %s failed", self._what)
