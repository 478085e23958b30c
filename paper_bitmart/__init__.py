"""paper_bitmart: a paper BitMart - real markets in, believable fills out, BitMart's own API."""

# Not from typing, whose import would be most of what importing this package costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from paper_bitmart.backtest.backtest import Backtest
    from paper_bitmart.backtest.strategy import Strategy
    from paper_bitmart.connector.exchange.connect import connect

__version__ = "0.1.0"
__all__ = ["Backtest", "Strategy", "__version__", "connect"]


_HOMES = {
    "Backtest": "paper_bitmart.backtest.backtest",
    "Strategy": "paper_bitmart.backtest.strategy",
    "connect": "paper_bitmart.connector.exchange.connect",
}


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


def __getattr__(name: str) -> object:
    """The public names are imported when they are asked for: importing the package stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
