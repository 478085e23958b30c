"""Progress in a terminal stands in one line; what is said stays above it."""

import io
import os

import pytest

from paper_bitmart.feed import status_line
from paper_bitmart.feed.status_line import say, show


class Screen(io.StringIO):
    """What a terminal shows; `is_terminal`: whether it is one."""

    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal

    def lines(self):
        return [line.rpartition(status_line.CLEAR)[2] for line in self.getvalue().split("\n")]


@pytest.fixture
def screen(monkeypatch):
    def made(is_terminal, columns=40):
        screen = Screen(is_terminal)
        monkeypatch.setattr("sys.stderr", screen)
        monkeypatch.setattr(status_line, "_is_shown", False)
        monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((columns, 10)))
        return screen

    return made


def test_in_a_terminal_the_newest_progress_stands_below_what_was_said(screen):
    terminal = screen(True)
    say("recording")
    show("1 line, a long one")
    show("2 lines")
    say("notice: no market")
    show("3 lines")
    assert terminal.lines() == ["recording", "notice: no market", "3 lines"]
    say("stopped")
    assert terminal.lines() == ["recording", "notice: no market", "stopped", ""]


def test_progress_is_cut_to_the_terminals_width(screen):
    terminal = screen(True, columns=8)
    show("0123456789")
    assert terminal.lines() == ["0123456"]


def test_in_a_file_each_is_a_line(screen):
    file = screen(False)
    say("recording")
    show("1 line, longer than a terminal is wide, and kept whole")
    show("2 lines")
    assert file.getvalue() == "recording\n1 line, longer than a terminal is wide, and kept whole\n2 lines\n"
