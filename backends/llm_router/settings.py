"""Every environment variable that the backends and the router read, in one table, and the one way to read them.

A setting comes from the call's arguments, then the configuration, then the environment. In the environment the
prefixes go in the order of ``PREFIXES``, then the plain names that other tools use too. A blank value counts as
unset. ``reference`` writes ``docs/reference/environment.md`` from this table; a test holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backends.exceptions import ConfigurationError

__all__ = ["MODEL_VARIABLES", "PREFIXES", "VARIABLES", "Variable", "flag", "names_of", "read", "set_by"]

#: First found wins.
PREFIXES = ("COMPLAINT_GENERATOR_", "IPFS_KIT_", "IPFS_ACCELERATE_PY_", "IPFS_DATASETS_PY_")


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting: ``name`` is what follows the prefix, ``plain`` the names without a prefix, in order."""

    name: str
    meaning: str
    default: str = ""
    plain: tuple[str, ...] = ()
    secret: bool = False


VARIABLES: Mapping[str, Variable] = {
    variable.name: variable
    for variable in (
        # which provider, which model
        Variable("LLM_PROVIDER", "the provider when none is named", "chosen automatically"),
        Variable("LLM_MODEL", "the model when none is named and the provider has no variable of its own"),
        Variable("LLM_FALLBACK_PROVIDERS", "comma-separated providers to try when `LLM_PROVIDER` fails"),
        Variable("LLM_TIMEOUT", "seconds that a whole call may take, fallbacks included", "120"),
        Variable("LLM_PRIVACY", "`local_only` refuses every provider that sends text off the machine"),
        # keys and addresses
        Variable("OPENROUTER_API_KEY", "key of OpenRouter", plain=("OPENROUTER_API_KEY",), secret=True),
        Variable("OPENROUTER_MODEL", "model of `openrouter`", "openai/gpt-4o-mini", plain=("OPENROUTER_MODEL",)),
        Variable(
            "OPENROUTER_BASE_URL",
            "address of OpenRouter's API",
            "https://openrouter.ai/api/v1",
            plain=("OPENROUTER_BASE_URL",),
        ),
        Variable("OPENROUTER_HTTP_REFERER", "sent as HTTP-Referer", plain=("OPENROUTER_HTTP_REFERER",)),
        Variable("OPENROUTER_APP_TITLE", "sent as X-Title", plain=("OPENROUTER_APP_TITLE", "OPENROUTER_X_TITLE")),
        Variable("OPENAI_API_KEY", "key of `openai`", plain=("OPENAI_API_KEY",), secret=True),
        Variable("OPENAI_MODEL", "model of `openai`", plain=("OPENAI_MODEL",)),
        Variable(
            "OPENAI_BASE_URL",
            "address of any OpenAI-compatible API",
            "https://api.openai.com/v1",
            plain=("OPENAI_BASE_URL",),
        ),
        Variable(
            "HUGGINGFACE_API_KEY",
            "key of `huggingface`",
            plain=("HUGGINGFACE_API_KEY", "HF_TOKEN", "HUGGINGFACE_HUB_TOKEN"),
            secret=True,
        ),
        Variable("HUGGINGFACE_MODEL", "model of `huggingface`"),
        Variable("HUGGINGFACE_BASE_URL", "address of the hosted inference API", "https://router.huggingface.co/v1"),
        Variable("GOOGLE_API_KEY", "key of `gemini_py`", plain=("GOOGLE_API_KEY", "GEMINI_API_KEY"), secret=True),
        Variable("GEMINI_MODEL", "model of `gemini_cli` and `gemini_py`"),
        Variable("GEMINI_BASE_URL", "address of Google's API", plain=("GOOGLE_GEMINI_BASE_URL",)),
        Variable("ANTHROPIC_API_KEY", "key of `claude_py`", plain=("ANTHROPIC_API_KEY",), secret=True),
        Variable("CLAUDE_MODEL", "model of `claude_code` and `claude_py`"),
        Variable("ANTHROPIC_BASE_URL", "address of Anthropic's API", plain=("ANTHROPIC_BASE_URL",)),
        # programs
        Variable("CODEX_MODEL", "model of `codex_cli`"),
        Variable("CODEX_CLI_CMD", "command template of `codex_cli`; `{prompt}` stands for one argument"),
        Variable("COPILOT_CLI_MODEL", "model of `copilot_cli`"),
        Variable("COPILOT_CLI_CMD", "command template of `copilot_cli`; `{prompt}` stands for one argument"),
        Variable("COPILOT_SDK_MODEL", "model of `copilot_sdk`"),
        Variable("GEMINI_CLI_CMD", "command template of `gemini_cli`; `{prompt}` stands for one argument"),
        Variable("CLAUDE_CODE_CLI_CMD", "command template of `claude_code`; `{prompt}` stands for one argument"),
        # local models
        Variable("LOCAL_HF_MODEL", "model of `local_hf`: a directory, a GGUF file or a hub name"),
        Variable("WORKSTATION_MODEL", "GGUF file of `workstation`", "the embedded model"),
        # several machines
        Variable("ENABLE_BACKEND_MANAGER", "1 puts `backend_manager` into the automatic choice", "0"),
        Variable(
            "LLM_LOAD_BALANCING",
            "how `backend_manager` and `ipfs_peer` choose: `round_robin`, `least_loaded`, `best_performance`, "
            "`power_of_two`",
            "round_robin",
        ),
        Variable("LLM_PEERS", "comma-separated multiaddrs of peers for `ipfs_peer`"),
        Variable("LLM_PEER_TOKEN", "token that the peers of `ipfs_peer` ask for", secret=True),
        Variable("ENABLE_IPFS_ACCELERATE", "1 puts `accelerate` into the automatic choice", "0"),
        Variable("LLM_SERVER_TOKEN", "token of the router's own REST API", secret=True),
        # caches
        Variable("ROUTER_CACHE", "0 makes a new provider instance for every call", "1"),
        Variable("ROUTER_RESPONSE_CACHE", "0 asks the provider every time", "1"),
        Variable("ROUTER_CACHE_KEY", "how responses are named: `sha256` or `cid` (CIDv1)", "sha256"),
        Variable(
            "ROUTER_CACHE_CID_BASE", "multibase of `cid` keys: `base32`, `base16`, `base36`, `base58btc`", "base32"
        ),
        Variable("ROUTER_CACHE_PATH", "SQLite file that keeps responses, shared by several processes"),
        Variable("ROUTER_CACHE_MAX_ENTRIES", "responses kept in memory", "1024"),
        Variable("ROUTER_CACHE_MAX_BYTES", "bytes of responses kept in memory", "67108864"),
        # the application
        Variable("CONFIG", "the configuration file of `run.py`", "config.llm_router.json"),
    )
}

