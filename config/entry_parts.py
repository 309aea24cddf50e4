"""What the entries of several backend types share: options of a call, retries, local engines, an API's key."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue, PrivateAttr, SecretStr, ValidationInfo, field_validator

from config.fields import (
    Address,
    AtLeastOne,
    Flag,
    NotNegative,
    Option,
    Part,
    Place,
    Seconds,
    Secret,
    Text,
    Whole,
    in_folder,
)

__all__ = [
    "AnswerSettings",
    "Entry",
    "GGUFSettings",
    "HTTPSettings",
    "RetrySettings",
    "TransformersSettings",
    "in_clear",
]


class Entry(Part):
    """What every backend takes. A field that is not set is left to the backend's own default."""

    #: Historical keys and what they are called now.
    renamed: ClassVar[dict[str, str]] = {"engine": "model"}

    id: Text
    privacy: Literal["local_only"] | None = None
    verbose: Flag | None = None
    max_tokens: Annotated[int | None, Option("max_tokens")] = None
    temperature: Annotated[float | None, Option("temperature")] = None
    top_p: Annotated[float | None, Option("top_p")] = None
    top_k: Annotated[int | None, Option("top_k")] = None
    min_p: Annotated[float | None, Option("min_p")] = None
    frequency_penalty: Annotated[float | None, Option("frequency_penalty")] = None
    presence_penalty: Annotated[float | None, Option("presence_penalty")] = None
    repeat_penalty: Annotated[float | None, Option("repeat_penalty")] = None
    seed: Annotated[int | None, Option("seed")] = None
    stop: Annotated[tuple[str, ...] | None, Option("stop")] = None
    timeout: Annotated[float | None, Option("timeout")] = None

    #: Fields whose environment variable is not set, with the sentence that says so.
    _unset: tuple[tuple[str, str], ...] = PrivateAttr(default=())

    @property
    def unset(self) -> tuple[tuple[str, str], ...]:
        """(place, what is missing) for each setting that waits for an environment variable."""
        return self._unset

    def arguments(self) -> dict[str, Any]:
        """The constructor arguments that are set, keys in clear. Not for a log."""
        return {
            name: in_clear(value)
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None and name in self.model_fields_set
        }


class RetrySettings(Part):
    """For backends that ask somebody who may be busy."""

    max_retries: NotNegative | None = None
    retry_base_delay: Seconds | None = None
    retry_max_delay: Seconds | None = None
    rate_limit: AtLeastOne | None = None
    rate_limit_window: Annotated[float | None, Option("timeout")] = None


class HTTPSettings(Part):
    """For backends that talk to an API."""

    api_key: Secret | None = None
    base_url: Address | None = None
    headers: dict[str, Secret] | None = None
    max_body_bytes: AtLeastOne | None = None
    api: Literal["chat", "responses"] | None = None
    embedding_model: Text | None = None


class AnswerSettings(Part):
    """For backends that may call functions or shape their answers."""

    tools: list[dict[str, JsonValue]] | None = None
    tool_choice: JsonValue = None
    response_format: dict[str, JsonValue] | None = None


class GGUFSettings(Part):
    """For llama.cpp."""

    model_path: Place | None = None
    n_ctx: AtLeastOne | None = None
    n_threads: AtLeastOne | None = None
    n_gpu_layers: Annotated[Whole, Field(ge=-1)] | None = None
    n_batch: AtLeastOne | None = None
    n_parallel: AtLeastOne | None = None
    chat_format: Text | None = None
    idle_seconds: Seconds | None = None
    prefix_store: Place | None = None
    fast_weights: Place | None = None


class TransformersSettings(Part):
    """For Hugging Face transformers."""

    device: Text | None = None
    dtype: Text | None = None
    gguf_file: Text | None = None
    offline: Flag | None = None
    revision: Text | None = None

    @field_validator("gguf_file")
    @classmethod
    def _local_gguf(cls, value: str | None, info: ValidationInfo) -> str | None:
        return str(in_folder(value, info)) if value is not None and value.startswith(("./", "../", "~")) else value


def in_clear(value: Any) -> Any:
    """``value`` as constructors take it: plain data, keys in clear, paths as text."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case FilePath():
            return str(value)
        case Part():
            fields = {name: getattr(value, name) for name in type(value).model_fields}
            return {name: in_clear(item) for name, item in fields.items() if item is not None}
        case dict():
            return {key: in_clear(item) for key, item in value.items()}
        case tuple() | list():
            return [in_clear(item) for item in value]
    return value
