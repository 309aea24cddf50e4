"""The router's own REST face, mounted at ``/api/v0/ai/llm``: the fields that the systems before it had, and more."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from backends.exceptions import BackendError
from backends.llm_router.api import clear_llm_router_caches
from backends.llm_router.rest.body import Body
from backends.llm_router.rest.caller import while_there
from backends.llm_router.rest.failures import EVENTS, PROBLEMS, problem
from backends.llm_router.rest.metrics import CONTENT_TYPE
from backends.llm_router.rest.service import Service
from backends.options import GENERATION_OPTIONS
from backends.plain_text import clean_document
from backends.types import Completion, StreamItem

__all__ = ["PREFIX", "GenerateRequest", "GenerateResponse", "native_routes"]

PREFIX = "/api/v0/ai/llm"
_OF_THE_REQUEST = frozenset({"prompt", "provider", "model_name", "stream"})


def _option(name: str) -> BeforeValidator:
    """The range of an option as backends.options has it; wrong values are a 422 that names it."""
    check = GENERATION_OPTIONS[name]
    return BeforeValidator(lambda value: None if value is None else check(value))


class GenerateRequest(Body):
    """A prompt and how to answer it. What is absent is left to the provider; an explicit 0 is 0."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "Explain a lease in one sentence", "max_tokens": 100}]},
    )

    prompt: str | list[dict[str, Any]] = Field(description="The prompt: text, or chat messages with role and content.")
    model_name: str | None = Field(None, description="The model; absent: the provider's own default.")
    provider: str | None = Field(
        None, description='The provider, in any of its names; absent or "auto": the best there is.'
    )
    max_tokens: Annotated[int | None, _option("max_tokens")] = Field(256, description="At most this many tokens.")
    temperature: Annotated[float | None, _option("temperature")] = Field(0.7, description="0 is the likeliest text.")
    timeout: Annotated[float | None, _option("timeout")] = Field(120.0, description="Seconds for the whole call.")
    top_p: Annotated[float | None, _option("top_p")] = None
    top_k: Annotated[int | None, _option("top_k")] = None
    min_p: Annotated[float | None, _option("min_p")] = None
    frequency_penalty: Annotated[float | None, _option("frequency_penalty")] = None
    presence_penalty: Annotated[float | None, _option("presence_penalty")] = None
    repeat_penalty: Annotated[float | None, _option("repeat_penalty")] = None
    seed: Annotated[int | None, _option("seed")] = None
    stop: Annotated[tuple[str, ...] | None, _option("stop")] = None
    json_schema: dict[str, Any] | None = Field(None, description="Answer with a JSON document of this shape.")
    cache: StrictBool | None = Field(None, description="False asks the provider even when the answer is known.")
    stream: StrictBool = Field(False, description="Answer with server-sent events, piece by piece.")

    def options(self) -> dict[str, Any]:
        """What goes with the call."""
        return {
            name: value
            for name in type(self).model_fields
            if name not in _OF_THE_REQUEST and (value := getattr(self, name)) is not None
        }


class GenerateResponse(BaseModel):
    """The text, and how it came about."""

    text: str
    provider: str
    model: str | None
    cached: bool
    finish_reason: str | None
    latency: float
    usage: dict[str, Any]
    attempts: list[dict[str, Any]]
    request_id: str


class ProvidersResponse(BaseModel):
    """Who could answer. ``providers`` are the names of those that are there; ``details`` tells of all."""

    providers: list[str]
    default_provider: str | None
    details: list[dict[str, Any]]


def native_routes(service: Service) -> APIRouter:
    """The routes, without the prefix."""
    routes = APIRouter(tags=["router"])

    @routes.get("/")
    async def about() -> dict[str, Any]:
        """What this is and where its parts are."""
        return {
            "name": "LLM Router",
            "description": "One call to any language model: APIs, programs, local models, peers.",
            "endpoints": {
                "/generate": "generate text",
                "/providers": "who could answer",
                "/health": "whether anybody could",
                "/usage": "what was used until now",
                "/metrics": "numbers for Prometheus",
                "/cache/clear": "forget provider instances and responses",
            },
        }

    @routes.post("/generate", response_model=GenerateResponse, responses={**PROBLEMS, **EVENTS})
    async def generate(body: GenerateRequest, request: Request) -> Any:
        """Generate text. With ``stream``: events ``{"text": ...}``, then ``done`` with all the rest."""
        request_id: str = request.state.request_id
        call = (body.prompt, body.provider, body.model_name, body.options())
        if body.stream:
            items = service.stream(*call)
            # The first item is awaited here, so that a call that fails at once has its own status.
            first = await while_there(request, anext(items))
            return StreamingResponse(_events(first, items, request_id), media_type="text/event-stream")
        return _told(await while_there(request, service.complete(*call)), request_id)

    @routes.get("/providers")
    async def providers() -> ProvidersResponse:
        """Every provider, whether it is there, and why not."""
        found = service.providers()
        return ProvidersResponse(
            providers=[info.name for info in found if info.available],
            default_provider=service.default_provider,
            details=[asdict(info) for info in found],
        )

    @routes.get("/health", responses={503: {"description": "Nobody could answer."}})
    async def health(response: Response) -> dict[str, Any]:
        """Whether a provider is there that could answer; ``mock`` does not count."""
        there = [info.name for info in service.providers() if info.available and info.kind != "test"]
        default = service.default_provider
        well = bool(there)
        response.status_code = 200 if well else 503
        return {
            "status": "healthy" if well else "unhealthy",
            "message": f"available: {', '.join(there)}" if well else "no provider is available; see /providers",
            "provider_available": well,
            "default_provider": default,
        }

    @routes.post("/cache/clear")
    async def clear_cache() -> dict[str, str]:
        """Forget provider instances and responses of this server."""
        clear_llm_router_caches(service.deps)
        return {"status": "success", "message": "provider instances and responses are forgotten"}

    @routes.get("/usage")
    async def usage() -> dict[str, Any]:
        """What the calls through this server used until now."""
        totals = service.usage.totals()
        return {
            "total": asdict(totals.total),
            "providers": {name: asdict(each) for name, each in totals.providers.items()},
        }

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Numbers for Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return routes


async def _events(first: StreamItem, rest: AsyncGenerator[StreamItem, None], request_id: str) -> AsyncIterator[str]:
    try:
        async with contextlib.aclosing(rest):
            item: StreamItem | None = first
            while item is not None:
                if isinstance(item, Completion):
                    yield _event(_told(item, request_id).model_dump(), "done")
                else:
                    yield _event({"text": item})
                item = await anext(rest, None)
    except BackendError as error:
        yield _event({**problem(error, request_id), "partial": getattr(error, "partial", "")}, "error")


def _event(document: dict[str, Any], name: str | None = None) -> str:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(clean_document(document), ensure_ascii=False)}\n\n"


def _told(completion: Completion, request_id: str) -> GenerateResponse:
    return GenerateResponse.model_validate(clean_document({**completion.document(), "request_id": request_id}))
