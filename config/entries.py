"""One entry of ``BACKENDS`` for each type. The fields are the constructor arguments of that backend's class."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue

from config.entry_parts import AnswerSettings, Entry, GGUFSettings, HTTPSettings, RetrySettings, TransformersSettings
from config.fields import Flag, Model, Text
from config.router_entry import LLMRouterEntry

__all__ = ["BACKEND_TYPES", "BackendEntry", "HuggingFaceEntry", "LLMRouterEntry", "OpenAIEntry", "WorkstationEntry"]


class OpenAIEntry(AnswerSettings, HTTPSettings, RetrySettings, Entry):
    """OpenAI, or any server that speaks its API (``base_url``)."""

    type: Literal["openai"]
    model: Text | None = None
    organization: Text | None = None
    project: Text | None = None

    reasoning_effort: Text | None = None
    verbosity: Text | None = None
    service_tier: Text | None = None
    user: Text | None = None
    parallel_tool_calls: Flag | None = None
    logit_bias: dict[str, float] | None = None
    extra_body: dict[str, JsonValue] | None = None

    def arguments(self) -> dict[str, Any]:
        arguments = super().arguments()
        named = {"OpenAI-Organization": "organization", "OpenAI-Project": "project"}
        headers = {header: arguments.pop(name) for header, name in named.items() if name in arguments}
        return {**arguments, "headers": {**headers, **arguments.get("headers", {})}} if headers else arguments


class HuggingFaceEntry(AnswerSettings, TransformersSettings, HTTPSettings, RetrySettings, Entry):
    """Hosted inference with a key, transformers on this machine without one or with ``local``."""

    type: Literal["huggingface"]
    model: Model | None = None
    local: Flag | None = None


class WorkstationEntry(GGUFSettings, Entry):
    """A GGUF file on this machine, by llama.cpp; the embedded model without ``model_path``."""

    renamed: ClassVar[dict[str, str]] = {"model": "model_path", "engine": "model_path", "max_length": "max_tokens"}

    type: Literal["workstation"]


BackendEntry = Annotated[
    LLMRouterEntry | OpenAIEntry | HuggingFaceEntry | WorkstationEntry, Field(discriminator="type")
]

#: The words that ``type`` may be, and what each entry must look like.
BACKEND_TYPES: dict[str, type[Entry]] = {
    "llm_router": LLMRouterEntry,
    "openai": OpenAIEntry,
    "huggingface": HuggingFaceEntry,
    "workstation": WorkstationEntry,
}
