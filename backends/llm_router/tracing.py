"""A record of every call, when asked: sizes, CIDs, timing, tokens. Text only with ``trace_content``.

Records are lines of JSON in ``trace_jsonl_path``, or in a file of this process in ``trace_dir``. Directories are
made with mode 0700, files with 0600. Transcripts of programs are written by their providers, beside.
"""

from __future__ import annotations

import functools
import json
import math
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backends.exceptions import BackendError, ConfigurationError, redact
from backends.llm_router.cache_key import cid_of
from backends.types import Attempt, Completion, Message

__all__ = ["TRACE_KEYS", "TraceSettings", "Tracer"]

TRACE_KEYS = frozenset({"trace", "trace_dir", "trace_jsonl_path", "trace_content"})

#: Where traces go when only ``trace`` is set.
DEFAULT_TRACE_DIR = "statefiles/_runs"

_ENCODE = json.JSONEncoder(ensure_ascii=False, default=repr).encode
#: Texts of at most so many characters, and so many answers, are held so that their part of a record is made once.
_SHORT = 2048
_KNOWN_ANSWERS = 256
_WORDS = {None: "null", True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """The tracing keys of document 000."""

    directory: Path | None
    jsonl: Path | None
    content: bool = False

    @classmethod
    def from_keys(cls, keys: Mapping[str, Any], owner: str) -> TraceSettings | None:
        """None when tracing is off. ``trace: false`` turns it off whatever the other keys say."""
        for name in ("trace", "trace_content"):
            if not isinstance(keys.get(name), bool | None):
                raise ConfigurationError(f"{name} must be true or false, not {keys[name]!r}", provider=owner)
        for name in ("trace_dir", "trace_jsonl_path"):
            if not isinstance(keys.get(name), str | Path | None) or keys.get(name) == "":
                raise ConfigurationError(f"{name} must be a path, not {keys[name]!r}", provider=owner)
        directory, jsonl = keys.get("trace_dir"), keys.get("trace_jsonl_path")
        wanted = keys.get("trace")
        if wanted is False or (wanted is None and directory is None and jsonl is None):
            return None
        if directory is None and jsonl is None:
            directory = DEFAULT_TRACE_DIR
        return cls(
            directory=None if directory is None else Path(directory),
            jsonl=None if jsonl is None else Path(jsonl),
            content=bool(keys.get("trace_content")),
        )


class Tracer:
    """Writes one record a call. Used by any number of threads; records of several processes may share a file."""

    def __init__(self, settings: TraceSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._handle: int | None = None
        self._pid = os.getpid()
        self._second = (0, "")
        #: What was written of answers that memory gave, by the object: it gives the same one at every hit.
        self._written: dict[int, tuple[Completion, str]] = {}

    def record(
        self,
        *,
        backend: str,
        messages: tuple[Message, ...],
        options: Mapping[str, Any],
        attempts: tuple[Attempt, ...],
        seconds: float,
        outcome: Completion | BaseException,
        program_version: str | None = None,
    ) -> None:
        """Append the record of one call, whether it succeeded or failed."""
        prompt = _prompt_of(messages)
        prompt_bytes, prompt_cid = _content_of(prompt)
        answered = isinstance(outcome, Completion)
        # Written out field by field: every call pays for it, and an encoder of a mapping takes thrice as long.
        line = (
            # Programs append records of their own to the same file.
            f'{{"record": "router", "time": "{self._now()}", "backend": {_name(backend)}, "ok": {_json(answered)}, '
            f'"seconds": {seconds:.6f}, "prompt_bytes": {prompt_bytes}, "prompt_cid": "{prompt_cid}", '
            f'"options": {_sorted_names(tuple(options))}, '
            f'"attempts": [{", ".join(map(_attempt, attempts))}], "program_version": {_name(program_version)}, '
            f"{self._answered(outcome) if isinstance(outcome, Completion) else _failure(outcome)}"
        )
        if self.settings.content:
            line += f', "prompt": {_json(redact(prompt))}'
            if isinstance(outcome, Completion):
                line += f', "response": {_json(redact(outcome.text))}'
        self._append(line + "}\n")

    @property
    def path(self) -> Path:
        """The file of the records."""
        if self._path is None:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
            name = f"llm_router_{stamp}_{os.getpid()}_{time.monotonic_ns() % 10**6:06d}.jsonl"
            self._path = self.settings.jsonl or (self.settings.directory or Path(DEFAULT_TRACE_DIR)) / name
        return self._path

    def close(self) -> None:
        """Give back the file. A later record opens it again."""
        with self._lock:
            if self._handle is not None and self._pid == os.getpid():
                os.close(self._handle)
            self._handle = None

    def _answered(self, completion: Completion) -> str:
        if not completion.cached or len(completion.text) > _SHORT:
            return _answer(completion)
        # The object is kept beside its text, so nothing else can have its id.
        known = self._written.get(id(completion))
        if known is None:
            if len(self._written) >= _KNOWN_ANSWERS:
                self._written.clear()
            known = self._written[id(completion)] = (completion, _answer(completion))
        return known[1]

    def _now(self) -> str:
        now = time.time()
        second = int(now)
        known = self._second
        if known[0] != second:
            # One tuple, so that threads never see the text of another second.
            known = self._second = (second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        return f"{known[1]}.{int((now - second) * 1000):03d}+00:00"

    def _append(self, line: str) -> None:
        # O_APPEND and one write a record: records of several processes never mix. The file stays open, because
        # opening it costs ten times the write.
        with self._lock:
            os.write(self._opened(), line.encode("utf-8", "surrogatepass"))

    def _opened(self) -> int:
        if self._handle is None or self._pid != os.getpid():
            self._pid = os.getpid()
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            except OSError as error:
                raise ConfigurationError(
                    f"the trace file {self.path} cannot be written: {error.strerror}; set trace_dir elsewhere"
                ) from error
        return self._handle


def _prompt_of(messages: tuple[Message, ...]) -> str:
    """A plain prompt is its own text, so that anybody can make its CID; a conversation is JSON."""
    first = messages[0]
    content = first.get("content")
    if len(messages) == 1 and isinstance(content, str) and first.get("role") == "user":
        return content
    return _ENCODE(messages)


def _measured(text: str) -> tuple[int, str]:
    data = text.encode("utf-8", "surrogatepass")
    return len(data), cid_of(data)


_known_content = functools.lru_cache(maxsize=256)(_measured)


def _content_of(text: str) -> tuple[int, str]:
    """Bytes and CID. Answers from memory are the same few texts again; long ones are not held for that."""
    return _known_content(text) if len(text) <= _SHORT else _measured(text)


@functools.lru_cache(maxsize=256)
def _sorted_names(names: tuple[str, ...]) -> str:
    return _ENCODE(sorted(names))


_known_name = functools.lru_cache(maxsize=512)(_ENCODE)


def _name(value: Any) -> str:
    """``_json`` for what every record repeats: encoding a name takes ten times as long as finding it."""
    return _known_name(value) if type(value) is str and len(value) < 100 else _json(value)


def _json(value: Any) -> str:
    kind = type(value)
    if kind is int or (kind is float and math.isfinite(value)):
        return repr(value)
    # The encoder is quick with strings and slow to start for all else.
    return _WORDS[value] if value is None or value is True or value is False else _ENCODE(value)


def _attempt(attempt: Attempt) -> str:
    return (
        f'{{"provider": {_name(attempt.provider)}, "model": {_name(attempt.model)}, "error": {_name(attempt.error)}, '
        f'"seconds": {attempt.seconds:.6f}}}'
    )


def _answer(completion: Completion) -> str:
    response_bytes, response_cid = _content_of(completion.text)
    usage = completion.usage
    return (
        f'"provider": {_name(completion.provider)}, "model": {_name(completion.model)}, '
        f'"response_bytes": {response_bytes}, "response_cid": "{response_cid}", '
        f'"finish_reason": {_name(completion.finish_reason)}, "request_id": {_json(completion.request_id)}, '
        f'"cached": {_json(completion.cached)}, "prompt_tokens": {_json(usage.prompt_tokens)}, '
        f'"completion_tokens": {_json(usage.completion_tokens)}, "cost_usd": {_json(usage.cost_usd)}, '
        f'"estimated": {_json(usage.estimated)}'
    )


def _failure(error: BaseException) -> str:
    details: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, BackendError):
        details |= {
            "message": redact(error.message),
            "provider": error.provider,
            "model": error.model,
            "status": error.status,
            "exit_code": error.exit_code,
            "request_id": error.request_id,
        }
    return ", ".join(f"{_json(name)}: {_json(value)}" for name, value in details.items())
