"""paper_bitmart: a paper BitMart - real markets in, believable fills out, BitMart's own API."""

__version__ = "0.1.0"
