"""Files that come in as multipart forms: to the disk piece by piece, with limits, into files that have no name.

A file without a name cannot be found by a path and is gone when the program is, however it ends. What was handed in
before that is in the evidence store; what was not has left nothing behind.
"""

from __future__ import annotations

import fnmatch
import hmac
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from anyio import to_thread
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from mediator.evidence.media import HEAD_SIZE, media_type_of
from mediator.exceptions import MediatorError
from mediator.interfaces.serving.problems import TooLargeError, WrongTypeError

__all__ = ["ForeignFormError", "Upload", "UploadedFile", "read_upload", "safe_file_name", "upload_limit"]

_MAX_FIELDS = 20
_MAX_FIELD_BYTES = 64 * 1024
_MAX_FILES = 20
_MAX_HEADER_BYTES = 8192
#: Pieces are collected to this size before a thread writes them.
_WRITE_BYTES = 1024 * 1024
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class ForeignFormError(MediatorError):
    """The form does not carry this server's token."""


@dataclass(slots=True)
class UploadedFile:
    """One file of the form. ``name`` is what the browser called it, as a name and never a path."""

    field: str
    name: str
    stream: IO[bytes]
    size: int = 0


@dataclass(slots=True)
class Upload:
    """The fields of a form and its files. Use as a context manager: it closes the files."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[UploadedFile] = field(default_factory=list)

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *exc: object) -> None:
        for file in self.files:
            file.stream.close()


async def read_upload(request: Request) -> Upload:
    """The form of this request. Its token is checked before the first byte of a file is kept."""
    state = request.state
    boundary = _boundary(request.headers.get("content-type", ""))
    stream = getattr(state, "upload", None)
    if stream is None or boundary is None:
        raise WrongTypeError("send the files as multipart/form-data")
    folder = request.app.state.uploads
    reading = _Reading(
        boundary,
        folder,
        csrf=None if state.csrf_checked else state.csrf,
        max_file_bytes=state.settings.max_upload_bytes,
    )
    try:
        async for piece in stream:
            reading.feed(piece)
            if reading.waiting >= _WRITE_BYTES:
                await to_thread.run_sync(reading.write)
        await to_thread.run_sync(reading.finish)
        for file in reading.upload.files:
            await to_thread.run_sync(_check_kind, file, state.settings.media_types)
    except BaseException:
        reading.close()
        raise
    return reading.upload


def upload_limit(request: Request) -> int:
    """How many bytes a file may have here."""
    most: int = request.state.settings.max_upload_bytes
    return most


def safe_file_name(given: str) -> str:
    """What a browser called a file, as a name: no folders, nothing that is not seen, not endless."""
    last = re.split(r"[/\\]", given)[-1]
    shown = _UNPRINTABLE.sub("", last).strip()
    return shown[-200:] if shown.strip(".") else "file"


class _Reading:
    """The parser's callbacks. It only collects; ``write`` puts on the disk what was collected."""

    def __init__(self, boundary: bytes, folder: Path, *, csrf: str | None, max_file_bytes: int) -> None:
        self.upload = Upload()
        self._folder = folder
        self._csrf = csrf
        self._max = max_file_bytes
        self._headers: dict[bytes, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._name = ""
        self._value: bytearray | None = None
        self._file: UploadedFile | None = None
        self._todo: list[tuple[UploadedFile, bytes]] = []
        self._ended = False
        self.waiting = 0
        names = (
            "part_begin",
            "part_data",
            "part_end",
            "header_field",
            "header_value",
            "header_end",
            "headers_finished",
        )
        callbacks: Any = {f"on_{name}": getattr(self, f"_{name}") for name in names}
        callbacks["on_end"] = self._end
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except MultipartParseError as error:
            raise MediatorError("the form is broken: it is no multipart/form-data") from error

    def write(self) -> None:
        todo, self._todo, self.waiting = self._todo, [], 0
        for file, piece in todo:
            file.stream.write(piece)

    def finish(self) -> None:
        if not self._ended:
            raise MediatorError("the form ends too early; nothing was kept")
        if self._csrf is not None:
            raise ForeignFormError("this form is not from this server, or is too old; load the page again")
        self.write()
        for file in self.upload.files:
            file.stream.seek(0)

    def close(self) -> None:
        self._todo.clear()
        self.upload.__exit__()

    def _part_begin(self) -> None:
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])
        self._check_header()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header[0]) + len(self._header[1]) > _MAX_HEADER_BYTES:
            raise MediatorError("a header of the form is too long")

    def _header_end(self) -> None:
        self._headers[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options:
            self._value = bytearray()
            return
        if self._csrf is not None:
            raise ForeignFormError("this form is not from this server, or is too old; load the page again")
        if len(self.upload.files) >= _MAX_FILES:
            raise MediatorError(f"at most {_MAX_FILES} files at a time")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stream = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # `Upload` closes it
        name = options[b"filename"].decode("utf-8", "replace")
        self._file = UploadedFile(self._name, safe_file_name(name) if name else "", stream)
        self.upload.files.append(self._file)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._file is not None:
            self._file.size += len(piece)
            if self._file.size > self._max:
                raise TooLargeError(f"a file is larger than {self._max} bytes; nothing of it was kept")
            self._todo.append((self._file, piece))
            self.waiting += len(piece)
        elif self._value is not None:
            self._value.extend(piece)
            if len(self._value) > _MAX_FIELD_BYTES:
                raise MediatorError(f"a field of the form is longer than {_MAX_FIELD_BYTES} bytes")

    def _part_end(self) -> None:
        if self._value is not None:
            if len(self.upload.fields) >= _MAX_FIELDS:
                raise MediatorError(f"at most {_MAX_FIELDS} fields at a time")
            value = self._value.decode("utf-8", "replace")
            if self._name == "csrf_token" and self._csrf is not None:
                if not hmac.compare_digest(value.encode(), self._csrf.encode()):
                    raise ForeignFormError("this form is not from this server, or is too old; load the page again")
                self._csrf = None
            self.upload.fields[self._name] = value
        self._value, self._file = None, None

    def _end(self) -> None:
        self._ended = True


def _boundary(content_type: str) -> bytes | None:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    return boundary if kind == b"multipart/form-data" and boundary and len(boundary) <= 200 else None


def _check_kind(file: UploadedFile, allowed: tuple[str, ...]) -> None:
    """Refuse what is no evidence by its content, whatever it is called. An empty field of a form has no file."""
    head = file.stream.read(HEAD_SIZE)
    file.stream.seek(0)
    if not head:
        return
    kind = media_type_of(head, file.name)
    if not any(fnmatch.fnmatchcase(kind, pattern) for pattern in allowed):
        raise WrongTypeError(
            f"{kind} is not taken here; text, pictures, sound, video, PDF, mail, office files and ZIP archives are"
        )
