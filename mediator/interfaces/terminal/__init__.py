"""The interview in a terminal, or over a pipe: one question at a time, every step on the disk.

Ctrl-C stops at any point; nothing told is lost and the way back is printed.
"""

from __future__ import annotations

import sys
from typing import TextIO

from mediator.interfaces.terminal.conversation import Conversation
from mediator.interfaces.terminal.keyboard import open_words
from mediator.interfaces.terminal.screen import Screen
from mediator.mediator import Mediator

__all__ = ["run_interview"]


def run_interview(
    mediator: Mediator,
    *,
    resume: str | None = None,
    source: TextIO | None = None,
    out: TextIO | None = None,
) -> int:
    """Hold the interview until it ends, the input ends, or the person stops. Returns the exit code.

    ``resume`` is a session id, or "latest".
    """
    source, out = source or sys.stdin, out or sys.stdout
    screen = Screen(out)
    conversation = Conversation(mediator, open_words(source, out), screen)
    try:
        conversation.run(resume)
    except KeyboardInterrupt:
        screen.say("\nStopped.")
        conversation.tell_way_back()
        return 130
    return 0
