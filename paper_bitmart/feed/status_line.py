"""What a long run says on standard error: lines that stay, and in a terminal one that is always new."""

import shutil
import sys

CLEAR = "\r\x1b[K"
"""To the line's start, and take it away."""

_is_shown = False
# The terminal is the process's, so is what stands in its last line.


def say(line: str) -> None:
    """A line that stays."""
    global _is_shown
    sys.stderr.write(f"{CLEAR if _is_shown else ''}{line}\n")
    sys.stderr.flush()
    _is_shown = False


def show(text: str) -> None:
    """In a terminal: put the text in place of the one before. Elsewhere a line like others."""
    global _is_shown
    if not sys.stderr.isatty():
        say(text)
        return
    columns = shutil.get_terminal_size().columns
    # A text that wraps could not be taken away.
    sys.stderr.write(f"{CLEAR}{text[: columns - 1]}")
    sys.stderr.flush()
    _is_shown = True
