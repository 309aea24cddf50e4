"""One entry of ``BACKENDS`` for each type. The fields are the constructor arguments of that backend's class."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, JsonValue, PrivateAttr, SecretStr, ValidationInfo, field_validator
from pydantic.json_schema import WithJsonSchema

from config.fields import (
    AtLeastOne,
    Flag,
    Model,
    Names,
    NotNegative,
    NotOneOfError,
    Option,
    Part,
    Place,
    Port,
    Program,
    Seconds,
    Secret,
    Text,
    Whole,
    in_folder,
    plain,
)
from config.providers import is_known_provider, known_providers

__all__ = [
    "BACKEND_TYPES",
    "BackendEntry",
    "Budget",
    "Endpoint",
    "HuggingFaceEntry",
    "LLMRouterEntry",
    "OpenAIEntry",
    "WorkstationEntry",
]


class _Entry(Part):
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
    max_retries: NotNegative | None = None
    retry_base_delay: Seconds | None = None
    retry_max_delay: Seconds | None = None
    rate_limit: AtLeastOne | None = None
    rate_limit_window: Annotated[float | None, Option("timeout")] = None

    #: Fields whose environment variable is not set, with the sentence that says so.
    _unset: tuple[tuple[str, str], ...] = PrivateAttr(default=())

    @property
    def unset(self) -> tuple[tuple[str, str], ...]:
        """(field, what is missing) for each field that waits for an environment variable."""
        return self._unset

    def arguments(self) -> dict[str, Any]:
        """The constructor arguments that are set, keys in clear. Not for a log."""
        return {
            name: _in_clear(value)
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None and name in self.model_fields_set
        }


def _in_clear(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Part):
        return {
            name: _in_clear(item) for name in type(value).model_fields if (item := getattr(value, name)) is not None
        }
    if isinstance(value, dict):
        return {key: _in_clear(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_in_clear(item) for item in value]
    return value


class Budget(Part):
    """What the backend may spend in all: dollars, tokens, or both."""

    usd: Annotated[float, Field(ge=0), BeforeValidator(plain)] | None = None
    tokens: NotNegative | None = None


class Endpoint(Part):
    """One OpenAI-compatible server behind the provider ``backend_manager``."""

    url: Text
    id: Text | None = None
    model: Text | None = None
    api_key: Secret | None = None


def _provider(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a provider's name")
    if not is_known_provider(value):
        raise NotOneOfError("must be the name of a provider", known_providers())
    return str(value)


def _endpoint(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_NAME_OR_NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Provider = Annotated[str, BeforeValidator(_provider)]
Fallbacks = Annotated[tuple[Provider, ...], BeforeValidator(_listed), WithJsonSchema(_NAME_OR_NAMES)]
Endpoints = tuple[Annotated[Endpoint, BeforeValidator(_endpoint)], ...]
Places = Annotated[tuple[Place, ...], BeforeValidator(_listed), WithJsonSchema(_NAME_OR_NAMES)]


class LLMRouterEntry(_Entry):
    """Any provider by name, with fallback; without ``provider`` the router finds one."""

    type: Literal["llm_router"]
    provider: Provider | None = None
    model: Model | None = None
    fallback_providers: Fallbacks | None = None
    base_url: Text | None = None
    api_key: Secret | None = None
    model_path: Place | None = None
    cache: Flag | None = None
    budget: Budget | None = None

    endpoints: Endpoints | None = None
    load_balancing: Literal["round_robin", "least_loaded", "best_performance", "power_of_two"] | None = None
    peers: Names | None = None
    peer_token: Secret | None = None

    trace: Flag | None = None
    trace_dir: Place | None = None
    trace_jsonl_path: Place | None = None
    trace_content: Flag | None = None
    resume_session_id: Text | None = None
    continue_session: Flag | None = None

    copilot_config_dir: Place | None = None
    copilot_log_dir: Place | None = None

    copilot_sdk_cli_path: Program | None = None
    copilot_sdk_cli_url: Text | None = None
    copilot_sdk_log_level: Text | None = None
    copilot_sdk_use_stdio: Flag | None = None
    copilot_sdk_port: Port | None = None
    copilot_sdk_auto_start: Flag | None = None
    copilot_sdk_auto_restart: Flag | None = None
    copilot_sdk_cwd: Place | None = None
    copilot_sdk_github_token: Secret | None = None
    copilot_sdk_use_logged_in_user: Flag | None = None
    copilot_sdk_session_id: Text | None = None
    copilot_sdk_streaming: Flag | None = None
    copilot_sdk_infinite_sessions: dict[str, JsonValue] | None = None

    claude_output_format: Literal["text", "json", "stream-json"] | None = None
    claude_input_format: Literal["text", "stream-json"] | None = None
    claude_include_partial_messages: Flag | None = None
    claude_no_session_persistence: Flag | None = None
    claude_permission_mode: Text | None = None
    claude_system_prompt: str | None = None
    claude_append_system_prompt: str | None = None
    claude_tools: str | None = None
    claude_add_dir: Places | None = None
    claude_allowed_tools: Names | None = None
    claude_disallowed_tools: Names | None = None
    claude_session_id: Text | None = None
    claude_fork_session: Flag | None = None


class OpenAIEntry(_Entry):
    """OpenAI, or any server that speaks its API (``base_url``)."""

    type: Literal["openai"]
    api_key: Secret | None = None
    model: Text | None = None
    base_url: Text | None = None
    api: Literal["chat", "responses"] | None = None
    organization: Text | None = None
    project: Text | None = None
    headers: dict[str, Secret] | None = None
    embedding_model: Text | None = None


class HuggingFaceEntry(_Entry):
    """Hosted inference with a key, transformers on this machine without one or with ``local``."""

    type: Literal["huggingface"]
    api_key: Secret | None = None
    model: Model | None = None
    local: Flag | None = None
    base_url: Text | None = None
    device: Text | None = None
    dtype: Text | None = None
    gguf_file: Text | None = None
    offline: Flag | None = None
    revision: Text | None = None

    @field_validator("gguf_file")
    @classmethod
    def _local_gguf(cls, value: str | None, info: ValidationInfo) -> str | None:
        return str(in_folder(value, info)) if value is not None and value.startswith(("./", "../", "~")) else value


class WorkstationEntry(_Entry):
    """A GGUF file on this machine, by llama.cpp; the embedded model without ``model_path``."""

    renamed: ClassVar[dict[str, str]] = {"model": "model_path", "engine": "model_path", "max_length": "max_tokens"}

    type: Literal["workstation"]
    model_path: Place | None = None
    n_ctx: AtLeastOne | None = None
    n_threads: AtLeastOne | None = None
    n_gpu_layers: Annotated[Whole, Field(ge=-1)] | None = None
    n_batch: AtLeastOne | None = None
    n_parallel: AtLeastOne | None = None
    chat_format: Text | None = None
    idle_seconds: Seconds | None = None


BackendEntry = Annotated[
    LLMRouterEntry | OpenAIEntry | HuggingFaceEntry | WorkstationEntry, Field(discriminator="type")
]

#: The words that ``type`` may be, and what each entry must look like.
BACKEND_TYPES: dict[str, type[_Entry]] = {
    "llm_router": LLMRouterEntry,
    "openai": OpenAIEntry,
    "huggingface": HuggingFaceEntry,
    "workstation": WorkstationEntry,
}
