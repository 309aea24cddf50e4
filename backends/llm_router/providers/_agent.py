"""What providers by an agent's program share, whether it is started for each call or spoken to by its SDK."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, ClassVar, Literal

from backends.base import AsyncBackend
from backends.exceptions import BackendError, ConfigurationError, InvalidRequestError, MalformedResponseError
from backends.http_errors import ErrorBody, error_from_answer
from backends.llm_router.providers._program_options import Check, check_program_options
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.settings import read
from backends.types import Completion, Health, Prompt, Request, StreamItem

__all__ = ["AgentBackend", "agent_spec"]


class AgentBackend(AsyncBackend):
    """An agent: its options are checked, its answer is one stream of pieces with the completion at the end."""

    #: What people call it.
    title: ClassVar[str]
    #: Every option beside those of all models, with its check.
    checks: ClassVar[Mapping[str, Check]]
    default_timeout = 300.0

    def __init__(self, id: str | None = None, *, env: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(id, **options)
        self._env: Mapping[str, str] = os.environ if env is None else env
        try:
            self.options = check_program_options(self.options, self.checks, self.id)
        except InvalidRequestError as error:
            raise ConfigurationError(error.message, provider=self.id) from error

    @abstractmethod
    def _answer(self, request: Request, *, streaming: bool) -> AsyncGenerator[StreamItem, None]:
        """Yield the pieces of the answer when ``streaming``, then the Completion."""

    @abstractmethod
    def availability(self) -> Availability:
        """Whether all that it needs is there. Nothing is started."""

    async def _acomplete(self, request: Request) -> Completion:
        async with contextlib.aclosing(self._answer(request, streaming=False)) as items:
            async for item in items:
                if isinstance(item, Completion):
                    return item
        raise MalformedResponseError(f"{self.title} ended without an answer", provider=self.id)

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        async with contextlib.aclosing(self._answer(request, streaming=True)) as items:
            async for item in items:
                yield item

    def status_error(self, status: int, message: str, *codes: str) -> BackendError:
        """The error of an HTTP status or an error code that the agent reports of its service."""
        body = ErrorBody(message=message, codes=frozenset(code.lower() for code in codes if code))
        return error_from_answer(status, {}, body, provider=self.id, model=None, key_names=f"the login of {self.title}")

    def _request(self, prompt: Prompt, options: Mapping[str, Any]) -> Request:
        request = super()._request(prompt, options)
        if not request.text.strip():
            raise InvalidRequestError("the prompt is empty", provider=self.id)
        return dataclasses.replace(request, options=check_program_options(request.options, self.checks, self.id))

    def health(self) -> Health:
        state = self.availability()
        return Health(ok=state.ok, detail=state.reason, provider=self.id, model=self.options.get("model"))


def agent_spec(
    backend: type[AgentBackend],
    *,
    kind: Literal["program", "sdk"],
    summary: str,
    aliases: tuple[str, ...],
    needs: tuple[str, ...],
    settings: frozenset[str],
    model_setting: str,
) -> ProviderSpec:
    """The declaration of an agent's provider. ``settings`` make another backend; all else is an option of a call."""

    def create(context: ProviderContext) -> AgentBackend:
        given = {"model": context.model or read(context.env, model_setting), **context.settings}
        return backend(env=context.env, loop_thread=context.loop_thread, **given)

    def available(context: ProviderContext) -> Availability:
        given = {name: value for name, value in context.settings.items() if name in settings}
        with backend(env=context.env, **given) as made:
            return made.availability()

    return ProviderSpec(
        name=backend.type,
        kind=kind,
        summary=summary,
        create=create,
        available=available,
        aliases=aliases,
        needs=needs,
        settings=settings,
    )
