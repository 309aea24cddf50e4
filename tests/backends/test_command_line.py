"""How a failure ends: one line, the right exit code, no traceback, no key."""

from __future__ import annotations

import io

import click
import pytest

from backends.command_line import report
from backends.exceptions import AllProvidersFailedError, ConfigurationError, RateLimitError


def ended(error: BaseException) -> tuple[int, str]:
    stream = io.StringIO()
    return report(error, stream), stream.getvalue()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SystemExit(3), 3),
        (SystemExit(None), 0),
        (SystemExit("text"), 1),
        (click.exceptions.Exit(4), 4),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.UsageError("no such option"), 2),
        (ConfigurationError("no such backend"), 2),
        (RateLimitError("slow down"), 1),
        (FileNotFoundError(2, "No such file", "x"), 1),
        (ZeroDivisionError("a fault of ours"), 1),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(error, code):
    assert ended(error)[0] == code


def test_a_foreseen_failure_is_one_line_without_a_traceback():
    assert ended(RateLimitError("slow down", provider="openai"))[1] == "error: openai: slow down\n"


def test_a_failed_chain_keeps_its_table():
    error = AllProvidersFailedError("no provider answered", errors=[("mock", RateLimitError("slow down"))])
    assert ended(error)[1] == "error: no provider answered\n  mock  RateLimitError: slow down\n"


def test_no_failure_shows_a_key():
    assert "abcdefgh1234" not in ended(ValueError("the key sk-abcdefgh1234 is bad"))[1]


def test_a_fault_of_ours_says_where_it_happened():
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018
    text = ended(caught.value)[1]
    assert "unforeseen ZeroDivisionError" in text
    assert "test_command_line.py:" in text
