"""The store's lock: writers share it, whoever removes blocks has it alone.

A block counts as needed only once its record is committed. Sharing the lock from the first block to the
commit keeps gc from taking a block in between. The system releases it when a process dies.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mediator.evidence.errors import StoreBusyError, storage_error

__all__ = ["exclusive", "shared"]

_POLL_S: Final = 0.05


@contextmanager
def shared(path: str) -> Iterator[None]:
    """Hold the lock together with other writers; waits for a gc to end."""
    with _open(path) as fd:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield


@contextmanager
def exclusive(path: str, timeout: float) -> Iterator[None]:
    """Hold the lock alone; StoreBusyError when writers do not pause within ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    with _open(path) as fd:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN):
                    raise storage_error(error, "lock", path) from error
            if time.monotonic() > deadline:
                raise StoreBusyError("evidence is being submitted; try again when that is done")
            time.sleep(_POLL_S)
        yield


@contextmanager
def _open(path: str) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise storage_error(error, "lock", path) from error
    try:
        yield fd
    finally:
        os.close(fd)
