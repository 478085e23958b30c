"""One process per state directory.

The operating system holds the lock (`flock`), so it is gone the moment its owner dies, however it dies:
a lock file left behind by a killed process is taken over without asking. The pid inside is for the reader.
"""

import os
import sys
from pathlib import Path

from paper_bitmart.exchange.journal_error import JournalError, JournalLocked

LOCK_NAME = "lock"
_PID_BYTES_MAX = 20


class StateLock:
    """Holds `directory/lock` from construction to `release()`.

    Args:
        directory: an existing state directory.

    Raises:
        JournalLocked: another holder, in this process or another one, has it.
        JournalError: the file cannot be created.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / LOCK_NAME
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(self.path, f"cannot be opened: {error.strerror}") from error
        if not try_lock(self._fd):
            pid = _read_pid(self._fd)
            os.close(self._fd)
            raise JournalLocked(directory, pid)
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        """Give the directory free; a second call changes nothing."""
        if self._fd >= 0:
            # The file stays: removing it would race with a process that has just opened it.
            os.close(self._fd)
            self._fd = -1


def _read_pid(fd: int) -> int:
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, _PID_BYTES_MAX)
    return int(text) if text.isdigit() else 0


if sys.platform == "win32":
    import msvcrt

    def try_lock(fd: int) -> bool:
        """Lock an open file for this process until it is closed; False if another has it."""
        try:
            # A byte beyond the pid, because Windows locks are mandatory and the pid must stay readable.
            os.lseek(fd, 1024, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(fd: int) -> bool:
        """Lock an open file for this process until it is closed; False if another has it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
