"""One session with GitHub's Copilot by its Python SDK: the program behind it, the client, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from backends.exceptions import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    InvalidRequestError,
    ProviderUnavailableError,
    redact,
)
from backends.llm_router.providers._program_call import find_program, program_environment
from backends.llm_router.providers._program_files import empty_directory
from backends.process import end_marked, marked
from backends.types import Request

__all__ = ["CopilotSession", "copilot_program"]

T = TypeVar("T")

#: Variables of the program -> fields of the SDK's provider, for a model of one's own.
_OWN_MODEL = {
    "COPILOT_PROVIDER_BASE_URL": "base_url",
    "COPILOT_PROVIDER_TYPE": "type",
    "COPILOT_PROVIDER_API_KEY": "api_key",
    "COPILOT_PROVIDER_BEARER_TOKEN": "bearer_token",
    "COPILOT_PROVIDER_WIRE_API": "wire_api",
}
_SECRETS = ("COPILOT_", "GH_TOKEN", "GITHUB_TOKEN")


class CopilotSession:
    """Opens a session for one request. ``on_event`` hears what the session says."""

    def __init__(
        self,
        owner: str,
        env: Mapping[str, str],
        request: Request,
        private: Path,
        *,
        streaming: bool,
        on_event: Callable[[Any], None],
    ) -> None:
        self._owner = owner
        self._env = env
        self._request = request
        self._options = request.options
        self._private = private
        self._streaming = streaming
        self._on_event = on_event

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Any]:
        """The SDK's session. Whatever was started for it ends with the block."""
        mark, environment = marked(self._environment())
        client = None
        try:
            client = await self._started(environment)
            yield await self.in_time(self._session(client))
        except TimeoutError as error:
            raise BackendTimeoutError("the session gave no answer before the deadline", provider=self._owner) from error
        except (BackendError, GeneratorExit):
            raise
        except Exception as error:  # the SDK's errors are plain ones: Exception, RuntimeError, JsonRpcError
            message = redact(str(error), self._token())[:300]
            raise ProviderUnavailableError(f"the Copilot SDK failed: {message}", provider=self._owner) from error
        finally:
            # First the program, then the client: alone, it waits seconds for the program to go.
            await asyncio.to_thread(end_marked, mark)
            if client is not None:
                with contextlib.suppress(Exception):  # it may say that its program is gone, in its plain errors
                    await client.force_stop()

    async def in_time(self, work: Awaitable[T], complaint: Callable[[], str] = lambda: "") -> T:
        """``work`` until the deadline; ``complaint`` is what the model's service said before that."""
        try:
            return await asyncio.wait_for(work, self._request.remaining)
        except TimeoutError as error:
            said = f": {told}" if (told := complaint()) else ""
            raise BackendTimeoutError(
                f"the session gave no answer before the deadline{said}", provider=self._owner
            ) from error

    async def _started(self, environment: Mapping[str, str]) -> Any:
        tries = 2 if self._options.get("copilot_sdk_auto_restart", True) else 1
        while True:
            client = self._client(environment)
            try:
                await self.in_time(client.start())
            except (OSError, RuntimeError):
                await client.force_stop()
                tries -= 1
                if not tries:
                    raise
            else:
                return client

    def _client(self, environment: Mapping[str, str]) -> Any:
        copilot = _sdk(self._owner)
        options = self._options
        url = options.get("copilot_sdk_cli_url")
        if url is not None:
            return copilot.CopilotClient(connection=copilot.RuntimeConnection.for_uri(url))
        if not options.get("copilot_sdk_auto_start", True):
            raise ConfigurationError("copilot_sdk_auto_start is false: set copilot_sdk_cli_url", provider=self._owner)
        path = copilot_program(options, self._env, self._owner)
        if options.get("copilot_sdk_use_stdio", "copilot_sdk_port" not in options):
            connection = copilot.RuntimeConnection.for_stdio(path=path)
        else:
            connection = copilot.RuntimeConnection.for_tcp(path=path, port=options.get("copilot_sdk_port", 0))
        return copilot.CopilotClient(
            connection=connection,
            working_directory=self._directory(),
            log_level=options.get("copilot_sdk_log_level", "error"),
            env=dict(environment),
            github_token=self._token(),
            base_directory=options.get("copilot_config_dir"),
            use_logged_in_user=options.get("copilot_sdk_use_logged_in_user"),
        )

    async def _session(self, client: Any) -> Any:
        options = self._options
        settings: dict[str, Any] = {
            # An empty list means all tools; the name of no tool means none.
            "available_tools": ["none"],
            "skip_custom_instructions": True,
            "enable_session_telemetry": False,
            "streaming": self._streaming or options.get("copilot_sdk_streaming", False),
            "on_event": self._on_event,
            "model": options.get("model"),
            "provider": self._own_model(),
            "infinite_sessions": options.get("copilot_sdk_infinite_sessions"),
        }
        settings = {key: value for key, value in settings.items() if value is not None}
        resumed = options.get("resume_session_id")
        if resumed is None and options.get("continue_session"):
            resumed = await client.get_last_session_id()
            if resumed is None:
                raise InvalidRequestError("there is no session to continue", provider=self._owner)
        if resumed is not None:
            return await client.resume_session(resumed, **settings)
        return await client.create_session(session_id=options.get("copilot_sdk_session_id"), **settings)

    def _own_model(self) -> Mapping[str, Any] | None:
        if "copilot_sdk_provider" in self._options:
            return dict(self._options["copilot_sdk_provider"])
        if not self._env.get("COPILOT_PROVIDER_BASE_URL"):
            return None
        return {field: self._env[variable] for variable, field in _OWN_MODEL.items() if self._env.get(variable)}

    def _directory(self) -> str:
        configured = self._options.get("copilot_sdk_cwd") or self._options.get("working_directory")
        if configured is not None and not os.path.isdir(configured):
            raise ConfigurationError(f"copilot_sdk_cwd {configured} is not a folder", provider=self._owner)
        return str(configured or empty_directory("copilot_sdk", self._private))

    def _environment(self) -> dict[str, str]:
        variables = self._options.get("program_env", {})
        chosen = {key: value.get_secret_value() for key, value in variables.items()}
        own = {"NO_COLOR": "1", "TMPDIR": str(self._private), "COPILOT_AUTO_UPDATE": "false", "COPILOT_ALLOW_ALL": ""}
        if "model" in self._options:
            own["COPILOT_MODEL"] = self._options["model"]  # with a model of one's own it does not start without
        return {**program_environment(self._env, _SECRETS), **own, **chosen}

    def _token(self) -> str | None:
        token = self._options.get("copilot_sdk_github_token")
        return None if token is None else str(token.get_secret_value())


def copilot_program(options: Mapping[str, Any], env: Mapping[str, str], owner: str) -> str:
    """The path of the program; an error that says what to do when there is none."""
    wanted = options.get("copilot_sdk_cli_path") or env.get("COPILOT_CLI_PATH") or "copilot"
    return find_program(wanted, env, "GitHub Copilot", owner, "copilot_sdk_cli_path")


def _sdk(owner: str) -> Any:
    try:
        import copilot
    except ImportError as error:
        raise ConfigurationError(
            "the package github-copilot-sdk is not installed; pip install -e '.[copilot]'",
            provider=owner,
        ) from error
    return copilot
