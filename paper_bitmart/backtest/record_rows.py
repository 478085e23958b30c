"""Rows of an array of records as plain Python numbers: numpy's own way to them costs five times as much."""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

_CODES = {"int8": "b", "int32": "i", "int64": "q", "float64": "d"}


class RecordRows:
    """Reads and writes one row at a time; the array must stay in place.

    Args:
        array: (n,) of records whose fields are of the types in _CODES.

    Example:
        >>> array = np.zeros(3, np.dtype([("at_ns", np.int64), ("side", np.int8)], align=True))
        >>> rows = RecordRows(array)
        >>> rows.put(1, 700, 1)
        >>> rows.get(1), array["at_ns"].tolist()
        ((700, 1), [0, 700, 0])
    """

    __slots__ = ("_bytes", "_iter_unpack", "_pack_into", "_row_bytes", "_unpack_from")

    def __init__(self, array: np.ndarray) -> None:
        layout = struct.Struct(_layout(array.dtype))
        self._bytes = memoryview(array.view(np.uint8))  # type: ignore[arg-type]
        self._row_bytes = layout.size
        self._pack_into, self._unpack_from = layout.pack_into, layout.unpack_from
        self._iter_unpack = layout.iter_unpack

    def get(self, row: int) -> tuple[Any, ...]:
        """The fields of a row, in their order."""
        return self._unpack_from(self._bytes, row * self._row_bytes)

    def between(self, start: int, stop: int) -> Iterator[tuple[Any, ...]]:
        """The fields of the rows from `start` to `stop`, the latter excluded."""
        return self._iter_unpack(self._bytes[start * self._row_bytes : stop * self._row_bytes])

    def put(self, row: int, *values: int) -> None:
        """Set all fields of a row.

        Raises:
            struct.error: a value is no integer, or does not fit; nothing is written then.
        """
        self._pack_into(self._bytes, row * self._row_bytes, *values)


def _layout(dtype: np.dtype) -> str:
    """Format of `struct` for the same bytes, paddings included."""
    parts, end = ["="], 0
    for kind, offset, *_ in (dtype.fields or {}).values():
        parts.append(f"{offset - end}x{_CODES[kind.name]}")
        end = offset + kind.itemsize
    parts.append(f"{dtype.itemsize - end}x")
    return "".join(parts)
