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
import contextlib
import dataclasses
import importlib.util
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from backends.base import AsyncBackend
from backends.exceptions import (
    AuthenticationError,
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
    redact,
)
from backends.http_errors import ErrorBody, error_from_answer
from backends.llm_router.providers._program_call import find_program, program_environment
from backends.llm_router.providers._program_files import Trace, empty_directory, private_directory
from backends.llm_router.providers._program_options import (
    COMMON_OPTIONS,
    Check,
    boolean,
    check_program_options,
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
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.providers.copilot_cli import prompt_too_long
from backends.llm_router.settings import read
from backends.options import SAMPLING_OPTIONS
from backends.process import end_marked, marked
from backends.types import Completion, Health, Prompt, Request, StreamItem, Usage

__all__ = ["SPEC", "CopilotSdkBackend"]

T = TypeVar("T")

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
#: Variables of the program -> fields of the SDK's provider, for a model of one's own.
_OWN_MODEL = {
    "COPILOT_PROVIDER_BASE_URL": "base_url",
    "COPILOT_PROVIDER_TYPE": "type",
    "COPILOT_PROVIDER_API_KEY": "api_key",
    "COPILOT_PROVIDER_BEARER_TOKEN": "bearer_token",
    "COPILOT_PROVIDER_WIRE_API": "wire_api",
}
_SECRETS = ("COPILOT_", "GH_TOKEN", "GITHUB_TOKEN")


@dataclasses.dataclass(slots=True)
class _Turn:
    """One prompt on its way: what the session says arrives in ``events``."""

    answer: Answer = dataclasses.field(default_factory=Answer)
    events: asyncio.Queue[Any] = dataclasses.field(default_factory=asyncio.Queue)
    workspace: str | None = None


class CopilotSdkBackend(AsyncBackend):
    type = "copilot_sdk"
    default_timeout = 300.0
    known_options = frozenset({*SAMPLING_OPTIONS, "timeout", "model", *_OPTIONS})

    def __init__(self, id: str | None = None, *, env: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(id, **options)
        self._env: Mapping[str, str] = os.environ if env is None else env
        try:
            self.options = check_program_options(self.options, _OPTIONS, self.id)
        except InvalidRequestError as error:
            raise ConfigurationError(error.message, provider=self.id) from error

    # -- the call -----------------------------------------------------------------------------

    async def _acomplete(self, request: Request) -> Completion:
        async with contextlib.aclosing(self._answer(request, streaming=False)) as items:
            async for item in items:
                if isinstance(item, Completion):
                    return item
        raise MalformedResponseError("the session ended without an answer", provider=self.id)

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        async with contextlib.aclosing(self._answer(request, streaming=True)) as items:
            async for item in items:
                yield item

    async def _answer(self, request: Request, *, streaming: bool) -> AsyncGenerator[StreamItem, None]:
        if not request.text.strip():
            raise InvalidRequestError("the prompt is empty", provider=self.id)
        Trace.of(request.options).prepare()
        started, outcome, turn = time.monotonic(), "Cancelled", _Turn()
        said = ""
        try:
            with private_directory() as private:
                async with self._session(request, private, turn, streaming) as session:
                    turn.answer.session_id = session.session_id
                    turn.workspace = None if session.workspace_path is None else str(session.workspace_path)
                    await self._in_time(request, session.send(request.text))
                    async for piece in self._pieces(request, turn):
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

    async def _pieces(self, request: Request, turn: _Turn) -> AsyncIterator[str]:
        answer, ours = turn.answer, False
        while not (answer.complete or answer.error):
            event = await self._in_time(request, turn.events.get(), answer)
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

    # -- the program and its session ----------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _session(self, request: Request, private: Path, turn: _Turn, streaming: bool) -> AsyncIterator[Any]:
        mark, environment = marked(self._environment(request, private))
        client = None
        try:
            client = await self._started(request, private, environment)
            yield await self._in_time(request, self._opened(client, request, turn, streaming))
        except TimeoutError as error:
            raise BackendTimeoutError("the session gave no answer before the deadline", provider=self.id) from error
        except (BackendError, GeneratorExit):
            raise
        except Exception as error:  # the SDK's errors are plain ones: Exception, RuntimeError, JsonRpcError
            message = redact(str(error), _token(request.options))[:300]
            raise ProviderUnavailableError(f"the Copilot SDK failed: {message}", provider=self.id) from error
        finally:
            # First the program, then the client: alone, it waits seconds for the program to go.
            await asyncio.to_thread(end_marked, mark)
            if client is not None:
                with contextlib.suppress(Exception):  # it may say that its program is gone, in its plain errors
                    await client.force_stop()

    async def _started(self, request: Request, private: Path, environment: Mapping[str, str]) -> Any:
        tries = 2 if request.options.get("copilot_sdk_auto_restart", True) else 1
        while True:
            client = self._client(request, private, environment)
            try:
                await self._in_time(request, client.start())
            except (OSError, RuntimeError):
                await client.force_stop()
                tries -= 1
                if not tries:
                    raise
            else:
                return client

    def _client(self, request: Request, private: Path, environment: Mapping[str, str]) -> Any:
        copilot = _sdk(self.id)
        options = request.options
        url = options.get("copilot_sdk_cli_url")
        if url is not None:
            return copilot.CopilotClient(connection=copilot.RuntimeConnection.for_uri(url))
        if not options.get("copilot_sdk_auto_start", True):
            raise ConfigurationError("copilot_sdk_auto_start is false: set copilot_sdk_cli_url", provider=self.id)
        path = self._program(options)
        if options.get("copilot_sdk_use_stdio", "copilot_sdk_port" not in options):
            connection = copilot.RuntimeConnection.for_stdio(path=path)
        else:
            connection = copilot.RuntimeConnection.for_tcp(path=path, port=options.get("copilot_sdk_port", 0))
        return copilot.CopilotClient(
            connection=connection,
            working_directory=self._directory(options, private),
            log_level=options.get("copilot_sdk_log_level", "error"),
            env=dict(environment),
            github_token=_token(options),
            base_directory=options.get("copilot_config_dir"),
            use_logged_in_user=options.get("copilot_sdk_use_logged_in_user"),
        )

    async def _opened(self, client: Any, request: Request, turn: _Turn, streaming: bool) -> Any:
        options = request.options
        settings: dict[str, Any] = {
            # An empty list means all tools; the name of no tool means none.
            "available_tools": ["none"],
            "skip_custom_instructions": True,
            "enable_session_telemetry": False,
            "streaming": streaming or options.get("copilot_sdk_streaming", False),
            "on_event": turn.events.put_nowait,
            "model": options.get("model"),
            "provider": self._own_model(options),
            "infinite_sessions": options.get("copilot_sdk_infinite_sessions"),
        }
        settings = {key: value for key, value in settings.items() if value is not None}
        resumed = options.get("resume_session_id")
        if resumed is None and options.get("continue_session"):
            resumed = await client.get_last_session_id()
            if resumed is None:
                raise InvalidRequestError("there is no session to continue", provider=self.id)
        if resumed is not None:
            return await client.resume_session(resumed, **settings)
        return await client.create_session(session_id=options.get("copilot_sdk_session_id"), **settings)

    def _own_model(self, options: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if "copilot_sdk_provider" in options:
            return dict(options["copilot_sdk_provider"])
        if not self._env.get("COPILOT_PROVIDER_BASE_URL"):
            return None
        return {field: self._env[variable] for variable, field in _OWN_MODEL.items() if self._env.get(variable)}

    def _program(self, options: Mapping[str, Any]) -> str:
        wanted = options.get("copilot_sdk_cli_path") or self._env.get("COPILOT_CLI_PATH") or "copilot"
        return find_program(wanted, self._env, "GitHub Copilot", self.id, "copilot_sdk_cli_path")

    def _directory(self, options: Mapping[str, Any], private: Path) -> str:
        configured = options.get("copilot_sdk_cwd") or options.get("working_directory")
        if configured is not None and not os.path.isdir(configured):
            raise ConfigurationError(f"copilot_sdk_cwd {configured} is not a folder", provider=self.id)
        return str(configured or empty_directory(self.type, private))

    def _environment(self, request: Request, private: Path) -> dict[str, str]:
        variables = request.options.get("program_env", {})
        chosen = {key: value.get_secret_value() for key, value in variables.items()}
        own = {"NO_COLOR": "1", "TMPDIR": str(private), "COPILOT_AUTO_UPDATE": "false", "COPILOT_ALLOW_ALL": ""}
        if "model" in request.options:
            own["COPILOT_MODEL"] = request.options["model"]  # with a model of one's own it does not start without
        return {**program_environment(self._env, _SECRETS), **own, **chosen}

    # -- failures, time, traces ---------------------------------------------------------------

    async def _in_time(self, request: Request, work: Awaitable[T], answer: Answer | None = None) -> T:
        try:
            return await asyncio.wait_for(work, request.remaining)
        except TimeoutError as error:
            said = f": {answer.complaint}" if answer is not None and answer.complaint else ""
            raise BackendTimeoutError(
                f"the session gave no answer before the deadline{said}", provider=self.id
            ) from error

    def _reported(self, data: Any) -> BackendError:
        if too_long := prompt_too_long(data.message, self.id):
            return too_long
        if data.status_code is None:
            if data.error_type in ("authentication", "authorization"):
                return AuthenticationError(f"{data.message}; log in with `copilot login`", provider=self.id)
            kind = {"quota": 429, "rate_limit": 429}.get(data.error_type, 500)
            return self._status_error(kind, data)
        return self._status_error(data.status_code, data)

    def _status_error(self, status: int, data: Any) -> BackendError:
        codes = frozenset(str(code).lower() for code in (data.error_code, data.provider_error_type) if code)
        body = ErrorBody(message=data.message, codes=codes)
        return error_from_answer(
            status, {}, body, provider=self.id, model=None, key_names="the login of GitHub Copilot"
        )

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
            return Availability(True, self._program(self.options))
        except BackendError as error:
            return Availability(False, error.message)

    def health(self) -> Health:
        state = self.availability()
        return Health(ok=state.ok, detail=state.reason, provider=self.id, model=self.options.get("model"))

    def _request(self, prompt: Prompt, options: Mapping[str, Any]) -> Request:
        request = super()._request(prompt, options)
        checked = check_program_options(request.options, _OPTIONS, self.id)
        if "copilot_sdk_cli_url" in checked and "copilot_sdk_cli_path" in checked:
            raise InvalidRequestError("set copilot_sdk_cli_url or copilot_sdk_cli_path, not both", provider=self.id)
        return dataclasses.replace(request, options=checked)


def _token(options: Mapping[str, Any]) -> str | None:
    token = options.get("copilot_sdk_github_token")
    return None if token is None else str(token.get_secret_value())


def _sdk(owner: str) -> Any:
    try:
        import copilot
    except ImportError as error:
        raise ConfigurationError(
            "the package github-copilot-sdk is not installed; pip install -e '.[copilot]'",
            provider=owner,
        ) from error
    return copilot


def _create(context: ProviderContext) -> CopilotSdkBackend:
    settings = {"model": context.model or read(context.env, "COPILOT_SDK_MODEL"), **context.settings}
    return CopilotSdkBackend(env=context.env, loop_thread=context.loop_thread, **settings)


def _available(context: ProviderContext) -> Availability:
    settings = {key: value for key, value in context.settings.items() if key in _SETTINGS}
    with CopilotSdkBackend(env=context.env, **settings) as made:
        return made.availability()


SPEC = ProviderSpec(
    name="copilot_sdk",
    kind="sdk",
    summary="GitHub Copilot by its Python SDK",
    create=_create,
    available=_available,
    aliases=("copilotsdk",),
    needs=(
        "the package github-copilot-sdk (extra: copilot)",
        "the program copilot, or copilot_sdk_cli_url",
    ),
    settings=_SETTINGS,
)
