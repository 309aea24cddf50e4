"""What the package `backends` offers: the names of the documents, and nothing by accident."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import backends
import backends.llm_router
from backends.base import Backend


def test_the_four_backends_of_the_documents_are_importable() -> None:
    from backends import HuggingFaceBackend, LLMRouterBackend, OpenAIBackend, WorkstationBackend

    assert {kind.type for kind in (HuggingFaceBackend, LLMRouterBackend, OpenAIBackend, WorkstationBackend)} == {
        "huggingface",
        "llm_router",
        "openai",
        "workstation",
    }


def test_the_old_module_names_still_lead_to_the_backends() -> None:
    from backends.huggingface import HuggingFaceBackend
    from backends.openai import OpenAIBackend
    from backends.openaibackend import OpenAIBackend as OldName
    from backends.workstation import WorkstationBackend

    assert OldName is OpenAIBackend
    assert issubclass(HuggingFaceBackend, Backend)
    assert issubclass(WorkstationBackend, Backend)


@pytest.mark.parametrize("name", backends.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(backends, name).__name__ == name


def test_a_name_that_is_not_there_is_told_as_python_does() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        backends.Nothing  # noqa: B018 - the access is what is tested


def test_the_public_names_of_the_router() -> None:
    assert set(backends.llm_router.__all__) == {
        "Availability",
        "ProviderContext",
        "ProviderInfo",
        "ProviderSpec",
        "RouterDeps",
        "acomplete_text",
        "agenerate_text",
        "astream_text",
        "clear_llm_router_caches",
        "complete_text",
        "generate_text",
        "get_default_router_deps",
        "get_llm_provider",
        "list_llm_providers",
        "register_llm_provider",
        "set_default_router_deps",
        "stream_text",
        "unregister_llm_provider",
    }


def test_every_public_module_lists_names_that_it_has() -> None:
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.iter_modules(backends.llm_router.__path__, "backends.llm_router.")
        if not info.name.rpartition(".")[2].startswith("_") and not info.ispkg
    ]

    missing = [f"{m.__name__}.{name}" for m in modules for name in m.__all__ if not hasattr(m, name)]
    assert modules
    assert missing == []


@pytest.mark.parametrize("name", ["LLMRouterBackend", "OpenAIBackend"])
def test_a_key_given_by_mistake_is_refused_by_every_backend(name: str) -> None:
    from backends import ConfigurationError

    with pytest.raises(ConfigurationError, match="max_tokenz"):
        getattr(backends, name)(model="m", max_tokenz=5)
