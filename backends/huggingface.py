"""Hugging Face: hosted inference with a key, transformers on this machine without one or with ``local``.

One class, two engines behind it, the same promises. ``local`` says where text goes: hosted calls go to the
OpenAI-compatible router of Hugging Face, or to ``base_url``. torch and transformers are imported at the first local
call.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import BaseModel, SecretStr

from backends.base import AsyncBackend, Backend
from backends.exceptions import BackendError, ConfigurationError, InvalidRequestError
from backends.huggingface_choice import is_local, refuse, wanted_model, why_not_fetched
from backends.types import Completion, Health, Prompt, StreamItem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backends._loop import LoopThread
    from backends.local.shared import SharedModels
    from backends.local.transformers_engine import TransformersBackend
    from backends.local.transformers_find import Wanted
    from backends.openai import OpenAICompatibleBackend

__all__ = ["HuggingFaceBackend"]

M = TypeVar("M", bound=BaseModel)
# Inside the class, ``type`` is the configuration's word.
_ModelClass: TypeAlias = type[M]

# What has nothing to do on this machine: no request is repeated, nothing is logged by the request.
_NOTHING_TO_DO_LOCALLY = frozenset({"max_retries", "retry_base_delay", "retry_max_delay", "verbose"})


class HuggingFaceBackend(Backend):
    """See the module.

    ``local=None`` decides by what is there, first match first: a ``base_url`` means hosted; a ``gguf_file``, or a
    ``model`` that is a folder or a GGUF file, local; an ``api_key`` hosted; ``privacy="local_only"`` local; a key or
    base URL of the environment hosted; nothing of all this local. Without a ``model``, local means the embedded one.
    """

    type = "huggingface"

    def __init__(
        self,
        id: str | None = None,
        *,
        api_key: str | SecretStr | None = None,
        model: str | None = None,
        local: bool | None = None,
        base_url: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
        gguf_file: str | None = None,
        embedding_model: str | None = None,
        offline: bool | None = None,
        revision: str | None = None,
        type: str | None = None,
        privacy: str | None = None,
        env: Mapping[str, str] | None = None,
        loop_thread: LoopThread | None = None,
        models: SharedModels | None = None,
        **options: Any,
    ) -> None:
        """``env`` stands in for the environment, ``models`` for the process's registry of loaded models."""
        if type is not None and type != self.type:
            raise ConfigurationError(f'HuggingFaceBackend is of type "{self.type}", not "{type}"')
        name = id or self.type
        key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
        here = os.environ if env is None else env
        if local is None:
            local = is_local(model, gguf_file, base_url, key, privacy, here)
        locals_only = {"device": device, "dtype": dtype, "gguf_file": gguf_file, "revision": revision}
        self._engine: Backend
        if local:
            refuse({"base_url": base_url, "headers": options.pop("headers", None)}, "local", name)
            why_not = why_not_fetched(privacy, offline, here)
            self._engine = _local_engine(
                name,
                wanted_model(model, gguf_file, revision, why_not, key, here, name),
                embedder=None
                if embedding_model is None
                else wanted_model(embedding_model, None, None, why_not, key, here, name),
                device=device,
                dtype=dtype,
                privacy=privacy,
                models=models,
                **{name: value for name, value in options.items() if name not in _NOTHING_TO_DO_LOCALLY},
            )
        else:
            refuse(locals_only, "hosted", name)
            self._engine = _hosted_engine(
                name,
                model=model,
                api_key=key,
                base_url=base_url,
                embedding_model=embedding_model,
                privacy=privacy,
                env=env,
                loop_thread=loop_thread,
                **options,
            )
            if privacy == "local_only" and not self._engine.local:
                raise ConfigurationError(
                    "hosted inference sends text off the machine and privacy is local_only; set local to true",
                    provider=name,
                )
        self.id = name
        self.privacy = privacy
        self.options = self._engine.options
        self.local = self._engine.local
        self.constrains_json = self._engine.constrains_json
        self.known_options = self._engine.known_options
        self.model: str | None = self._engine.model  # type: ignore[attr-defined]  # both engines have it

    def complete(self, prompt: Prompt, **options: Any) -> Completion:
        return self._engine.complete(prompt, **options)

    async def acomplete(self, prompt: Prompt, **options: Any) -> Completion:
        return await self._engine.acomplete(prompt, **options)

    def stream_items(self, prompt: Prompt, **options: Any) -> Iterator[StreamItem]:
        return self._engine.stream_items(prompt, **options)

    def astream_items(self, prompt: Prompt, **options: Any) -> AsyncIterator[StreamItem]:
        return self._engine.astream_items(prompt, **options)

    def generate_json(self, prompt: Prompt, schema: _ModelClass[M], **options: Any) -> M:
        return self._engine.generate_json(prompt, schema, **options)

    async def agenerate_json(self, prompt: Prompt, schema: _ModelClass[M], **options: Any) -> M:
        return await self._engine.agenerate_json(prompt, schema, **options)

    def batch_generate(
        self,
        prompts: Sequence[Prompt],
        max_workers: int = 4,
        timeout: float | None = 30,
        return_exceptions: bool = False,
        **options: Any,
    ) -> list[str | BackendError]:
        return self._engine.batch_generate(prompts, max_workers, timeout, return_exceptions, **options)

    def embed(
        self, texts: Sequence[str], *, model: str | None = None, timeout: float | None = None
    ) -> NDArray[np.float32]:
        """One row a text. Hosted: by the server's embedding model, or ``model``.

        Local: by ``embedding_model``, or without one by the packaged sentence model, which needs no torch.
        """
        if isinstance(self._engine, AsyncBackend):
            return self._hosted().embed(texts, model=model, timeout=60.0 if timeout is None else timeout)
        if model is not None:
            raise InvalidRequestError(
                "here a call cannot choose the embedding model; set embedding_model", provider=self.id
            )
        return self._here().embed(texts, timeout)

    async def aembed(
        self,
        texts: Sequence[str],
        *,
        model: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # the contract's word; it becomes the call's deadline
    ) -> NDArray[np.float32]:
        """``embed`` for asynchronous callers."""
        if isinstance(self._engine, AsyncBackend):
            return await self._hosted().aembed(texts, model=model, timeout=60.0 if timeout is None else timeout)
        return await asyncio.to_thread(self.embed, texts, model=model, timeout=timeout)

    def score(self, prompt: Prompt, candidates: Sequence[str], timeout: float | None = None) -> list[float]:
        """How likely the local model is to begin its answer with each candidate, as natural logarithms."""
        return self._here().score(prompt, candidates, timeout)

    async def ascore(
        self,
        prompt: Prompt,
        candidates: Sequence[str],
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> list[float]:
        """``score`` for asynchronous callers."""
        return await asyncio.to_thread(self.score, prompt, candidates, timeout)

    def _hosted(self) -> OpenAICompatibleBackend:
        from backends.openai import OpenAICompatibleBackend

        assert isinstance(self._engine, OpenAICompatibleBackend)
        return self._engine

    def _here(self) -> TransformersBackend:
        from backends.local.transformers_engine import TransformersBackend

        if not isinstance(self._engine, TransformersBackend):
            raise ConfigurationError(
                "hosted models give no likelihoods of candidates; set local to true, or use a workstation backend",
                provider=self.id,
            )
        return self._engine

    def health(self) -> Health:
        return self._engine.health()

    def preflight(self) -> Health:
        return self._engine.preflight()

    async def aclose(self) -> None:
        """Give back what belongs to the running event loop."""
        if isinstance(self._engine, AsyncBackend):
            await self._engine.aclose()

    def close(self) -> None:
        self._engine.close()


# Each engine's modules are read only by those who use it.


def _local_engine(id: str, wanted: Wanted, **settings: Any) -> Backend:
    from backends.local.transformers_engine import TransformersBackend

    return TransformersBackend(id, wanted=wanted, **settings)


def _hosted_engine(id: str, **settings: Any) -> Backend:
    from backends.llm_router.providers.huggingface import HostedHuggingFaceBackend

    return HostedHuggingFaceBackend(id, **settings)
