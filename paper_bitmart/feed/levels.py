"""A level of a book, everywhere behind the mirror."""

Level = tuple[int, int]
"""(price_ticks, size_lots); size 0 means the level is gone."""
