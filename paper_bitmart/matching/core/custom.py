"""Calls of a user's own queue model: a compiled function behind an address, so that the core stays cached.

A function that is handed to the core as such would make the core compile anew for it, half a minute each
time. Its address is a number like any other, kept in State.scalars; see `matching/models.custom_model`.
"""

import ctypes

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

SHARE_TYPE = types.float64(types.float64, types.float64, types.float64)
"""(ahead, behind, cancelled), all in lots -> share of the cancel that is taken from ahead."""


@intrinsic
def _call(typing_context, address, ahead, behind, cancelled):
    def build(context, builder, signature, arguments):
        double = ir.DoubleType()
        pointer = builder.inttoptr(arguments[0], ir.FunctionType(double, [double] * 3).as_pointer())
        return builder.call(pointer, arguments[1:])

    return types.float64(types.int64, types.float64, types.float64, types.float64), build


def _call_interpreted(address, ahead, behind, cancelled):
    double = ctypes.c_double
    return ctypes.CFUNCTYPE(double, double, double, double)(int(address))(ahead, behind, cancelled)


call_share = _call_interpreted if config.DISABLE_JIT else _call  # type: ignore[attr-defined]
"""The answer of the function at `address`."""
