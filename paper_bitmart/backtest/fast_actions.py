"""How the compiled loop calls a strategy: by address, so that the loop is compiled once, and kept on disk.

A function that is handed to the loop as such has the loop, and the core within it, compiled anew for each
strategy: some ten seconds. So only a small function is compiled for a strategy. It finds desk and book in a
*frame*, which the loop lays down once, and its `memory` at an address (docs/decisions/0042).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import config, jit, njit, typeof, types
from numba.core import cgutils
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from paper_bitmart.backtest.fast_arrays import new_desk
from paper_bitmart.matching.core.state import new_state

IS_COMPILED = not config.DISABLE_JIT  # type: ignore[attr-defined]
_WORD = ir.IntType(64)


class Actions(NamedTuple):
    """Addresses of a strategy's functions and of its memory, 0 for none; `kept` keeps them in place."""

    on_book: int
    on_news: int
    memory: int
    kept: tuple[Any, ...] = ()


def actions_of(
    on_book: Callable[..., None], on_news: Callable[..., None] | None, memory: np.ndarray
) -> Actions:
    """Compile a strategy's functions for `memory`, unless this process has done so before.

    Raises:
        TypeError: not a njit function, or `memory` is no array; else what numba raises.
    """
    if not isinstance(memory, np.ndarray):
        raise TypeError(f"memory must be a numpy array, not {type(memory).__name__}")
    words = np.array([memory.ctypes.data, *memory.shape, *memory.strides], np.int64)
    made = [_compiled(on_book, typeof(memory), _book_call)]
    if on_news is not None:
        made.append(_compiled(on_news, typeof(memory), _news_call))
    addresses = [_address_of(one) for one in made]
    return Actions(
        addresses[0], addresses[1] if on_news is not None else 0, words.ctypes.data, (memory, words, *made)
    )


_WITHOUT_WRAPPERS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_COMPILED: dict[tuple[Dispatcher, types.Type, Callable[..., Any]], Dispatcher] = {}


def _compiled(function: Any, memory_type: types.Array, make_call: Callable[..., Any]) -> Dispatcher:
    if not isinstance(function, Dispatcher):
        raise TypeError(f"{function!r} must be a njit function")
    key = function, memory_type, make_call
    if key not in _COMPILED:
        # Compiled for this call alone, without the wrappers that unpack desk and book from Python.
        bare = jit(locals=function.locals, **function.targetoptions | _WITHOUT_WRAPPERS)(function.py_func)
        call, arguments = make_call(bare, _memory_reader(memory_type))
        # _nrt=False: what the loop owns is only lent, so nothing here counts references.
        settings: dict[str, Any] = {"_nrt": False}
        made: Dispatcher = njit(**settings | _WITHOUT_WRAPPERS)(call)
        made.compile((types.int64,) * arguments)
        _COMPILED[key] = made
    return _COMPILED[key]


def _book_call(function: Dispatcher, read: Any) -> tuple[Callable[..., None], int]:
    def call(frame, memory):  # type: ignore[no-untyped-def]
        function(_desk_in(frame), _state_in(frame), read(memory))

    return call, 2


def _news_call(function: Dispatcher, read: Any) -> tuple[Callable[..., None], int]:
    def call(frame, memory, ticket, what, price, lots):  # type: ignore[no-untyped-def]
        function(_desk_in(frame), _state_in(frame), read(memory), ticket, what, price, lots)

    return call, 6


def _address_of(made: Dispatcher) -> int:
    compiled: Any = next(iter(made.overloads.values()))
    address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    return address


# --- what the compiled code does with an address ---

_DESK = typeof(new_desk(1))
_STATE = typeof(new_state(window_ticks=64, published_levels=0, queue_model=0, params=np.zeros(1)))


def _frame_type(context: Any) -> ir.Type:
    return ir.LiteralStructType([context.get_value_type(_DESK), context.get_value_type(_STATE)])


@intrinsic
def frame_of(typing_context, desk, state):  # type: ignore[no-untyped-def]
    """Lay a desk and a state down on the stack of the calling function; where."""

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        frame = cgutils.alloca_once(builder, _frame_type(context))
        for place, value in enumerate(arguments):
            builder.store(value, cgutils.gep_inbounds(builder, frame, 0, place))
        return builder.ptrtoint(frame, _WORD)

    return types.int64(_DESK, _STATE), build


def _member(type_: types.Type, place: int) -> Any:
    @intrinsic
    def read(typing_context, frame):  # type: ignore[no-untyped-def]
        def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            pointer = builder.inttoptr(arguments[0], _frame_type(context).as_pointer())
            return builder.load(cgutils.gep_inbounds(builder, pointer, 0, place))

        return type_(types.int64), build

    return read


_desk_in, _state_in = _member(_DESK, 0), _member(_STATE, 1)


def _memory_reader(type_: types.Array) -> Any:
    """Makes an array again from the words that `actions_of` writes: address, shape, strides."""

    @intrinsic
    def read(typing_context, words):  # type: ignore[no-untyped-def]
        def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            pointer = builder.inttoptr(arguments[0], _WORD.as_pointer())
            found = [
                builder.load(builder.gep(pointer, [_WORD(number)])) for number in range(1 + 2 * type_.ndim)
            ]
            array = make_array(type_)(context, builder)
            populate_array(
                array,
                data=builder.inttoptr(found[0], array.data.type),
                shape=found[1 : 1 + type_.ndim],
                strides=found[1 + type_.ndim :],
                itemsize=context.get_abi_sizeof(context.get_data_type(type_.dtype)),
                meminfo=None,
            )
            return array._getvalue()

        return type_(types.int64), build

    return read


@intrinsic
def call_book(typing_context, address, frame, memory):  # type: ignore[no-untyped-def]
    """Let the strategy at `address` look at the book."""
    return types.none(*[types.int64] * 3), _build_call


@intrinsic
def call_news(typing_context, address, frame, memory, ticket, what, price, lots):  # type: ignore[no-untyped-def]
    """Tell the strategy at `address` its news."""
    return types.none(*[types.int64] * 7), _build_call


def _build_call(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
    """A call as numba's own code calls, so that what the strategy raises goes up to Python."""
    kinds = signature.args[1:]
    function_type = context.call_conv.get_function_type(types.none, kinds)
    function = builder.inttoptr(arguments[0], function_type.as_pointer())
    status, _ = context.call_conv.call_function(builder, function, types.none, kinds, arguments[1:])
    with cgutils.if_unlikely(builder, status.is_error):
        context.call_conv.return_status_propagate(builder, status)
    return context.get_dummy_value()
