"""The three standard streams, made usable whatever started the program and whatever they are tied to."""

from __future__ import annotations

import io
import os
import sys

from backends.exceptions import BackendError

__all__ = ["prepare_streams"]


def prepare_streams() -> None:
    """Open what is closed, and let no character break the output.

    A closed descriptor 0, 1 or 2 would be given to the next file that is opened, a database for instance. A closed
    input is an empty one and closed messages are lost; a closed output is an error, for results would be lost.
    """
    output_is_closed = sys.stdout is None
    if sys.stdin is None:
        sys.stdin = _nowhere(0, "r")
    if output_is_closed:
        sys.stdout = _nowhere(1, "w")
    if sys.stderr is None:
        sys.stderr = _nowhere(2, "w")
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    if output_is_closed:
        raise BackendError("standard output is closed, and results go there; redirect it to a file or to /dev/null")


def _nowhere(descriptor: int, mode: str) -> io.TextIOWrapper:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)
    stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115  # it lives as long as the process
    assert isinstance(stream, io.TextIOWrapper)
    return stream
