"""`@compiled`: numba.njit, cached on disk, with a cache that notices a change in any file of the core.

numba invalidates a cached function when its own file changes, but not when a function that it calls, in
another file, does; the caller would go on running the old code. So the stamp of every core function here
is a hash over all sources of the core.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

_SOURCES = (*sorted(Path(__file__).parent.glob("*.py")), Path(__file__).parents[1] / "reports.py")


def _sources_stamp() -> str:
    digest = hashlib.sha256()
    for path in _SOURCES:
        digest.update(path.read_bytes())
    return digest.hexdigest()


SOURCES_STAMP = _sources_stamp()


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """As @compiled, and inlined by LLVM: for small functions of the hot path.

    A call hands over the State by value, some two hundred words; inlined, only what is used is read.
    """
    return _compile(function, forceinline=True, no_cpython_wrapper=True)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` on first call, or load it from the cache; leave it as it is without JIT.

    For calls from other compiled code only: the wrapper that unpacks a State from Python costs more time to
    compile than most of these functions. From Python, call an @entry_point.
    """
    return _compile(function, no_cpython_wrapper=True)


def entry_point(function: Callable[..., Any]) -> Callable[..., Any]:
    """As @compiled, and callable from Python."""
    return _compile(function)


def _compile(function: Callable[..., Any], **options: bool) -> Callable[..., Any]:
    # _nrt=False: the core allocates nothing, so numba need not count references to the State's arrays.
    settings: dict[str, Any] = {"cache": True, "_nrt": False, "no_cfunc_wrapper": True, **options}
    dispatcher: Any = njit(**settings)(function)
    if dispatcher is not function:
        dispatcher._cache._cache_file._source_stamp = SOURCES_STAMP
    return dispatcher
