"""How a failure ends: one clear line on standard error, and an exit code that means something."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import TextIO

import click

from backends.exceptions import BackendError, ConfigurationError, redact
from backends.terminal_text import terminal_text

__all__ = ["DONE", "FAILED", "INTERRUPTED", "WRONG_USE", "ReaderGoneError", "report"]

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


class ReaderGoneError(Exception):
    """The program that read our output has ended: `run.py evidence list | head`."""


def report(error: BaseException, stream: TextIO) -> int:
    """Print what happened to ``stream`` and return the exit code."""
    match error:
        case SystemExit(code=code):
            return code if isinstance(code, int) else DONE if code is None else FAILED
        case click.exceptions.Exit(exit_code=code):
            return code
        case click.ClickException():
            told = io.StringIO()
            error.show(told)
            print(terminal_text(redact(told.getvalue())), end="", file=stream)
            return error.exit_code
        case click.Abort() | KeyboardInterrupt():
            print("interrupted; what was acknowledged is kept", file=stream)
            return INTERRUPTED
        case ReaderGoneError():
            # Nothing is wrong and nothing can be told. Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        case ConfigurationError():
            _lines(str(error), stream)
            return WRONG_USE
        case OSError(strerror=str(reason)):
            _lines(reason if error.filename is None else f"{error.filename}: {reason}", stream)
            return FAILED
        case BackendError() | OSError():
            _lines(str(error), stream)
            return FAILED
        case Exception() if _of_our_family(error):
            _lines(str(error), stream)
            return FAILED
        case _:
            _unforeseen(error, stream)
            return FAILED


def _of_our_family(error: Exception) -> bool:
    """Whether the error is one that a part of the product raises on purpose, with a message for people."""
    root = next((kind for kind in reversed(type(error).__mro__) if kind.__module__ != "builtins"), None)
    return root is not None and root.__module__.partition(".")[0] in {"backends", "config", "mediator"}


def _lines(message: str, stream: TextIO) -> None:
    for line in terminal_text(redact(message)).splitlines() or ["no message"]:
        print(f"error: {line}" if not line.startswith("  ") else line, file=stream)


def _unforeseen(error: BaseException, stream: TextIO) -> None:
    print(f"error: unforeseen {type(error).__name__}: {terminal_text(redact(str(error)))}", file=stream)
    print("This is a fault of the program. Nothing that was acknowledged is lost. Where it happened:", file=stream)
    for frame in traceback.extract_tb(error.__traceback__)[-6:]:
        print(f"  {frame.filename}:{frame.lineno} in {frame.name}", file=stream)
