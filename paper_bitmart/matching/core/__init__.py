"""The compiled core: njit functions over one symbol's State. Runs uncompiled under NUMBA_DISABLE_JIT=1."""
