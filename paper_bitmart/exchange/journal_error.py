"""What can go wrong with a journal.

JournalError(path, why)
+-- JournalLocked(path, pid)      another process owns the state directory
+-- JournalForeign(path, why)     the file is not a journal, or of another version or other rules
+-- JournalCorrupt(path, why)     a journal, but damaged
+-- JournalWriteFailed(path, why) disk full, read-only, I/O error: nothing of the group is durable
"""

from pathlib import Path


class JournalError(Exception):
    """A journal cannot be used.

    Attributes:
        path: the file or directory.
        why: the reason, as a clause that follows the path.
    """

    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = Path(path), why


class JournalLocked(JournalError):
    """Attributes: pid: the owner's process id, 0 when it did not get to write it."""

    def __init__(self, path: Path | str, pid: int) -> None:
        owner = f"process {pid}" if pid else "another process"
        super().__init__(path, f"is in use by {owner}; stop it, or choose another state directory")
        self.pid = pid


class JournalForeign(JournalError):
    """The file is no journal, or one of another version, or of other rules."""


class JournalCorrupt(JournalError):
    """A journal, but what it says cannot be."""


class JournalWriteFailed(JournalError):
    """Disk full, read-only or I/O error: nothing of the group is durable."""
