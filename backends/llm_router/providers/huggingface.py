"""Hugging Face's hosted inference, through its OpenAI-compatible router. Local models are ``local_hf``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from backends.exceptions import InvalidRequestError, MalformedResponseError
from backends.http import MAX_BODY_BYTES, HttpClient
from backends.llm_router.providers.hosted import hosted_spec
from backends.llm_router.settings import names_of
from backends.openai import OPENAI_SETTINGS, OpenAICompatibleBackend

__all__ = ["SPEC", "HostedHuggingFaceBackend"]

# The same model as the one for vectors on this machine.
_EMBEDDING_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


class HostedHuggingFaceBackend(OpenAICompatibleBackend):
    """``model`` may name the inference provider too: ``org/model:provider``."""

    type = "huggingface"
    provider = "huggingface"
    base_url = "https://router.huggingface.co/v1"
    api_key_env = names_of("HUGGINGFACE_API_KEY")
    base_url_env = names_of("HUGGINGFACE_BASE_URL")
    key_hint = "HUGGINGFACE_API_KEY or HF_TOKEN"
    default_model = "meta-llama/Llama-3.1-8B-Instruct"
    # What text-embeddings-inference, which serves vectors there, takes when nobody tells it otherwise.
    texts_at_once = 32

    def __init__(self, id: str | None = None, **settings: Any) -> None:
        super().__init__(id, **settings)
        self._tasks: HttpClient | None = None
        if self._key.required:
            # The router's /v1 completes chats only; vectors come from the inference API beside it.
            self._tasks = HttpClient(
                f"{self.base_url.removesuffix('/v1')}/hf-inference",
                provider=self.id,
                max_body_bytes=settings.get("max_body_bytes", MAX_BODY_BYTES),
                env=settings.get("env"),
            )

    async def _vectors(self, texts: list[str], model: str | None, deadline: float) -> Sequence[Any]:
        if self._tasks is None:
            return await super()._vectors(texts, model, deadline)
        chosen = model or _EMBEDDING_MODEL
        if ".." in chosen or not chosen.isprintable():
            raise InvalidRequestError(f"{chosen!r:.60} is no name of a model (org/name)", provider=self.id)
        path = f"models/{quote(chosen)}/pipeline/feature-extraction"
        payload = {"inputs": texts, "normalize": True, "truncate": True}
        rows = await self._post(self._tasks, path, payload, chosen, deadline, self._answers.value)
        if not isinstance(rows, list):
            raise MalformedResponseError("the answer is not a list of vectors", provider=self.id, model=chosen)
        return rows

    async def aclose(self) -> None:
        await super().aclose()
        if self._tasks is not None:
            await self._tasks.aclose()

    def close(self) -> None:
        super().close()
        if self._tasks is not None:
            self._tasks.close()


SPEC = hosted_spec(
    HostedHuggingFaceBackend,
    summary="Hugging Face's hosted inference",
    key="HUGGINGFACE_API_KEY",
    model="HUGGINGFACE_MODEL",
    base_url="HUGGINGFACE_BASE_URL",
    settings=OPENAI_SETTINGS,
)
