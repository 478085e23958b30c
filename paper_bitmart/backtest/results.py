"""Results of a backtest: orders, fills, equity and balances as numpy, pandas or polars frames.

Rows hold exact integers (ticks, lots, 10^-8 of the quote currency). Frames for people, equity and statistics
hold float64: they are for reading and plotting, and nothing is settled by them.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from paper_bitmart.backtest.best_prices import best_prices
from paper_bitmart.backtest.recorder import STATES
from paper_bitmart.backtest.tape import Tape
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.matching.reports import Evidence

NS_PER_S = 10**9
SAMPLE_NS = NS_PER_S
ROLES = ("maker", "taker")
SIDES = ("buy", "sell")
E8 = 1e-8
FRAMES = ("orders", "fills", "positions", "equity", "balances")
"""What there are frames of; see `Results.columns`."""

EQUITY_DTYPE = np.dtype(
    [
        ("at_ns", np.int64),
        ("bid", np.float64),
        ("ask", np.float64),
        ("position", np.float64),
        ("cash", np.float64),
        ("fees", np.float64),
        ("equity", np.float64),
    ]
)
"""One row per sample. Prices and money in quote currency, position in base. cash: what sales brought less
what buys cost; equity = cash + position * mid - fees, 0 at the start."""


class Results:
    """What a run did.

    Attributes:
        orders: (n,) ORDERS_DTYPE. fills: (n,) FILLS_DTYPE. Both exact.
        accounts, symbols: names by the numbers in the rows. rules: by symbol.
        balances: at the end, by account and asset: (available, frozen) as Decimal; empty for compiled runs.
        refused: commands that the venue refused.
        start_ns, end_ns: market time played. events: market events. elapsed_s: real time of the run.
    """

    def __init__(
        self,
        *,
        orders: np.ndarray,
        fills: np.ndarray,
        accounts: Sequence[str],
        tapes: Mapping[str, Tape],
        start_ns: int,
        end_ns: int,
        events: int,
        elapsed_s: float,
        refused: int = 0,
        balances: Mapping[str, Mapping[str, tuple[Decimal, Decimal]]] | None = None,
        name: str = "",
    ) -> None:
        self.orders, self.fills, self.refused = orders, fills, refused
        self.accounts, self.symbols = tuple(accounts), tuple(tapes)
        self.rules: dict[str, SymbolRules] = {symbol: tape.rules for symbol, tape in tapes.items()}
        self.balances = balances or {}
        self.start_ns, self.end_ns, self.events, self.elapsed_s = start_ns, end_ns, events, elapsed_s
        self.name = name
        self._tapes = dict(tapes)
        self._prices: dict[tuple[str, bytes], tuple[np.ndarray, np.ndarray]] = {}

    def __repr__(self) -> str:
        found = f"{len(self.orders):,} orders, {len(self.fills):,} fills, {self.refused:,} refused"
        return f"<Results of {self.name or 'a run'} on {', '.join(self.symbols)}: {found}>"

    @property
    def tapes(self) -> Mapping[str, Tape]:
        """What was played, by symbol."""
        return self._tapes

    @property
    def events_per_s(self) -> float:
        return self.events / self.elapsed_s if self.elapsed_s else 0.0

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """(account, symbol) of everything that traded or tried to, in the order of accounts and symbols."""
        found = np.unique(np.stack([self.orders["account"], self.orders["symbol"]]), axis=1).T.tolist()
        return [(self.accounts[account], self.symbols[symbol]) for account, symbol in found]

    def fills_of(self, account: str, symbol: str) -> np.ndarray:
        """Fills of one account in one symbol, (n,) FILLS_DTYPE. Raises ValueError for an unknown name."""
        return self.fills[self._of(self.fills, account, symbol)]

    def orders_of(self, account: str, symbol: str) -> np.ndarray:
        """As `fills_of`, (n,) ORDERS_DTYPE."""
        return self.orders[self._of(self.orders, account, symbol)]

    def best_at(self, symbol: str, times_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Best bid and ask (ticks) at rising times; see `best_prices`."""
        key = symbol, np.asarray(times_ns, np.int64).tobytes()
        if key not in self._prices:
            self._prices[key] = best_prices(self._tapes[symbol], times_ns)
        return self._prices[key]

    def mids_at(self, symbol: str, times_ns: np.ndarray) -> np.ndarray:
        """Mid prices in ticks (halves possible) at times in any order; NaN before the first book."""
        times = np.asarray(times_ns, np.int64)
        order = np.argsort(times, kind="stable")
        bids, asks = self.best_at(symbol, times[order])
        mids = np.empty(len(times))
        mids[order] = np.where(bids > 0, (bids + asks) / 2, np.nan)
        return mids

    def equity(self, account: str, symbol: str, sample_ns: int = SAMPLE_NS) -> np.ndarray:
        """Position, cash, fees and equity each `sample_ns` of market time: (n,) EQUITY_DTYPE."""
        times = np.arange(self.start_ns, self.end_ns + sample_ns, sample_ns, dtype=np.int64)
        times[-1] = self.end_ns
        rules, fills = self.rules[symbol], self.fills_of(account, symbol)
        bids, asks = self.best_at(symbol, times)
        tick, lot = float(rules.tick), float(rules.lot)
        sign = np.where(fills["side"] == 0, 1, -1)
        done = np.searchsorted(fills["at_ns"], times, side="right")
        rows = np.zeros(len(times), EQUITY_DTYPE)
        rows["at_ns"], rows["bid"], rows["ask"] = times, bids * tick, asks * tick
        rows["position"] = _running(sign * fills["size_lots"])[done] * lot
        rows["cash"] = -_running(sign * fills["size_lots"] * fills["price_ticks"])[done] * (tick * lot)
        rows["fees"] = _running(fills["fee_e8"])[done] * E8
        rows["equity"] = rows["cash"] + rows["position"] * (rows["bid"] + rows["ask"]) / 2 - rows["fees"]
        return rows

    def columns(self, what: str) -> dict[str, np.ndarray]:
        """One of FRAMES as columns with names and units of the field: prices, sizes and money as float64.

        positions: after each fill, with cash as in EQUITY_DTYPE. equity: each second, see `equity`. Both one
        account and symbol after the other. balances: at the end; exact in `balances`.

        Raises:
            ValueError: another word.
        """
        made = {
            "orders": self._order_columns,
            "fills": self._fill_columns,
            "positions": self._position_columns,
            "equity": self._equity_columns,
            "balances": self._balance_columns,
        }
        if what not in made:
            raise ValueError(f"there are {', '.join(FRAMES)}; not {what!r}")
        return made[what]()

    def to_pandas(self, what: str) -> Any:
        """`columns` as a pandas.DataFrame. Raises ImportError without pandas."""
        import pandas

        return pandas.DataFrame(self.columns(what))

    def to_polars(self, what: str) -> Any:
        """`columns` as a polars.DataFrame. Raises ImportError without polars."""
        import polars

        return polars.DataFrame(self.columns(what))

    def _order_columns(self) -> dict[str, np.ndarray]:
        orders = self.orders
        return self._named(orders) | {
            "type": np.array([*OrderType])[orders["type"]],
            "state": np.array(STATES)[orders["state"]],
            "price": orders["price_ticks"] * self._units(orders, "tick"),
            "size": orders["size_lots"] * self._units(orders, "lot"),
            "filled": orders["filled_lots"] * self._units(orders, "lot"),
            "created_ns": orders["created_ns"],
            "closed_ns": orders["closed_ns"],
            "queue_ahead": _known(orders["queue_ahead"]) * self._units(orders, "lot"),
        }

    def _fill_columns(self) -> dict[str, np.ndarray]:
        fills = self.fills
        evidence = np.array([one.name.lower() for one in Evidence])
        return self._named(fills) | {
            "at_ns": fills["at_ns"],
            "role": np.array(ROLES)[fills["role"]],
            "price": fills["price_ticks"] * self._units(fills, "tick"),
            "size": fills["size_lots"] * self._units(fills, "lot"),
            "fee": fills["fee_e8"] * E8,
            "evidence": evidence[fills["evidence"]],
            "evidence_price": fills["evidence_price_ticks"] * self._units(fills, "tick"),
            "evidence_size": fills["evidence_lots"] * self._units(fills, "lot"),
            "ahead_before": _known(fills["ahead_before"]) * self._units(fills, "lot"),
            "ahead_after": _known(fills["ahead_after"]) * self._units(fills, "lot"),
        }

    def _position_columns(self) -> dict[str, np.ndarray]:
        parts = []
        for account, symbol in self.pairs:
            fills, rules = self.fills_of(account, symbol), self.rules[symbol]
            lots = np.where(fills["side"] == 0, 1, -1) * fills["size_lots"]
            spent = np.cumsum(lots * fills["price_ticks"]) * (float(rules.tick) * float(rules.lot))
            columns = {
                "at_ns": fills["at_ns"],
                "position": np.cumsum(lots) * float(rules.lot),
                "cash": -spent,
            }
            parts.append(_of_pair(account, symbol, columns))
        return _joined(parts, ("at_ns", "position", "cash"))

    def _equity_columns(self) -> dict[str, np.ndarray]:
        names = EQUITY_DTYPE.names or ()
        parts = []
        for account, symbol in self.pairs:
            rows = self.equity(account, symbol)
            parts.append(_of_pair(account, symbol, {name: rows[name] for name in names}))
        return _joined(parts, names)

    def _balance_columns(self) -> dict[str, np.ndarray]:
        rows = [
            (account, asset, float(available), float(frozen))
            for account, assets in self.balances.items()
            for asset, (available, frozen) in assets.items()
        ]
        names = ("account", "asset", "available", "frozen")
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return {name: np.array(column) for name, column in zip(names, columns, strict=True)}

    def _named(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return {
            "order_id": rows["order_id"],
            "account": np.array(self.accounts)[rows["account"]],
            "symbol": np.array(self.symbols)[rows["symbol"]],
            "side": np.array(SIDES)[rows["side"]],
        }

    def _units(self, rows: np.ndarray, name: str) -> np.ndarray:
        return np.array([float(getattr(self.rules[symbol], name)) for symbol in self.symbols])[rows["symbol"]]

    def _of(self, rows: np.ndarray, account: str, symbol: str) -> np.ndarray:
        wanted = self.accounts.index(account), self.symbols.index(symbol)
        return (rows["account"] == wanted[0]) & (rows["symbol"] == wanted[1])


def _running(values: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, ... n values."""
    return np.concatenate([[0], np.cumsum(values)])


def _known(ahead: np.ndarray) -> np.ndarray:
    return np.where(ahead < 0, np.nan, ahead)


def _of_pair(account: str, symbol: str, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rows = len(next(iter(columns.values())))
    return {"account": np.full(rows, account), "symbol": np.full(rows, symbol)} | columns


def _joined(parts: Sequence[dict[str, np.ndarray]], names: Sequence[str]) -> dict[str, np.ndarray]:
    return {
        name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)
        for name in ("account", "symbol", *names)
    }
