"""What every command line of ours promises: text cannot act on the terminal; a failure is one line and an exit code.

Exit codes: 0 done; 1 the work failed; 2 wrong use or a wrong configuration; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import click

from backends.exceptions import BackendError, ConfigurationError, redact
from backends.standard_streams import prepare_streams
from backends.terminal_text import terminal_text

__all__ = ["DONE", "FAILED", "INTERRUPTED", "WRONG_USE", "CommandGroup", "ReaderGoneError", "report", "run", "say"]

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


class ReaderGoneError(Exception):
    """The program that read our output has ended: `run.py evidence list | head`."""


class CommandGroup(click.Group):
    """The commands of one program; give it to ``run``."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        with _reader_may_go():  # --help prints here
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _reader_may_go():
            return super().invoke(ctx)


@contextlib.contextmanager
def _reader_may_go() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGoneError from error  # click itself would end with 1, as if the work had failed


def run(group: CommandGroup, arguments: Sequence[str] | None, program: str, **extra: Any) -> int:
    """Run a command line and return its exit code; no failure ends in a traceback."""
    try:
        prepare_streams()
        result = group.main(args=arguments, prog_name=program, standalone_mode=False, **extra)
        sys.stdout.flush()  # a full disk is told here, and not by Python on its way out
    except BaseException as error:
        code = report(error, sys.stderr)
        _let_go_of_output()
        return code
    return result if isinstance(result, int) else DONE


def say(text: str, *, nl: bool = True) -> None:
    """Print what a model said: a file or a program gets it as it is; on a terminal nothing in it may act."""
    click.echo(terminal_text(text) if sys.stdout.isatty() else text, nl=nl, color=True)


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
            return DONE  # nothing is wrong, and nothing can be told
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


def _let_go_of_output() -> None:
    """What could not be written was told; Python would complain once more when it flushes at exit, and end with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
