"""The small record that a traced call of a program leaves in ``trace_jsonl_path``, beside the router's own.

Sizes, times, tokens, the session and the program's version; the text only with ``trace_content``.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backends.exceptions import BackendError
from backends.llm_router.providers._program_files import Trace, append_line
from backends.llm_router.providers._program_output import Answer
from backends.process import running
from backends.types import Usage

__all__ = ["ProgramVersions", "write_record"]

log = logging.getLogger(__name__)

_VERSION = re.compile(rb"\d+\.\d+\.\d+[\w+-]*(?:\.[\w+-]+)*")


def write_record(
    trace: Trace, path: Path, answer: Answer, *, provider: str, prompt: str, outcome: str, seconds: float, **more: Any
) -> None:
    """Append the record of one call, whether it succeeded or failed."""
    usage = answer.usage or Usage()
    record: dict[str, Any] = {
        "record": "program",
        "time": dt.datetime.now(dt.UTC).isoformat(),
        "provider": provider,
        "outcome": outcome,
        "seconds": round(seconds, 3),
        "session_id": answer.session_id,
        "prompt_bytes": len(prompt.encode("utf-8", "replace")),
        "response_bytes": len(answer.text.encode("utf-8", "replace")),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        **more,
    }
    if trace.content:
        record |= {"prompt": prompt, "response": answer.text}
    append_line(path, record)


class ProgramVersions:
    """What ``--version`` prints, asked once for each state of an executable."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], str | None] = {}

    async def of(self, executable: str, directory: Path, environment: Mapping[str, str], owner: str) -> str | None:
        try:
            key = (executable, os.stat(executable).st_mtime_ns)
        except OSError:  # replaced or removed while it ran
            return None
        if key not in self._known:
            try:
                self._known[key] = await _ask(executable, directory, environment, owner)
            except BackendError as error:
                log.warning("%s does not tell its version: %s", executable, error.message)
                return None
        return self._known[key]


async def _ask(executable: str, directory: Path, environment: Mapping[str, str], owner: str) -> str | None:
    async with running(
        [executable, "--version"],
        directory=directory,
        environment=environment,
        # Node programs have taken more than 10 s to start on a busy machine. It is asked once.
        deadline=time.monotonic() + 30,
        owner=owner,
        max_output=64 * 1024,
    ) as program:
        printed = b"".join([chunk async for chunk in program.chunks()])
    found = _VERSION.search(printed)
    return None if found is None else found.group().decode()
