"""Latency presets: named delays with their origin, honest about which part is measured and which assumed.

BitMart's own order latency was never measured for this project. Every preset is a floor, the way over the
wire, and a tail of queueing. The tail is measured; the floors of the names that begin with `assumed` are
taken from reports of other people's round trips, halved, since a one-way delay cannot be seen from outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from paper_bitmart.matching.latency import Constant, LatencyError, LatencyProfile, SeededDelay

MS = 10**6


class Quantiles(SeededDelay):
    """A measured distribution: `shift_ns` plus a value drawn from its quantiles, linear between them.

    Args:
        shares: rising from 0 to 1. delays_ns: as many, rising, ns.
        seed: whole number >= 0.

    Example: half of the delays are up to 3 ms, none is above 10 ms.
        >>> model = Quantiles(0, (0.0, 0.5, 1.0), (0, 3_000_000, 10_000_000), seed=1)
        >>> 2_500_000 < sorted(model.sample(0) for _ in range(1001))[500] < 3_500_000
        True
    """

    def __init__(self, shift_ns: int, shares: Sequence[float], delays_ns: Sequence[int], seed: int) -> None:
        super().__init__(shift_ns, seed)
        if len(shares) != len(delays_ns) or len(shares) < 2 or shares[0] != 0 or shares[-1] != 1:
            raise LatencyError("shares", "from 0 to 1, one per delay", shares)
        for name, series in (("shares", shares), ("delays_ns", delays_ns)):
            if any(b < a for a, b in pairwise(series)):
                raise LatencyError(name, "rising", series)
        self._shares, self._delays_ns = np.array(shares, np.float64), np.array(delays_ns, np.float64)

    def __repr__(self) -> str:
        median = int(np.interp(0.5, self._shares, self._delays_ns))
        return f"Quantiles(shift_ns={self.shift_ns}, median_ns={median}, seed={self.seed})"

    def _tail_ns(self) -> float:
        return float(np.interp(self._random.random(), self._shares, self._delays_ns))


TAIL_SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
TAIL_NS = tuple(
    int(ms * MS) for ms in (0.04, 1.07, 1.57, 1.86, 2.38, 3.01, 3.89, 13.34, 31.67, 115.60, 175.50, 220.79)
)
"""Receive time less venue time, less the least such difference, of 12,089 trade messages in four recordings
of BTC_USDT and ETH_USDT of 8 and 9 August 2024. Least, because the recorder's clock was 1.27 s off: what the
wire itself takes is not in it. docs/realism.md has the command."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One way, ns: `entry`, `cancel` and `response` each take `floor_ns` plus the measured tail.

    Market data take nothing on top: a recording's receive times hold their delay already.
    """

    name: str
    floor_ns: int
    has_tail: bool
    origin: str

    def profile(self, seed: int = 0) -> LatencyProfile:
        """New models, each with a random stream of its own."""
        if not self.has_tail:
            return LatencyProfile.constant(self.floor_ns, response_ns=self.floor_ns)
        entry, cancel, response = (
            Quantiles(self.floor_ns, TAIL_SHARES, TAIL_NS, 4 * seed + role) for role in range(3)
        )
        return LatencyProfile(entry, cancel, response, Constant(0))


PRESETS = {
    one.name: one
    for one in (
        Preset("none", 0, False, "no delay at all: what the fidelity figures were measured with"),
        Preset(
            "measured_tail", 0, True,
            "measured: delays of 12,089 public messages above the least of them; the wire itself is left out",
        ),
        Preset(
            "assumed_near", 5 * MS, True,
            "assumed floor: half of 10 ms, the fast end of REST round trips of 10-35 ms from the region next "
            "to an exchange (BitMart: AWS Hong Kong), reported by arbitron.app/learn/"
            "crypto-exchange-server-locations; measured tail",
        ),
        Preset(
            "assumed_retail", 50 * MS, True,
            "assumed floor: half of about 100 ms from new order to its id, reported for two exchanges in "
            "github.com/knowm/XChange issue 2796 (2018); measured tail",
        ),
        Preset(
            "assumed_far", 100 * MS, True,
            "assumed floor: half of 200 ms, the fast end of REST round trips of 200-500 ms from another "
            "continent (arbitron.app, as above); measured tail",
        ),
    )
}  # fmt: skip
