"""Reads answers, whole and streamed: the provider's text, or the error that the answer stands for."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from backends.exceptions import BackendError, BackendTimeoutError, MalformedResponseError
from backends.http import HttpResponse, HttpStream
from backends.http_errors import ErrorBody, error_from_answer, read_error_body
from backends.http_wire import Answer, StreamReader, Wire
from backends.sse import SseEvent, SseParser

__all__ = ["AnswerReader"]

#: What a wire format raises when a document has not the documented shape.
_WRONG_SHAPE = (KeyError, IndexError, TypeError, ValueError, AttributeError)
_STREAM_TYPES = ("text/event-stream", "", "text/plain", "application/octet-stream")


class AnswerReader:
    """Reads what comes back to one backend. ``key`` is asked for only to keep it out of messages."""

    def __init__(
        self,
        wire: Wire,
        *,
        owner: str,
        host: str,
        key_names: str,
        request_id_headers: Sequence[str],
        key: Callable[[], str | None],
    ) -> None:
        self._wire = wire
        self._owner = owner
        self._host = host
        self._key_names = key_names
        self._request_id_headers = request_id_headers
        self._key = key

    def read(self, response: HttpResponse, model: str | None) -> Answer:
        """Read a whole answer."""
        document = self.document(response, model)
        try:
            answer = self._wire.read(document)
        except _WRONG_SHAPE as error:
            raise self._not_readable(
                f"the answer has not the documented shape; check base_url ({self._host})", response.headers, model
            ) from error
        return self.accepted(answer, response.headers, model)

    def document(self, response: HttpResponse, model: str | None) -> Mapping[str, Any]:
        """The JSON object of an answer that is no error."""
        document = self.value(response, model)
        if not isinstance(document, Mapping):
            raise self._not_readable("the answer is not a JSON object", response.headers, model)
        if document.get("error"):
            raise self.error(response.status, response.headers, read_error_body(document), model)
        return document

    def value(self, response: HttpResponse, model: str | None) -> Any:
        """The JSON of an answer that is no error."""
        if response.status >= 400:
            raise self.error(response.status, response.headers, read_error_body(response.body), model)
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError) as error:
            what = "empty" if not response.body.strip() else f'no JSON document but "{response.media_type}"'
            # A web page in place of an answer comes from a wrong address; asking again will not help.
            again = response.media_type != "text/html"
            raise self._not_readable(f"the answer is {what}; check base_url", response.headers, model, again) from error

    def accepted(self, answer: Answer, headers: Mapping[str, str], model: str | None) -> Answer:
        """``answer``, unless the provider declined to give one."""
        if answer.declined is None:
            return answer
        reason = ErrorBody(message=answer.declined, codes=frozenset({"content_filter"}))
        raise self.error(200, headers, reason, model)

    async def pieces(self, stream: HttpStream, reader: StreamReader, model: str | None) -> AsyncGenerator[str, None]:
        """The text of a streamed answer as it comes; ``reader`` has the whole when it has ended."""
        if stream.media_type not in _STREAM_TYPES:
            message = f'the answer is "{stream.media_type}", not an event stream; check base_url'
            raise self._not_readable(message, stream.headers, model, again=False)
        parser = SseParser()
        try:
            async for chunk in stream.chunks:
                for event in parser.feed(chunk):
                    if event.data == "[DONE]":
                        return
                    if text := self._event(event, reader, stream, model):
                        yield text
        except (MalformedResponseError, BackendTimeoutError):
            if not reader.finished:  # what is missing after the end is not missed
                raise
        for event in parser.close():
            if event.data != "[DONE]" and (text := self._event(event, reader, stream, model)):
                yield text
        if not reader.finished:
            raise self._not_readable("the stream ended before the answer was complete", stream.headers, model)

    def error(self, status: int, headers: Mapping[str, str], body: ErrorBody, model: str | None) -> BackendError:
        """The error that an answer stands for."""
        return error_from_answer(
            status,
            headers,
            body,
            provider=self._owner,
            model=model,
            request_id=self.request_id(headers),
            key_names=self._key_names,
            secret=self._key(),
        )

    def request_id(self, headers: Mapping[str, str]) -> str | None:
        """The provider's own name of the request, for its support."""
        for name in self._request_id_headers:
            if value := headers.get(name):
                return value
        return None

    def _event(self, event: SseEvent, reader: StreamReader, stream: HttpStream, model: str | None) -> str:
        if not event.data:
            return ""  # some servers keep the connection awake so
        try:
            document = json.loads(event.data)
            failed = _failure_in(document)
            if failed is None:
                return reader.feed(document)
            problem = read_error_body(failed)
        except (*_WRONG_SHAPE, RecursionError) as error:
            raise self._not_readable("an event of the stream cannot be read", stream.headers, model) from error
        raise self.error(200, stream.headers, problem, model)

    def _not_readable(
        self, message: str, headers: Mapping[str, str], model: str | None, again: bool = True
    ) -> MalformedResponseError:
        return MalformedResponseError(
            message, provider=self._owner, model=model, request_id=self.request_id(headers), retryable=again
        )


def _failure_in(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a stream's event tells of a failure, in any provider's way; None when it is a piece of the answer."""
    if document.get("error") is not None or document.get("type") == "error":
        return document
    return document["response"] if document.get("type") == "response.failed" else None
