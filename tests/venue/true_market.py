"""The market of one symbol as only the venue knows it: the full book, and what each version published."""

from paper_bitmart.feed.events import BID

PUBLISHED_LEVELS = 24
FULL_LEVELS = 40


class TrueMarket:
    """`published[version]`: (bids, asks) as published, price -> size in ticks and lots."""

    def __init__(self, symbol, rng, first_version):
        self.symbol = symbol
        self._rng = rng
        self.mid = rng.randint(5_000, 6_000)
        self.full = ({}, {})
        self.version = first_version
        self.published = {}
        self.is_crossed = False
        self._top_up()
        self._remember()

    def restart(self, first_version):
        """Another book under other versions."""
        self.mid += self._rng.randint(-50, 50)
        self.full = ({}, {})
        self.version = first_version
        self._top_up()
        self._remember()

    def move(self, *, crossed=False):
        """One version on; returns the changed levels ([bids], [asks]), which may be none."""
        before = self.book()
        self.is_crossed = crossed
        rng = self._rng
        if rng.random() < 0.3:
            self.mid += rng.randint(-2, 2)
        for _ in range(rng.randint(0, 4)):
            side, distance = rng.randrange(2), rng.randint(1, 30)
            price = self.mid - distance if side == BID else self.mid + distance
            size = rng.choice([0, 0, 1, 2, 5, 9])
            if size:
                self.full[side][price] = size
            else:
                self.full[side].pop(price, None)
        self._top_up()
        self.version += 1
        self._remember()
        after = self.book()
        return [_difference(*sides) for sides in zip(before, after, strict=True)]

    def skip_version(self):
        self.version += 1
        self._remember()

    def book(self):
        """What is published now: two dicts, best first."""
        return self.published[self.version]

    def _top_up(self):
        bids, asks = self.full
        for price in [price for price in bids if price >= self.mid]:
            del bids[price]
        for price in [price for price in asks if price <= self.mid]:
            del asks[price]
        for side, step in ((bids, -1), (asks, 1)):
            price = self.mid + step
            while len(side) < FULL_LEVELS:
                if price not in side:
                    side[price] = self._rng.randint(1, 9)
                price += step

    def _remember(self):
        bids, asks = self.full
        best_bids = {price: bids[price] for price in sorted(bids, reverse=True)[:PUBLISHED_LEVELS]}
        best_asks = {price: asks[price] for price in sorted(asks)[:PUBLISHED_LEVELS]}
        if self.is_crossed:
            best_asks.popitem()
            best_asks = {next(iter(best_bids)): 1} | best_asks
        self.published[self.version] = best_bids, best_asks


def _difference(before, after):
    gone = [(price, 0) for price in before if price not in after]
    return gone + [(price, size) for price, size in after.items() if before.get(price) != size]
