"""What an entry may say is what the constructors take: no key of the file is refused or lost on the way."""

from __future__ import annotations

import importlib

import pytest

from backends.huggingface import HuggingFaceBackend
from backends.llm_router.registry import BUILTIN_PROVIDERS
from backends.openai import OpenAIBackend
from backends.workstation import WorkstationBackend
from config.entries import HuggingFaceEntry, OpenAIEntry, WorkstationEntry
from config.router_entry import LLMRouterEntry

#: A value for each field that differs from what its type alone would suggest.
COMMON = {
    "id": "x", "privacy": "local_only", "verbose": True, "max_tokens": 1, "temperature": 0, "top_p": 0, "top_k": 0,
    "min_p": 0, "frequency_penalty": 0, "presence_penalty": 0, "repeat_penalty": 1, "seed": 0, "stop": ["x"],
    "timeout": 1,
}  # fmt: skip
RETRIES = {"max_retries": 0, "retry_base_delay": 0, "retry_max_delay": 0, "rate_limit": 1, "rate_limit_window": 1}
HTTP = {
    "api_key": "k-0123456789", "base_url": "http://127.0.0.1:9/v1", "headers": {"X": "y"}, "api": "chat",
    "embedding_model": "m", "max_body_bytes": 1_000_000,
}  # fmt: skip
ANSWERS = {"tools": [{}], "tool_choice": "auto", "response_format": {}}
OPENAI = {
    **COMMON, **RETRIES, **HTTP, "type": "openai", "model": "m", "organization": "o", "project": "p",
    "reasoning_effort": "low", "verbosity": "low", "service_tier": "auto", "user": "u", "parallel_tool_calls": False,
    "logit_bias": {"1": 0}, "extra_body": {}, **ANSWERS,
}  # fmt: skip
GGUF = {
    "model_path": "m.gguf", "n_ctx": 512, "n_threads": 1, "n_gpu_layers": 0, "n_batch": 1, "n_parallel": 1,
    "chat_format": "chatml", "idle_seconds": 1, "prefix_store": "prefixes", "fast_weights": "fast",
}  # fmt: skip
WORKSTATION = {**COMMON, **GGUF, "type": "workstation"}
HOSTED = {**COMMON, **RETRIES, **HTTP, **ANSWERS, "type": "huggingface", "model": "m", "local": False}


def test_the_samples_name_every_field():
    assert set(OPENAI) == set(OpenAIEntry.model_fields)
    assert set(WORKSTATION) == set(WorkstationEntry.model_fields)
    only_local = {"device", "dtype", "gguf_file", "offline", "revision"}
    assert set(HOSTED) == set(HuggingFaceEntry.model_fields) - only_local


@pytest.mark.parametrize("name", OPENAI)
def test_openai_takes_every_key(name):
    given = {"id": "x", "type": "openai", "base_url": HTTP["base_url"], name: OPENAI[name]}
    OpenAIBackend(**OpenAIEntry.model_validate(given).arguments(), env={}).close()


@pytest.mark.parametrize("name", HOSTED)
def test_hosted_hugging_face_takes_every_key(name):
    needed = {key: HOSTED[key] for key in ("id", "type", "model", "base_url", "local")}
    given = {**needed, name: HOSTED[name]}
    HuggingFaceBackend(**HuggingFaceEntry.model_validate(given).arguments(), env={}).close()


@pytest.mark.parametrize("name", WORKSTATION)
def test_workstation_takes_every_key(name, tmp_path):
    given = {"id": "x", "type": "workstation", name: WORKSTATION[name]}
    WorkstationBackend(**WorkstationEntry.model_validate(given).arguments()).close()


@pytest.mark.parametrize("name", BUILTIN_PROVIDERS)
def test_an_entry_takes_every_setting_of_every_provider(name):
    spec = importlib.import_module(BUILTIN_PROVIDERS[name]).SPEC
    assert spec.settings <= set(LLMRouterEntry.model_fields)


def test_an_organization_and_a_project_are_sent_as_headers():
    entry = OpenAIEntry.model_validate(
        {"id": "x", "type": "openai", "organization": "o", "project": "p", "headers": {"X": "y"}}
    )
    assert entry.arguments() == {
        "id": "x", "type": "openai", "headers": {"OpenAI-Organization": "o", "OpenAI-Project": "p", "X": "y"},
    }  # fmt: skip


def test_settings_of_foreign_providers_reach_the_router_beside_the_others():
    entry = LLMRouterEntry.model_validate(
        {"id": "x", "type": "llm_router", "settings": {"region": "eu", "own_token": "t"}, "trace": False}
    )
    assert entry.arguments() == {"id": "x", "type": "llm_router", "region": "eu", "own_token": "t", "trace": False}


def test_a_fallback_is_a_name_or_an_object_with_settings_of_its_own():
    fallbacks = ["openai", {"provider": "workstation", "model_path": "/m.gguf", "settings": {"n_ctx": 512}}]
    entry = LLMRouterEntry.model_validate({"id": "x", "type": "llm_router", "fallback_providers": fallbacks})
    assert entry.arguments()["fallback_providers"] == [
        "openai",
        {"provider": "workstation", "model_path": "/m.gguf", "n_ctx": 512},
    ]
