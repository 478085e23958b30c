"""Which exceptions are told in one line."""

from importlib import import_module

import pytest

from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.user_errors import USER_ERRORS, is_user_error, told


@pytest.mark.parametrize("name", sorted(USER_ERRORS))
def test_every_name_in_the_table_is_an_exception(name):
    module, _, kind = name.rpartition(".")
    assert issubclass(getattr(import_module(module), kind), Exception)


@pytest.mark.parametrize(
    ("error", "is_users"),
    [
        (refusal(50001), True),
        (FileNotFoundError(2, "gone", "f"), True),
        (ValueError(), False),
        (KeyError(), False),
    ],
)
def test_subclasses_count_and_defects_do_not(error, is_users):
    assert is_user_error(error) is is_users


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.json"), "a.json: No such file or directory"),
        (OSError("two\nlines"), "two lines"),
    ],
)
def test_an_error_is_one_line(error, text):
    assert told(error) == text
