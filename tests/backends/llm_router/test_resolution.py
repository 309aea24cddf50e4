"""Who is asked when nobody is named, and the one order that decides it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backends.exceptions import ConfigurationError, ProviderUnavailableError
from backends.llm_router import RouterDeps, complete_text, generate_text, get_llm_provider
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.registry import AUTO_ORDER, BUILTIN_PROVIDERS, ProviderRegistry
from backends.llm_router.resolution import resolve
from backends.llm_router.route import Route
from backends.llm_router.settings import MODEL_VARIABLES, VARIABLES

from .providers import ScriptedProvider

Register = Callable[..., ScriptedProvider]


def spec(name: str, scripted: ScriptedProvider, *, ok: bool = True, local: bool = False) -> ProviderSpec:
    return ProviderSpec(
        name=name,
        kind="test",
        summary="scripted",
        create=lambda _context: scripted,
        available=lambda _context: Availability(ok, "there" if ok else "not there"),
        local=local,
    )


@pytest.fixture
def world(deps: RouterDeps) -> Callable[..., dict[str, ScriptedProvider]]:
    """Replaces every provider of the automatic choice: those named are there."""

    def build(*there: str, **scripts: object) -> dict[str, ScriptedProvider]:
        made = {}
        for name in AUTO_ORDER:
            made[name] = ScriptedProvider(name, scripts.get(name, f"answer of {name}"))
            local = name in ("local_hf", "workstation")
            deps.registry.register(name, spec(name, made[name], ok=name in there, local=local))
        return made

    return build


def names(deps: RouterDeps, **keys: object) -> list[str]:
    route = Route.from_keys(keys, {}, "test")
    return [candidate.name for candidate in resolve(route, deps, deps.environment.settings())]


def test_the_automatic_choice_goes_in_the_documented_order(
    deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]
) -> None:
    world(*AUTO_ORDER)
    deps.backend_manager = deps.accelerate_manager = object()

    assert names(deps) == [
        "ipfs_peer",
        "backend_manager",
        "accelerate",
        "openrouter",
        "openai",
        "huggingface",
        "gemini_py",
        "claude_py",
        "codex_cli",
        "copilot_cli",
        "copilot_sdk",
        "gemini_cli",
        "claude_code",
        "ipfs_datasets_py",
        "workstation",
        "local_hf",
    ]


def test_a_model_for_transformers_puts_transformers_before_the_embedded_model(
    world: Callable[..., dict[str, ScriptedProvider]], deps: RouterDeps
) -> None:
    world("local_hf", "workstation")
    configured = RouterDeps(env={"IPFS_ACCELERATE_PY_LLM_MODEL": "gpt2"}, registry=deps.registry)

    assert names(deps) == ["workstation", "local_hf"]
    assert names(configured) == ["local_hf", "workstation"]
    assert names(deps, model="gpt2") == ["local_hf", "workstation"]


def test_who_is_not_there_is_not_asked(deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]) -> None:
    """The historical routers called a program available because npx was."""
    made = world("copilot_cli")

    assert generate_text("hi", deps=deps) == "answer of copilot_cli"
    assert made["codex_cli"].calls == 0


def test_the_manager_and_accelerate_must_be_enabled(
    deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]
) -> None:
    world("backend_manager", "accelerate", "openai")
    enabled = RouterDeps(
        env={"IPFS_ACCELERATE_PY_ENABLE_BACKEND_MANAGER": "1", "IPFS_DATASETS_PY_ENABLE_IPFS_ACCELERATE": "1"},
        registry=deps.registry,
    )

    assert names(deps) == ["openai"]
    assert names(enabled) == ["backend_manager", "accelerate", "openai"]


def test_the_automatic_choice_asks_the_next_when_one_fails(
    deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]
) -> None:
    world("openrouter", "openai", openrouter=ProviderUnavailableError("down", retryable=False))

    completion = complete_text("hi", deps=deps)

    assert completion.text == "answer of openai"
    assert [attempt.provider for attempt in completion.attempts] == ["openrouter", "openai"]


def test_a_model_that_is_named_is_asked_of_everyone(
    deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]
) -> None:
    world("openrouter", "openai")

    route = Route.from_keys({"model": "m"}, {}, "test")

    assert {c.model for c in resolve(route, deps, deps.environment.settings())} == {"m"}


def test_the_environment_names_the_provider_and_its_fallbacks(
    deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]
) -> None:
    world("huggingface")
    named = RouterDeps(
        env={"IPFS_KIT_LLM_PROVIDER": "Claude", "COMPLAINT_GENERATOR_LLM_FALLBACK_PROVIDERS": "codex, hf"},
        registry=deps.registry,
    )

    assert names(named) == ["claude_code", "codex_cli", "huggingface"]


def test_a_named_provider_goes_before_the_environments(provider: Register, deps: RouterDeps) -> None:
    provider("p", "answer")
    named = RouterDeps(env={"IPFS_KIT_LLM_PROVIDER": "openrouter"}, registry=deps.registry)

    assert generate_text("hi", provider="p", deps=named) == "answer"
    named.close()


@pytest.mark.parametrize("word", ["auto", "AUTO"])
def test_auto_is_no_provider(word: str, deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]) -> None:
    world("openai")

    assert names(deps, provider=word) == ["openai"]


def test_when_nobody_is_there_the_error_says_why_for_each(
    deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]
) -> None:
    world()

    with pytest.raises(ProviderUnavailableError, match=r"openai: not there.*workstation: not there"):
        generate_text("hi", deps=deps)


def test_local_only_leaves_only_local_providers_in_the_automatic_choice(
    deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]
) -> None:
    made = world("openrouter", "openai", "workstation")

    assert generate_text("hi", deps=deps, privacy="local_only") == "answer of workstation"
    assert made["openrouter"].calls == made["openai"].calls == 0


@pytest.mark.parametrize(
    "keys",
    [
        {"provider": "openrouter"},
        {"provider": "workstation", "fallback_providers": ["openrouter"]},
        {"fallback_providers": ["openrouter"]},
    ],
    ids=["named", "fallback", "fallback of the automatic choice"],
)
def test_local_only_refuses_a_provider_that_sends_text_away(
    keys: dict[str, object], deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]
) -> None:
    made = world("openrouter", "workstation")

    with pytest.raises(ConfigurationError, match='"openrouter" sends text off the machine'):
        generate_text("hi", deps=deps, privacy="local_only", **keys)

    assert made["openrouter"].calls == made["workstation"].calls == 0


def test_local_only_from_the_environment_is_a_rule_too(
    deps: RouterDeps, world: Callable[..., dict[str, ScriptedProvider]]
) -> None:
    world("openrouter")
    private = RouterDeps(env={"COMPLAINT_GENERATOR_LLM_PRIVACY": "local_only"}, registry=deps.registry)

    with pytest.raises(ConfigurationError, match="local_only"):
        generate_text("hi", provider="openrouter", deps=private)


def test_local_only_holds_for_an_object_that_is_given(deps: RouterDeps) -> None:
    remote = ScriptedProvider("remote")

    with pytest.raises(ConfigurationError, match="local_only"):
        generate_text("hi", provider_instance=remote, deps=deps, privacy="local_only")

    assert remote.calls == 0


def test_an_api_on_this_machine_is_local(deps: RouterDeps) -> None:
    provider = get_llm_provider(
        "openai", model_name="m", base_url="http://127.0.0.1:9/v1", privacy="local_only", deps=deps
    )

    assert provider.local


def test_a_missing_key_is_reported_as_a_missing_key(deps: RouterDeps) -> None:
    """It was "Unknown LLM provider"."""
    from backends.exceptions import AuthenticationError

    with pytest.raises(AuthenticationError, match="OPENROUTER_API_KEY"):
        generate_text("hi", provider="openrouter", deps=deps)


def test_the_provider_sees_the_containers_environment() -> None:
    seen: list[ProviderContext] = []

    def create(context: ProviderContext) -> ScriptedProvider:
        seen.append(context)
        return ScriptedProvider("p")

    registry = ProviderRegistry()
    registry.register("p", ProviderSpec("p", "test", "x", create, lambda _c: Availability(True, "")))
    deps = RouterDeps(env={"SOME": "thing"}, registry=registry)
    generate_text("hi", provider="p", deps=deps)
    deps.close()

    assert seen[0].env == {"SOME": "thing"}


@pytest.mark.parametrize(
    ("env", "name", "model"),
    [
        ({}, "openai", None),
        ({"IPFS_DATASETS_PY_LLM_MODEL": "general"}, "openai", "general"),
        ({"IPFS_DATASETS_PY_LLM_MODEL": "general"}, "codex_cli", "general"),
        ({"IPFS_DATASETS_PY_LLM_MODEL": "gpt2"}, "local_hf", "gpt2"),
        ({"IPFS_DATASETS_PY_LLM_MODEL": "general", "IPFS_ACCELERATE_PY_CODEX_MODEL": "own"}, "codex_cli", "own"),
        ({"IPFS_KIT_OPENROUTER_MODEL": "own"}, "openrouter", "own"),
        ({"IPFS_KIT_LLM_MODEL": "gpt2"}, "workstation", None),
        ({"IPFS_KIT_LLM_MODEL": "/models/m.gguf"}, "workstation", "/models/m.gguf"),
    ],
)
def test_the_environment_names_the_model_when_nobody_else_does(env: dict[str, str], name: str, model: str) -> None:
    deps = RouterDeps(env=env, registry=ProviderRegistry())
    settings = deps.environment.settings()

    def asked(**keys: object) -> str | None:
        return resolve(Route.from_keys({"provider": name, **keys}, {}, "test"), deps, settings)[0].model

    assert asked() == model
    assert asked(model="named") == "named"


def test_every_provider_with_a_variable_for_its_model_is_built_in() -> None:
    assert set(MODEL_VARIABLES) <= set(BUILTIN_PROVIDERS)
    assert set(MODEL_VARIABLES.values()) <= set(VARIABLES)


@pytest.mark.parametrize(
    ("env", "settings", "name"),
    [
        ({}, {}, "local_hf"),
        ({"HF_TOKEN": "hf_0123456789"}, {}, "huggingface"),
        ({}, {"api_key": "hf_0123456789"}, "huggingface"),
        ({}, {"base_url": "http://127.0.0.1:1/v1"}, "huggingface"),
    ],
)
def test_huggingface_is_hosted_with_a_key_and_local_without(
    env: dict[str, str], settings: dict[str, str], name: str
) -> None:
    deps = RouterDeps(env=env, registry=ProviderRegistry())
    route = Route.from_keys({"provider": "hf"}, settings, "test")

    assert resolve(route, deps, deps.environment.settings())[0].name == name
