"""``copilot_sdk``: GitHub's Copilot by its Python SDK (``pip install -e .[copilot]``), tools off.

Written against github-copilot-sdk 1.0.27 with the program 1.0.102. Facts, each held by a test with both:
- The SDK starts the program ``copilot`` and speaks JSON-RPC with it; it is imported at the first call.
- It would download a program of its own; we always name one, so that nothing is downloaded.
- A model of one's own (COPILOT_PROVIDER_BASE_URL) must be given to the session; the program ignores the
  environment in this mode.
- Its errors are plain exceptions; those of the model are the event ``session.error`` with ``status_code``.
- Version 1 has no ``auto_start`` and no ``auto_restart``: both are kept here.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from backends.exceptions import AuthenticationError, BackendError, InvalidRequestError
from backends.llm_router.providers._agent import AgentBackend, agent_spec
from backends.llm_router.providers._copilot_session import CopilotSession, copilot_program
from backends.llm_router.providers._program_files import Trace, private_directory
from backends.llm_router.providers._program_options import (
    COMMON_OPTIONS,
    Check,
    boolean,
    folder,
    identifier,
    mapping,
    name,
    number,
    one_of,
    secret,
)
from backends.llm_router.providers._program_output import Answer
from backends.llm_router.providers._program_record import write_record
from backends.llm_router.providers.base import Availability
from backends.llm_router.providers.copilot_cli import prompt_too_long
from backends.options import SAMPLING_OPTIONS
from backends.types import Completion, Prompt, Request, StreamItem, Usage

__all__ = ["SPEC", "CopilotSdkBackend"]

_OPTIONS: Mapping[str, Check] = {
    **COMMON_OPTIONS,
    "copilot_sdk_cli_path": folder,
    "copilot_sdk_cli_url": name,
    "copilot_sdk_log_level": one_of("none", "error", "warning", "info", "debug", "all"),
    "copilot_sdk_use_stdio": boolean,
    "copilot_sdk_port": number(0, 65535),
    "copilot_sdk_auto_start": boolean,
    "copilot_sdk_auto_restart": boolean,
    "copilot_sdk_cwd": folder,
    "copilot_sdk_github_token": secret,
    "copilot_sdk_use_logged_in_user": boolean,
    "copilot_sdk_session_id": identifier,
    "copilot_sdk_streaming": boolean,
    "copilot_sdk_infinite_sessions": mapping,
    "copilot_sdk_provider": mapping,
    "copilot_config_dir": folder,
    "resume_session_id": identifier,
    "continue_session": boolean,
}
#: What makes another backend; everything else is an option of a call, in which sessions change.
_SETTINGS = frozenset({"copilot_sdk_cli_path", "copilot_sdk_cli_url", "copilot_sdk_github_token", "program_env"})


@dataclasses.dataclass(slots=True)
class _Turn:
    """One prompt on its way: what the session says arrives in ``events``."""

    answer: Answer = dataclasses.field(default_factory=Answer)
    events: asyncio.Queue[Any] = dataclasses.field(default_factory=asyncio.Queue)
    workspace: str | None = None


class CopilotSdkBackend(AgentBackend):
    type = "copilot_sdk"
    title = "GitHub Copilot"
    checks = _OPTIONS
    known_options = frozenset({*SAMPLING_OPTIONS, "timeout", "model", *_OPTIONS})

    async def _answer(self, request: Request, *, streaming: bool) -> AsyncGenerator[StreamItem, None]:
        Trace.of(request.options).prepare()
        started, outcome, turn = time.monotonic(), "Cancelled", _Turn()
        said = ""
        try:
            with private_directory() as private:
                opening = CopilotSession(
                    self.id, self._env, request, private, streaming=streaming, on_event=turn.events.put_nowait
                )
                async with opening.opened() as session:
                    turn.answer.session_id = session.session_id
                    turn.workspace = None if session.workspace_path is None else str(session.workspace_path)
                    await opening.in_time(session.send(request.text))
                    async for piece in self._pieces(opening, turn):
                        said += piece
                        if streaming:
                            yield piece
            completion = self._completion(request, turn.answer, said if streaming else "", started)
            outcome = "ok"
            if len(completion.text) > len(said) and streaming:
                yield completion.text[len(said) :]
        except BackendError as error:
            outcome = type(error).__name__
            error.model = error.model or request.options.get("model")
            error.request_id = error.request_id or turn.answer.session_id
            error.partial = error.partial or said
            raise
        finally:
            self._leave_trace(request, turn, outcome, time.monotonic() - started)
        yield completion

    async def _pieces(self, opening: CopilotSession, turn: _Turn) -> AsyncIterator[str]:
        answer, ours = turn.answer, False
        while not (answer.complete or answer.error):
            event = await opening.in_time(turn.events.get(), lambda: answer.complaint)
            if event.agent_id:
                continue  # what a helper of the agent says is not the answer
            data = event.data
            match event.type.value:
                case "user.message":
                    ours = True
                case "assistant.message_delta" if data.delta_content:
                    yield data.delta_content
                case "assistant.message":
                    answer.text += data.content
                    answer.model = data.model or answer.model
                case "assistant.usage":
                    used = answer.usage or Usage()
                    answer.usage = Usage(
                        used.prompt_tokens + (data.input_tokens or 0),
                        used.completion_tokens + (data.output_tokens or 0),
                    )
                    answer.finish_reason = data.finish_reason
                case "model.call_failure":
                    answer.complaint = f"HTTP {data.status_code}: {data.error_message or ''}"
                case "session.error":
                    answer.error = self._reported(data)
                case "session.idle":
                    answer.complete = ours

    def _completion(self, request: Request, answer: Answer, said: str, started: float) -> Completion:
        if answer.error is not None:
            raise answer.error
        return Completion(
            text=answer.text if answer.text.startswith(said) else said,
            provider=self.id,
            model=answer.model or request.options.get("model"),
            usage=answer.usage or Usage(),
            finish_reason=answer.finish_reason,
            latency=time.monotonic() - started,
            request_id=answer.session_id,
        )

    # -- failures, traces ---------------------------------------------------------------

    def _reported(self, data: Any) -> BackendError:
        if too_long := prompt_too_long(data.message, self.id):
            return too_long
        if data.status_code is None:
            if data.error_type in ("authentication", "authorization"):
                return AuthenticationError(f"{data.message}; log in with `copilot login`", provider=self.id)
            kind = {"quota": 429, "rate_limit": 429}.get(data.error_type, 500)
        else:
            kind = data.status_code
        codes = (str(code) for code in (data.error_code, data.provider_error_type) if code)
        return self.status_error(kind, data.message, *codes)

    def _leave_trace(self, request: Request, turn: _Turn, outcome: str, seconds: float) -> None:
        trace = Trace.of(request.options)
        path = trace.jsonl or (trace.directory / "copilot_sdk.jsonl" if trace.directory is not None else None)
        if path is None:
            return
        write_record(
            trace,
            path,
            turn.answer,
            provider=self.id,
            prompt=request.text,
            outcome=outcome,
            seconds=seconds,
            model=turn.answer.model or request.options.get("model"),
            workspace_path=turn.workspace,
        )

    # -- the contract -------------------------------------------------------------------------

    def availability(self) -> Availability:
        """Whether the SDK is installed, and its program is there or a server is named."""
        if importlib.util.find_spec("copilot") is None:
            return Availability(False, "the package github-copilot-sdk is not installed (extra: copilot)")
        if "copilot_sdk_cli_url" in self.options:
            return Availability(True, f"server {self.options['copilot_sdk_cli_url']}")
        try:
            return Availability(True, copilot_program(self.options, self._env, self.id))
        except BackendError as error:
            return Availability(False, error.message)

    def _request(self, prompt: Prompt, options: Mapping[str, Any]) -> Request:
        request = super()._request(prompt, options)
        if {"copilot_sdk_cli_url", "copilot_sdk_cli_path"} <= request.options.keys():
            raise InvalidRequestError("set copilot_sdk_cli_url or copilot_sdk_cli_path, not both", provider=self.id)
        return request


SPEC = agent_spec(
    CopilotSdkBackend,
    kind="sdk",
    summary="GitHub Copilot by its Python SDK",
    aliases=("copilotsdk",),
    needs=(
        "the package github-copilot-sdk (extra: copilot)",
        "the program copilot, or copilot_sdk_cli_url",
    ),
    settings=_SETTINGS,
    model_setting="COPILOT_SDK_MODEL",
)