#: The variable that names a provider's own default model; ``LLM_MODEL`` comes after it.
MODEL_VARIABLES: Mapping[str, str] = {
    "openrouter": "OPENROUTER_MODEL",
    "openai": "OPENAI_MODEL",
    "huggingface": "HUGGINGFACE_MODEL",
    "gemini_py": "GEMINI_MODEL",
    "gemini_cli": "GEMINI_MODEL",
    "claude_py": "CLAUDE_MODEL",
    "claude_code": "CLAUDE_MODEL",
    "codex_cli": "CODEX_MODEL",
    "copilot_cli": "COPILOT_CLI_MODEL",
    "copilot_sdk": "COPILOT_SDK_MODEL",
    "local_hf": "LOCAL_HF_MODEL",
    "workstation": "WORKSTATION_MODEL",
}

_FALSE = frozenset({"0", "false", "no", "off"})
_TRUE = frozenset({"1", "true", "yes", "on"})


def names_of(name: str) -> tuple[str, ...]:
    """Every variable that can hold the setting, in the order they are looked at."""
    return tuple(prefix + name for prefix in PREFIXES) + VARIABLES[name].plain


_NAMES: Mapping[str, tuple[str, ...]] = {name: names_of(name) for name in VARIABLES}


def read(env: Mapping[str, str], name: str) -> str | None:
    """The value of the setting ``name`` in ``env``, or None when unset or blank."""
    for full_name in _NAMES[name]:
        value = env.get(full_name)
        if value is not None and (value := value.strip()):
            return value
    return None


def set_by(env: Mapping[str, str], name: str) -> str:
    """The variable that ``read`` found the setting in; its plain name when none is set."""
    return next((full for full in _NAMES[name] if env.get(full, "").strip()), name)


def flag(env: Mapping[str, str], name: str) -> bool:
    """``read`` for a switch: 1/true/yes/on or 0/false/no/off."""
    value = read(env, name)
    word = (VARIABLES[name].default if value is None else value).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ConfigurationError(f"{set_by(env, name)} must be 1 or 0, not {value!r}")
