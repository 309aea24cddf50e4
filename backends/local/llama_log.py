"""Sends what llama.cpp says to ``logging`` instead of standard error, and remembers its last complaint."""

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Mapping
from typing import Any

__all__ = ["last_complaint", "take_over_log"]

logger = logging.getLogger("backends.local.llama_cpp")
# Without a handler of its own, logging would print warnings to standard error.
logger.addHandler(logging.NullHandler())

# ggml's levels: none, info, warn, error, debug, continued. Its info is our debug.
_LEVELS: Mapping[int, int] = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.DEBUG}
_ERROR, _CONTINUED = 3, 5


class _State:
    """llama.cpp has one log for the whole process, so there is one of these."""

    callback: Any = None  # a ctypes function pointer, which must outlive every model
    level = 0
    lock = threading.Lock()
    complaint = threading.local()


def take_over_log() -> None:
    """Route llama.cpp's log here. Called before anything else of llama.cpp; may be called again."""
    import llama_cpp

    with _State.lock:
        if _State.callback is None:
            _State.callback = llama_cpp.llama_log_callback(_receive)
        llama_cpp.llama_log_set(_State.callback, ctypes.c_void_p(0))


def last_complaint() -> str:
    """The last error that llama.cpp reported in this thread, or nothing; asking forgets it."""
    text: str = getattr(_State.complaint, "text", "")
    _State.complaint.text = ""
    return text


def _receive(level: int, text: bytes, _user_data: Any) -> None:
    level = _State.level if level == _CONTINUED else level
    _State.level = level
    line = text.decode("utf-8", "replace").strip()
    if not line or line == ".":
        return
    if level == _ERROR:
        _State.complaint.text = line
    logger.log(_LEVELS.get(level, logging.DEBUG), "%s", line)
