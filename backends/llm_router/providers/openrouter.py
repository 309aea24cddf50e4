"""OpenRouter: many providers' models by one key. It tells the price of every call."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from backends.llm_router.providers.hosted import hosted_spec
from backends.llm_router.settings import names_of, read
from backends.openai import OPENAI_SETTINGS, OpenAICompatibleBackend

__all__ = ["SPEC", "OpenRouterBackend"]


class OpenRouterBackend(OpenAICompatibleBackend):
    """Sends who asks (HTTP-Referer, X-Title), as OpenRouter wants it."""

    type = "openrouter"
    provider = "openrouter"
    base_url = "https://openrouter.ai/api/v1"
    api_key_env = names_of("OPENROUTER_API_KEY")
    base_url_env = names_of("OPENROUTER_BASE_URL")
    key_hint = "OPENROUTER_API_KEY"
    default_model = "openai/gpt-4o-mini"
    # The list of models is public; this tells whether the key is good.
    health_path = "key"

    def __init__(
        self,
        id: str | None = None,
        *,
        http_referer: str | None = None,
        app_title: str | None = None,
        headers: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        known = os.environ if env is None else env
        referer = http_referer or read(known, "OPENROUTER_HTTP_REFERER")
        title = app_title or read(known, "OPENROUTER_APP_TITLE") or "complaint-generator"
        own = {"X-Title": title, **({"HTTP-Referer": referer} if referer else {})}
        super().__init__(id, headers={**own, **(headers or {})}, env=env, **settings)


SPEC = hosted_spec(
    OpenRouterBackend,
    summary="many providers' models by one key",
    key="OPENROUTER_API_KEY",
    model="OPENROUTER_MODEL",
    base_url="OPENROUTER_BASE_URL",
    settings=OPENAI_SETTINGS | {"http_referer", "app_title"},
)
