"""Request ids, `trace` in every answer."""

from __future__ import annotations

import itertools
import secrets


class Traces:
    """Ids in the venue's newer form, `<32 hex>.<n>.<digits>` (protocol reference 1.3)."""

    def __init__(self, prefix: str | None = None) -> None:
        self._prefix = prefix or secrets.token_hex(16)
        self._count = itertools.count(1)

    def next(self, at_ns: int) -> str:
        """The id of a request that came at `at_ns` (ns since 1970)."""
        return f"{self._prefix}.{next(self._count)}.{at_ns}"
