"""OpenAI's API, or any OpenAI-compatible server by its base URL."""

from __future__ import annotations

from backends.llm_router.providers.hosted import hosted_spec
from backends.llm_router.settings import names_of
from backends.openai import OPENAI_SETTINGS, OpenAIBackend

__all__ = ["SPEC", "RoutedOpenAIBackend"]


class RoutedOpenAIBackend(OpenAIBackend):
    """``OpenAIBackend`` with the router's names of variables."""

    api_key_env = names_of("OPENAI_API_KEY")
    base_url_env = names_of("OPENAI_BASE_URL")


SPEC = hosted_spec(
    RoutedOpenAIBackend,
    summary="OpenAI's API, or any compatible server by base_url",
    key="OPENAI_API_KEY",
    model="OPENAI_MODEL",
    base_url="OPENAI_BASE_URL",
    settings=OPENAI_SETTINGS,
)
