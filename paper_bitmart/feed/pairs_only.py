"""Some symbols of a market.

UnknownPair    a pair was asked for that the market does not have
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.feed.sources import Source


class UnknownPair(ValueError):
    """A pair was asked for that the market does not have. Carries `symbol` and the `known` symbols."""

    def __init__(self, symbol: str, known: list[str]) -> None:
        pairs = ", ".join(map(trading_pair_of, known))
        super().__init__(f"{trading_pair_of(symbol)} is not in this market, which has {pairs}")
        self.symbol, self.known = symbol, known


class PairsOnly:
    """A source that shows only some symbols of another one.

    Raises:
        UnknownPair: the other one does not have a symbol.
    """

    def __init__(self, source: Source, symbols: Sequence[str]) -> None:
        known = list(source.rules)
        for symbol in symbols:
            if symbol not in known:
                raise UnknownPair(symbol, known)
        self._source = source
        self.name = source.name
        self.rules: Mapping[str, SymbolRules] = {
            symbol: rules for symbol, rules in source.rules.items() if symbol in symbols
        }

    @property
    def start_ns(self) -> int:
        """The source's."""
        return self._source.start_ns

    def begin(self) -> None:
        """As `CaptureSource.begin`, if the source is a recording."""
        begin = getattr(self._source, "begin", None)
        if begin is not None:
            begin()

    def skip_to(self, at_ns: int) -> None:
        """Jump forward, if the source is a recording.

        Raises:
            ValueError: it is not, or `at_ns` is not ahead within it.
        """
        skip = getattr(self._source, "skip_to", None)
        if skip is None:
            raise ValueError(f"{self.name} cannot be skipped")
        skip(at_ns)

    async def run(self, emit: Callable[[str, np.ndarray], None]) -> None:
        """As the source, without the batches of other symbols."""

        def emit_wanted(symbol: str, events: np.ndarray) -> None:
            if symbol in self.rules:
                emit(symbol, events)

        await self._source.run(emit_wanted)
