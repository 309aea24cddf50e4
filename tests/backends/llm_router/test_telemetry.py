"""OpenTelemetry: spans and metrics by the GenAI conventions when it is in use, nothing at all otherwise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backends.exceptions import ProviderUnavailableError
from backends.llm_router import RouterDeps, complete_text, stream_text
from backends.llm_router.api import astream_items

from .providers import ScriptedProvider

Register = Callable[..., ScriptedProvider]


class Seen:
    """What an exporter would have got."""

    def __init__(self, spans: Any, reader: Any) -> None:
        self._spans = spans
        self._reader = reader

    @property
    def spans(self) -> list[Any]:
        return list(self._spans.get_finished_spans())

    @property
    def metrics(self) -> dict[str, list[Any]]:
        data = self._reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    measuring = MeterProvider([reader])
    # The global provider can be set once a process; the tests need one each.
    monkeypatch.setattr(trace, "get_tracer", tracing.get_tracer)
    monkeypatch.setattr(metrics, "get_meter", measuring.get_meter)
    yield Seen(exporter, reader)
    tracing.shutdown()
    measuring.shutdown()


def test_a_call_is_a_span_with_the_conventions_names(deps: RouterDeps, provider: Register, seen: Seen) -> None:
    provider("p", "answer")

    complete_text("my private story", provider="p", model_name="m", deps=deps)

    (span,) = seen.spans
    attributes = dict(span.attributes)
    assert span.name == "chat m"
    assert span.kind.name == "CLIENT"
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.provider.name"] == "p"
    assert attributes["gen_ai.request.model"] == "m"
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (3, 5)
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert "private" not in str(attributes)


def test_an_answer_from_memory_is_a_span_too_and_uses_no_tokens(
    deps: RouterDeps, provider: Register, seen: Seen
) -> None:
    provider("p", "answer")
    complete_text("hi", provider="p", model_name="m", deps=deps)

    complete_text("hi", provider="p", model_name="m", deps=deps)

    asked, known = seen.spans
    assert (asked.attributes["complaint_generator.cached"], known.attributes["complaint_generator.cached"]) == (
        False,
        True,
    )
    assert (known.name, known.attributes["gen_ai.provider.name"], known.status.status_code.name) == (
        "chat m",
        "p",
        "UNSET",
    )
    assert sum(point.count for point in seen.metrics["gen_ai.client.operation.duration"]) == 2
    assert sum(point.count for point in seen.metrics["gen_ai.client.token.usage"]) == 2  # input and output of the first


def test_tokens_and_duration_are_measured(deps: RouterDeps, provider: Register, seen: Seen) -> None:
    provider("p", "answer")

    list(stream_text("hi", provider="p", deps=deps))

    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in seen.metrics["gen_ai.client.token.usage"]}
    assert tokens == {"input": 3, "output": 5}
    assert [point.count for point in seen.metrics["gen_ai.client.operation.duration"]] == [1]


def test_a_failure_is_marked_with_its_type(deps: RouterDeps, provider: Register, seen: Seen) -> None:
    provider("p", ProviderUnavailableError("down"))

    with pytest.raises(ProviderUnavailableError):
        complete_text("hi", provider="p", deps=deps, max_retries=0)

    (span,) = seen.spans
    assert span.attributes["error.type"] == "ProviderUnavailableError"
    assert span.status.status_code.name == "ERROR"


async def test_a_stream_may_be_read_by_one_task_and_closed_by_another(
    deps: RouterDeps, provider: Register, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    """A web server does so; OpenTelemetry logged an error for each such stream."""
    provider("p", "answer")
    pieces = astream_items("hi", provider="p", deps=deps)

    await asyncio.create_task(anext(pieces))  # type: ignore[arg-type]  # an async generator's anext is a coroutine
    await asyncio.create_task(pieces.aclose())

    (span,) = seen.spans
    assert (span.status.status_code.name, span.attributes.get("error.type")) == ("UNSET", None)
    assert caplog.text == ""


def test_the_callers_span_is_the_parent(deps: RouterDeps, provider: Register, seen: Seen) -> None:
    from opentelemetry import trace

    provider("p", "answer")

    with trace.get_tracer("test").start_as_current_span("outer") as outer:
        complete_text("hi", provider="p", deps=deps)
        list(stream_text("ho", provider="p", deps=deps))

    assert {span.parent.span_id for span in seen.spans[:2]} == {outer.get_span_context().span_id}


def test_without_opentelemetry_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys; from backends.llm_router import generate_text; generate_text('hi', provider='mock');"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
