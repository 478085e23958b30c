"""A disk that fills under a running program: no file of it grows any more."""

import sys

import pytest

needs_limits = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process's files")


def fill_disk(pid, size):
    """From now on no file of the process grows beyond `size` bytes; a write to it fails."""
    import resource

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
