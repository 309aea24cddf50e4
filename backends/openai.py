"""OpenAI, and every server that speaks its API: vLLM, llama-server, Ollama, LM Studio, Azure's v1, OpenRouter.

``OpenAICompatibleBackend`` is the declarative base: a provider names its base URL, the variables of its key and
its headers. ``OpenAIBackend`` is the one of the configuration's ``"type": "openai"``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from backends.exceptions import ConfigurationError, MalformedResponseError
from backends.http_backend import HTTP_SETTINGS, HttpBackend
from backends.http_wire import Wire
from backends.openai_chat import ChatWire
from backends.openai_responses import ResponsesWire
from backends.options import GENERATION_OPTIONS
from backends.vectors import check_texts, vector_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["OPENAI_SETTINGS", "OpenAIBackend", "OpenAICompatibleBackend"]

OPENAI_SETTINGS = HTTP_SETTINGS | {"api", "embedding_model"}
#: Documented request fields that pass through as they are. ``extra_body`` is for what a server has of its own.
_PASS_THROUGH = frozenset(
    {"extra_body", "logit_bias", "parallel_tool_calls", "reasoning_effort", "service_tier", "user", "verbosity"}
)
#: What llama.cpp, vLLM and others know and OpenAI itself refuses.
_NOT_AT_OPENAI = frozenset({"top_k", "min_p", "repeat_penalty"})


class OpenAICompatibleBackend(HttpBackend):
    """Any server that speaks the OpenAI API. See the module."""

    known_options = frozenset(GENERATION_OPTIONS) | _PASS_THROUGH
    #: How many texts one request for vectors may hold.
    texts_at_once: ClassVar[int] = 2048

    def __init__(
        self,
        id: str | None = None,
        *,
        api: Literal["chat", "responses"] = "chat",
        embedding_model: str | None = None,
        **settings: Any,
    ) -> None:
        if api not in ("chat", "responses"):
            raise ConfigurationError(
                f'api must be "chat" or "responses", not {api!r:.40}', provider=id or self.provider
            )
        self._api = api
        self._embedding_model = embedding_model
        super().__init__(id, **settings)

    def _make_wire(self) -> Wire:
        return ResponsesWire(self.id) if self._api == "responses" else ChatWire()

    async def aembed(
        self,
        texts: Sequence[str],
        *,
        model: str | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109  # the contract's word; it becomes the call's deadline
    ) -> NDArray[np.float32]:
        """One row a text, in order, from the server's embeddings endpoint."""
        asked, chosen = check_texts(texts, self.id, empty=False), model or self._embedding_model
        deadline, rows = time.monotonic() + timeout, list[Any]()
        for start in range(0, len(asked), self.texts_at_once):
            rows += await self._vectors(asked[start : start + self.texts_at_once], chosen, deadline)
        return vector_rows(rows, len(asked), self.id, chosen)

    async def _vectors(self, texts: list[str], model: str | None, deadline: float) -> Sequence[Any]:
        """What the server sends for each text. A provider with another endpoint overrides this."""
        if model is None and self._key.required:
            raise ConfigurationError("no embedding model is set; set embedding_model", provider=self.id)
        payload: dict[str, Any] = {"input": texts, "encoding_format": "float"}
        if model is not None:
            payload["model"] = model
        document = await self._post_document("embeddings", payload, model, deadline)
        try:
            return [row["embedding"] for row in sorted(document["data"], key=lambda row: int(row["index"]))]
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedResponseError(
                "the embeddings have not the documented shape; check base_url", provider=self.id, model=model
            ) from error

    def embed(self, texts: Sequence[str], *, model: str | None = None, timeout: float = 60.0) -> NDArray[np.float32]:
        """``aembed`` for callers that are not asynchronous."""
        return self._loop_thread.run(self.aembed(texts, model=model, timeout=timeout))


class OpenAIBackend(OpenAICompatibleBackend):
    """OpenAI's API, or any compatible server by ``base_url``."""

    # OpenAI's reasoning models refuse the old name of max_tokens, other servers do not know the new one.

    type = "openai"
    provider = "openai"
    base_url = "https://api.openai.com/v1"
    api_key_env: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    base_url_env: ClassVar[tuple[str, ...]] = ("OPENAI_BASE_URL",)
    key_hint = "OPENAI_API_KEY"

    def __init__(self, id: str | None = None, **settings: Any) -> None:
        super().__init__(id, **settings)
        if self._client.host == "api.openai.com":
            self.known_options = self.known_options - _NOT_AT_OPENAI
            for name in _NOT_AT_OPENAI & self.options.keys():
                raise ConfigurationError(
                    f'option "{name}" does not exist at {self._client.host}; remove it or set base_url',
                    provider=self.id,
                )

    def _default_model(self) -> str | None:
        # One that takes sampling options, which the reasoning models refuse. Another server has models of its
        # own; many serve one only and need no name.
        return "gpt-4.1-mini" if self._client.host == "api.openai.com" else None

    def _make_wire(self) -> Wire:
        host = self._client.host
        if self._api == "chat" and (host == "api.openai.com" or host.endswith(".openai.azure.com")):
            return ChatWire(max_tokens_name="max_completion_tokens")
        return super()._make_wire()
