"""An entry of type ``llm_router``: whom to ask, in which order, and every key of every provider."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, SecretStr, Tag
from pydantic.json_schema import WithJsonSchema

from config.entry_parts import (
    AnswerSettings,
    Entry,
    GGUFSettings,
    HTTPSettings,
    RetrySettings,
    TransformersSettings,
    in_clear,
)
from config.expand import Expanded
from config.fields import (
    Address,
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
    plain,
)
from config.problems import is_secret
from config.providers import is_known_provider, known_providers

__all__ = ["UNION_TAGS", "Budget", "Endpoint", "Fallback", "LLMRouterEntry", "Price"]

#: What pydantic puts into the path of a problem beside the keys of the file.
UNION_TAGS = frozenset({"<name>", "<object>"})

Dollars = Annotated[float, Field(ge=0), BeforeValidator(plain)]


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


def _settings(value: Any) -> Any:
    """What may be a key is kept as one: by its name, or because it came from the environment."""
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return {
        key: SecretStr(item) if isinstance(item, str) and (isinstance(item, Expanded) or is_secret((key,))) else item
        for key, item in value.items()
    }


Provider = Annotated[str, BeforeValidator(_provider), WithJsonSchema({"type": "string"})]
Settings = Annotated[dict[str, Any], BeforeValidator(_settings), WithJsonSchema({"type": "object"})]
Places = Annotated[
    tuple[Place, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Budget(Part):
    """What the backend may spend in all: dollars, tokens, or both."""

    usd: Dollars | None = None
    tokens: NotNegative | None = None


class Price(Part):
    """Dollars for a million tokens."""

    prompt: Dollars
    completion: Dollars


class Endpoint(Part):
    """One OpenAI-compatible server behind the provider ``backend_manager``."""

    url: Address
    id: Text | None = None
    model: Text | None = None
    api_key: Secret | None = None


class Fallback(Part):
    """A provider to ask when the one before failed, with settings of its own."""

    provider: Provider
    model: Model | None = None
    api_key: Secret | None = None
    base_url: Address | None = None
    model_path: Place | None = None
    settings: Settings | None = None


Fallbacks = Annotated[
    tuple[
        Annotated[
            Annotated[Provider, Tag("<name>")] | Annotated[Fallback, Tag("<object>")],
            Discriminator(lambda value: "<object>" if isinstance(value, dict | Fallback) else "<name>"),
        ],
        ...,
    ],
    BeforeValidator(_listed),
]
Endpoints = tuple[Annotated[Endpoint, BeforeValidator(_endpoint)], ...]


class _RouteSettings(Part):
    provider: Provider | None = None
    model: Model | None = None
    fallback_providers: Fallbacks | None = None
    attempt_timeout: Annotated[float | None, Option("timeout")] = None
    breaker_threshold: NotNegative | None = None
    breaker_cooldown: Annotated[float | None, Option("timeout")] = None
    cache: Flag | None = None
    cache_path: Place | None = None
    budget: Budget | None = None
    price: Price | None = None
    trace: Flag | None = None
    trace_dir: Place | None = None
    trace_jsonl_path: Place | None = None
    trace_content: Flag | None = None
    #: For providers that are not built in: what they take beside all this.
    settings: Settings | None = None


class _DistributedSettings(Part):
    endpoints: Endpoints | None = None
    load_balancing: Literal["round_robin", "least_loaded", "best_performance", "power_of_two"] | None = None
    peers: Names | None = None
    peer_token: Secret | None = None
    http_referer: Text | None = None
    app_title: Text | None = None


class _ProgramSettings(Part):
    program_path: Place | None = None
    program_command: Text | None = None
    program_env: dict[str, Secret] | None = None
    working_directory: Place | None = None
    resume_session_id: Text | None = None
    continue_session: Flag | None = None


class _ClaudeSettings(Part):
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
    claude_setting_sources: str | None = None
    claude_mcp_config: Names | None = None
    claude_effort: Text | None = None


class _CodexSettings(Part):
    codex_config: dict[str, JsonValue] | None = None
    codex_profile: Text | None = None
    codex_sandbox: Literal["read-only", "workspace-write", "danger-full-access"] | None = None
    codex_tools: Flag | None = None
    codex_user_config: Flag | None = None
    codex_ephemeral: Flag | None = None
    codex_add_dir: Places | None = None


class _CopilotSettings(Part):
    copilot_config_dir: Place | None = None
    copilot_log_dir: Place | None = None
    copilot_log_level: Text | None = None
    copilot_output_format: Literal["text", "json"] | None = None
    copilot_available_tools: Names | None = None
    copilot_allow_tools: Names | None = None
    copilot_deny_tools: Names | None = None
    copilot_add_dir: Places | None = None
    copilot_reasoning_effort: Text | None = None
    copilot_custom_instructions: Flag | None = None

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
    copilot_sdk_provider: Settings | None = None


class _GeminiSettings(Part):
    gemini_output_format: Literal["text", "json", "stream-json"] | None = None
    gemini_tools: Flag | None = None
    gemini_approval_mode: Text | None = None
    gemini_session_id: Text | None = None
    gemini_include_directories: Places | None = None
    gemini_extensions: Names | None = None
    gemini_home: Place | None = None


class _MockSettings(Part):
    mock_response: str | None = None
    mock_responses: tuple[str, ...] | None = None
    mock_error: Text | None = None
    mock_delay: Seconds | None = None


class LLMRouterEntry(
    _MockSettings,
    _GeminiSettings,
    _CopilotSettings,
    _CodexSettings,
    _ClaudeSettings,
    _ProgramSettings,
    _DistributedSettings,
    TransformersSettings,
    GGUFSettings,
    HTTPSettings,
    AnswerSettings,
    RetrySettings,
    _RouteSettings,
    Entry,
):
    """Any provider by name, with fallback; without ``provider`` the router finds one."""

    type: Literal["llm_router"]

    def arguments(self) -> dict[str, Any]:
        arguments = super().arguments()
        fallbacks = [
            {**in_clear(fallback.settings or {}), **_without_settings(fallback)}
            if isinstance(fallback, Fallback)
            else fallback
            for fallback in self.fallback_providers or ()
        ]
        if "fallback_providers" in arguments:
            arguments["fallback_providers"] = fallbacks
        return {**arguments.pop("settings", {}), **arguments}


def _without_settings(fallback: Fallback) -> dict[str, Any]:
    return {key: value for key, value in in_clear(fallback).items() if key != "settings"}
