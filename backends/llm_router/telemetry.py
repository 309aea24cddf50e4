"""OpenTelemetry spans and metrics by the GenAI semantic conventions, when the program uses OpenTelemetry.

A program that exports telemetry has imported the API before its first call; so this looks whether it is loaded and
never loads it: without OpenTelemetry a call pays one dictionary look-up.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from backends.exceptions import BackendError
from backends.types import Completion

__all__ = ["Operation", "operation", "remembered"]

_SCOPE = "complaint_generator.llm_router"


class Operation:
    """One call as OpenTelemetry sees it. A context manager; tell it the answer by ``answered``."""

    def __init__(self, trace: Any, metrics: Any, provider: str, model: str | None, streamed: bool) -> None:
        self._attributes: dict[str, Any] = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider}
        if model is not None:
            self._attributes["gen_ai.request.model"] = model
        self._trace = trace
        self._metrics = metrics
        self._streamed = streamed
        self._scope: Any = None
        self._span: Any = None
        self._began = 0.0

    def __enter__(self) -> Operation:
        name = " ".join(filter(None, ("chat", self._attributes.get("gen_ai.request.model"))))
        self._began = time.monotonic()
        self._span = self._trace.get_tracer(_SCOPE).start_span(
            name, kind=self._trace.SpanKind.CLIENT, attributes=self._attributes
        )
        # A stream may be read by one task and closed by another: a context entered in the one cannot be left in the
        # other, and between two pieces the reader's own spans are none of ours.
        if not self._streamed:
            self._scope = self._trace.use_span(self._span, record_exception=False, set_status_on_exception=False)
            self._scope.__enter__()
        return self

    def answered(self, completion: Completion) -> None:
        usage = completion.usage
        self._attributes["gen_ai.provider.name"] = completion.provider
        if completion.model is not None:
            self._attributes["gen_ai.response.model"] = completion.model
        self._span.set_attributes(
            {
                **self._attributes,
                "gen_ai.usage.input_tokens": usage.prompt_tokens,
                "gen_ai.usage.output_tokens": usage.completion_tokens,
                "gen_ai.response.finish_reasons": [completion.finish_reason or "unknown"],
                "complaint_generator.cached": completion.cached,
                "complaint_generator.attempts": len(completion.attempts),
            }
        )
        if completion.cached:
            return
        tokens = self._metrics.get_meter(_SCOPE).create_histogram("gen_ai.client.token.usage", unit="{token}")
        tokens.record(usage.prompt_tokens, {**self._attributes, "gen_ai.token.type": "input"})
        tokens.record(usage.completion_tokens, {**self._attributes, "gen_ai.token.type": "output"})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and kind is not GeneratorExit:  # a reader that stops early is no failure
            self._attributes["error.type"] = kind.__name__
            self._span.set_attribute("error.type", kind.__name__)
            if isinstance(error, BackendError) and error.provider:
                self._span.set_attribute("gen_ai.provider.name", error.provider)
            self._span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, kind.__name__))
        duration = self._metrics.get_meter(_SCOPE).create_histogram("gen_ai.client.operation.duration", unit="s")
        duration.record(time.monotonic() - self._began, self._attributes)
        if self._scope is not None:
            self._scope.__exit__(kind, error, traceback)
        self._span.end()


class _Nothing:
    def __enter__(self) -> _Nothing:
        return self

    def answered(self, completion: Completion) -> None: ...

    def __exit__(self, *exc: object) -> None: ...


_NOTHING = _Nothing()


def operation(provider: str, model: str | None, *, streamed: bool = False) -> Operation | _Nothing:
    """The span and metrics of one call, or nothing when OpenTelemetry is not in use."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return _NOTHING
    from opentelemetry import metrics

    return Operation(trace, metrics, provider, model, streamed)


def remembered(provider: str, model: str | None, completion: Completion) -> None:
    """The span and metrics of an answer that was in memory; without OpenTelemetry, one dictionary look-up."""
    if "opentelemetry.trace" in sys.modules:
        with operation(provider, model) as span:
            span.answered(completion)
