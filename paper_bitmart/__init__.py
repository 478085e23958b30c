"""paper_bitmart: a paper BitMart - real markets in, believable fills out, BitMart's own API."""

# Not from typing, whose import would be most of what importing this package costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from paper_bitmart.connector.exchange.connect import connect

__version__ = "0.1.0"
__all__ = ["__version__", "connect"]


def __getattr__(name: str) -> object:
    """`connect` is imported when it is asked for: importing the package stays cheap."""
    if name == "connect":
        from paper_bitmart.connector.exchange.connect import connect

        return connect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
