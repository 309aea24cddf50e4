"""The base of all providers that are programs: how one is found, called, read and traced.

A provider declares its program, its options, its arguments and how to read one line of its output;
everything else is here. Promises: the prompt is stdin, or exactly one argument of a command
template, never an option, a command or a file name of the program; the program runs without tools
unless asked, in an empty folder of its own, with the keys of its own service only; nothing of it is
left behind, whether the call succeeds, fails or is cancelled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import logging
import os
import re
import shlex
import shutil
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from backends.base import AsyncBackend
from backends.exceptions import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
    redact,
)
from backends.http_errors import ErrorBody, error_from_answer
from backends.llm_router.providers._program_files import (
    Trace,
    append_line,
    empty_directory,
    private_directory,
    write_private,
)
from backends.llm_router.providers._program_options import PROGRAM_OPTIONS, Check, check_program_options
from backends.llm_router.providers._program_output import Answer, EventReader, Reader, TextReader
from backends.llm_router.providers.base import Availability, ProviderContext, ProviderSpec
from backends.llm_router.settings import names_of, read
from backends.options import SAMPLING_OPTIONS
from backends.process import RunningProgram, running
from backends.types import Completion, Health, Prompt, Request, StreamItem, Usage

__all__ = ["Call", "ProgramBackend", "program_environment", "program_spec"]

log = logging.getLogger(__name__)

_SECRET_NAME = re.compile(
    r"(?:API_KEY|APIKEY|TOKEN|SECRET|SECRET_KEY|ACCESS_KEY|PASSWORD|PASSPHRASE|CREDENTIALS)$", re.IGNORECASE
)
#: What makes another backend; everything else is an option of a call, in which sessions change.
_SETTINGS = frozenset({"program_path", "program_command", "program_env"})
_SAID = 600  # characters of stderr that an error shows


@dataclasses.dataclass(slots=True)
class Call:
    """One call on its way through a program."""

    prompt: str
    model: str | None
    options: Mapping[str, Any]
    request: Request
    streaming: bool
    #: A folder that only this call knows; gone afterwards.
    private: Path
    #: Where the program works, and whether it is the empty one that we chose.
    directory: Path
    own_directory: bool
    trace: Trace
    #: The trace file that this provider's documents promise.
    artifact: Path | None = None
    executable: str = ""
    #: Whether the command is the user's template.
    template: bool = False
    stdout: bytearray = dataclasses.field(default_factory=bytearray)
    stderr: str = ""
    exit_code: int | None = None
    secrets: tuple[str, ...] = ()

    def set(self, name: str, default: Any = None) -> Any:
        """The option's value, or ``default`` when nobody set it."""
        return self.options.get(name, default)


class ProgramBackend(AsyncBackend):
    """A provider that is a program. See the module's promises."""

    #: The executable's name on PATH, and what people call it.
    program: ClassVar[str]
    title: ClassVar[str]
    #: Rows of the settings table: the command template and the model.
    command_setting: ClassVar[str]
    model_setting: ClassVar[str]
    #: Options of this provider alone.
    own_options: ClassVar[Mapping[str, Check]] = {}
    #: Beginnings of the secret variables that are this program's own; all other secrets are kept from it.
    own_secrets: ClassVar[tuple[str, ...]] = ()
    #: A prompt that begins with one of these would be a command of the program's own.
    command_signs: ClassVar[str] = "/"
    #: What may lie in the program's empty folder.
    own_files: ClassVar[frozenset[str]] = frozenset()
    #: Whether the program takes a JSON Schema.
    takes_schema: ClassVar[bool] = False
    default_timeout = 300.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.known_options = frozenset(
            {*SAMPLING_OPTIONS, "timeout", "model", *PROGRAM_OPTIONS, *cls.own_options}
            | ({"json_schema"} if cls.takes_schema else set())
        )

    def __init__(self, id: str | None = None, *, env: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(id, **options)
        self._env: Mapping[str, str] = os.environ if env is None else env
        self._versions: dict[tuple[str, int], str] = {}
        #: What the program says of itself; known after the first call that is traced.
        self.program_version: str | None = None
        try:
            self.options = check_program_options(self.options, self._checks, self.id)
        except InvalidRequestError as error:
            raise ConfigurationError(error.message, provider=self.id) from error

    # -- what a provider says about its program -----------------------------------------------

    @abstractmethod
    def arguments(self, call: Call) -> list[str]:
        """The arguments after the program's name. The prompt is not among them: it is stdin."""

    @abstractmethod
    def event(self, event: Mapping[str, Any], answer: Answer) -> str | None:
        """Take what a line of JSON says into ``answer``; return the text that it adds."""

    def structured(self, call: Call) -> bool:
        """Whether this call's output is lines of JSON."""
        return True

    def environment(self, call: Call) -> dict[str, str]:
        """Variables for the program, beside those that it inherits."""
        return {}

    def stdin(self, call: Call) -> str:
        """The prompt as the program reads it."""
        return self.as_data(call.prompt)

    def finish(self, call: Call, answer: Answer) -> None:
        """After the output has ended: what is known from elsewhere (a file, stderr)."""

    def artifact_name(self, trace: Trace) -> tuple[str, str] | None:
        """Stem and suffix of the trace file that the documents promise for every call."""
        return None

    def write_artifact(self, call: Call) -> None:
        """Fill ``call.artifact``: with all that the program printed, unless a provider knows better."""
        if call.artifact is not None:
            stderr = f"\n--- stderr ---\n{call.stderr}".encode() if call.stderr else b""
            write_private(call.artifact, bytes(call.stdout) + stderr)

    def writes_records(self) -> bool:
        """Whether ``trace_jsonl_path`` takes our small records (or the program's own lines)."""
        return True

    # -- the call -----------------------------------------------------------------------------

    async def _acomplete(self, request: Request) -> Completion:
        async with contextlib.aclosing(self._answer(request, streaming=False)) as items:
            async for item in items:
                if isinstance(item, Completion):
                    return item
        raise MalformedResponseError("the program ended without an answer", provider=self.id)

    async def _astream(self, request: Request) -> AsyncIterator[StreamItem]:
        async with contextlib.aclosing(self._answer(request, streaming=True)) as items:
            async for item in items:
                yield item

    async def _answer(self, request: Request, *, streaming: bool) -> AsyncGenerator[StreamItem, None]:
        started = time.monotonic()
        if not request.text.strip():
            raise InvalidRequestError("the prompt is empty", provider=self.id)
        with private_directory() as private:
            call = self._call(request, streaming, private)
            arguments, stdin, reader = self._invocation(call)
            outcome, completion = "Cancelled", None
            try:
                said: list[str] = []
                async with running(
                    arguments,
                    stdin=stdin,
                    directory=call.directory,
                    environment=self._environment(call),
                    deadline=request.deadline,
                    owner=self.id,
                ) as program:
                    async for piece in self._pieces(program, call, reader):
                        said.append(piece)
                        if streaming:
                            yield piece
                completion = self._completion(call, reader.answer, said, started)
                outcome = "ok"
                if streaming and len(completion.text) > len("".join(said)):
                    yield completion.text[len("".join(said)) :]
            except BackendError as error:
                outcome = type(error).__name__
                self._explain(error, call, reader.answer)
                raise
            finally:
                await self._leave_trace(call, reader.answer, outcome, time.monotonic() - started)
            yield completion

    def _call(self, request: Request, streaming: bool, private: Path) -> Call:
        options = request.options
        configured = options.get("working_directory")
        if configured is not None and not os.path.isdir(configured):
            raise ConfigurationError(f"working_directory {configured} is not a folder", provider=self.id)
        trace = Trace.of(options)
        call = Call(
            prompt=request.text,
            model=options.get("model"),
            options=options,
            request=request,
            streaming=streaming,
            private=private,
            directory=Path(configured) if configured else empty_directory(self.type, private, self.own_files),
            own_directory=configured is None,
            trace=trace,
        )
        trace.prepare()
        name = self.artifact_name(trace)
        if trace.on and name is not None:
            call.artifact = trace.new_file(*name)
        ignored = sorted(set(options) & set(SAMPLING_OPTIONS) - {"max_tokens"})
        if ignored:
            log.debug("%s has no switch for %s; the model's own defaults hold", self.title, ", ".join(ignored))
        return call

    def _invocation(self, call: Call) -> tuple[list[str], bytes, Reader]:
        template = self._template(call.options)
        if template is None:
            call.executable = self._executable(call.options)
            reader: Reader = EventReader(self.event) if self.structured(call) else TextReader()
            return [call.executable, *self.arguments(call)], self.stdin(call).encode("utf-8", "replace"), reader
        call.template = True
        call.executable = self._found(template[0])
        words = [call.executable, *(self._filled(word, call) for word in template[1:])]
        inside = any("{prompt}" in word for word in template[1:])
        return words, b"" if inside else self.as_data(call.prompt).encode("utf-8", "replace"), TextReader()

    def _filled(self, word: str, call: Call) -> str:
        if "{prompt}" in word and "\0" in call.prompt:
            raise InvalidRequestError(
                "a prompt with a NUL character cannot be an argument; use a command without {prompt}, it reads stdin",
                provider=self.id,
            )
        prompt = call.prompt
        if word.startswith("{prompt}"):
            # At the head of an argument a dash would make it an option, and a slash a command.
            prompt = "\n" + prompt if prompt.startswith("-") else self.as_data(prompt)
        # One pass, so that a prompt that holds "{model}" stays as it is.
        values = {"{prompt}": prompt, "{model}": call.model or ""}
        return re.sub(r"\{prompt\}|\{model\}", lambda found: values[found.group()], word)

    def as_data(self, prompt: str) -> str:
        """The prompt such that the program takes no part of it for a command of its own."""
        return "\n" + prompt if prompt[:1] and prompt[0] in self.command_signs else prompt

    async def _pieces(self, program: RunningProgram, call: Call, reader: Reader) -> AsyncIterator[str]:
        try:
            async for chunk in program.chunks():
                call.stdout += chunk
                for piece in reader.feed(chunk):
                    yield piece
            for piece in reader.close():
                yield piece
            call.exit_code = (await program.end()).exit_code
        finally:
            call.stderr = program.stderr

    def _completion(self, call: Call, answer: Answer, said: Sequence[str], started: float) -> Completion:
        if not call.template:
            self.finish(call, answer)
        if answer.error is not None:
            raise answer.error
        if call.exit_code:
            raise self.failure(call)
        if self.structured(call) and not call.template:
            if not answer.complete:
                raise MalformedResponseError("the program ended without an answer", provider=self.id, model=call.model)
        elif not answer.text:
            raise MalformedResponseError("the program printed no answer", provider=self.id, model=call.model)
        spoken = "".join(said)
        text = answer.text if not call.streaming or answer.text.startswith(spoken) else spoken
        return Completion(
            text=text,
            provider=self.id,
            model=answer.model or call.model,
            usage=answer.usage or Usage(),
            finish_reason=answer.finish_reason,
            latency=time.monotonic() - started,
            request_id=answer.session_id,
        )

    # -- failures -----------------------------------------------------------------------------

    def failure(self, call: Call) -> BackendError:
        """What an exit code other than 0 stands for, when the program's output does not say."""
        assert call.exit_code is not None
        if call.exit_code < 0:
            return ProviderUnavailableError(
                f"{self.title} was ended by signal {-call.exit_code}", **self._details(call)
            )
        return ProviderUnavailableError(
            f"{self.title} failed with exit code {call.exit_code}", retryable=False, **self._details(call)
        )

    def status_error(self, status: int, message: str, *codes: str) -> BackendError:
        """The error of an HTTP status or an error code that the program reports of its service."""
        body = ErrorBody(message=message, codes=frozenset(code.lower() for code in codes if code))
        return error_from_answer(status, {}, body, provider=self.id, model=None, key_names=f"the login of {self.title}")

    def _details(self, call: Call) -> dict[str, Any]:
        return {"provider": self.id, "model": call.model, "exit_code": call.exit_code}

    def _explain(self, error: BackendError, call: Call, answer: Answer) -> None:
        """Fill in what the error knows of the call, and put the program's own words behind its message."""
        error.provider = error.provider or self.id
        error.model = error.model or call.model
        error.exit_code = error.exit_code if error.exit_code is not None else call.exit_code
        error.request_id = error.request_id or answer.session_id
        error.partial = error.partial or answer.text
        said = answer.complaint if isinstance(error, BackendTimeoutError) else ""
        if not said and error is not answer.error:
            said = call.stderr if isinstance(error, BackendTimeoutError) else call.stderr or _tail(call.stdout)
        said = _tail(redact(said, *call.secrets))
        message = redact(error.message, *call.secrets)
        error.message = f"{message}: {said}" if said and said not in message else message
        error.args = (error.message,)

    # -- where the program is, and what it sees -----------------------------------------------

    def _template(self, options: Mapping[str, Any]) -> list[str] | None:
        """The command that the user wrote, split once as a shell would split it; there is no shell."""
        written = options.get("program_command") or read(self._env, self.command_setting)
        if not written:
            return None
        try:
            words = shlex.split(written)
        except ValueError as error:
            raise ConfigurationError(
                f"the command {written!r:.120} cannot be split: {error}", provider=self.id
            ) from error
        if not words or "{prompt}" in words[0]:
            raise ConfigurationError(f"the command {written!r:.120} names no program", provider=self.id)
        return words

    def _executable(self, options: Mapping[str, Any]) -> str:
        return self._found(options.get("program_path") or self.program)

    def _found(self, program: str) -> str:
        path = shutil.which(program, path=self._env.get("PATH", os.defpath))
        if path is None:
            raise ProviderUnavailableError(
                f"{self.title} is not installed: {program} is not on PATH; install it or set program_path",
                provider=self.id,
                retryable=False,
            )
        return os.path.abspath(path)

    def availability(self) -> Availability:
        """Whether the program is there. ``npx`` alone does not count; a command that names it does."""
        try:
            template = self._template(self.options)
            path = self._found(template[0]) if template else self._executable(self.options)
        except BackendError as error:
            return Availability(False, error.message)
        return Availability(True, f"{'command ' if template else ''}{path}")

    def _environment(self, call: Call) -> dict[str, str]:
        chosen = call.set("program_env", {})
        kept = program_environment(self._env, self.own_secrets)
        extra = {} if call.template else self.environment(call)
        whole = {**kept, "NO_COLOR": "1", "TMPDIR": str(call.private), **extra, **chosen}
        call.secrets = tuple(value for name, value in whole.items() if _SECRET_NAME.search(name))
        return whole

    # -- traces -------------------------------------------------------------------------------

    async def _leave_trace(self, call: Call, answer: Answer, outcome: str, seconds: float) -> None:
        if not call.trace.on:
            return
        self.write_artifact(call)
        self.program_version = await self._version(call) or self.program_version
        if call.trace.jsonl is None or not self.writes_records():
            return
        usage = answer.usage or Usage()
        record: dict[str, Any] = {
            "record": "program",
            "time": dt.datetime.now(dt.UTC).isoformat(),
            "provider": self.id,
            "program": os.path.basename(call.executable),
            "program_version": self.program_version,
            "model": answer.model or call.model,
            "outcome": outcome,
            "exit_code": call.exit_code,
            "seconds": round(seconds, 3),
            "session_id": answer.session_id,
            "prompt_bytes": len(call.prompt.encode("utf-8", "replace")),
            "response_bytes": len(answer.text.encode("utf-8", "replace")),
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "trace_file": None if call.artifact is None else str(call.artifact),
        }
        if call.trace.content:
            record |= {"prompt": call.prompt, "response": answer.text}
        append_line(call.trace.jsonl, record)

    async def _version(self, call: Call) -> str | None:
        """What ``--version`` prints, asked once for each state of the executable."""
        if call.template or not call.executable:
            return None
        key = (call.executable, os.stat(call.executable).st_mtime_ns)
        if key not in self._versions:
            printed = bytearray()
            try:
                async with running(
                    [call.executable, "--version"],
                    directory=call.directory,
                    environment=self._environment(call),
                    deadline=time.monotonic() + 10,
                    owner=self.id,
                ) as program:
                    async for chunk in program.chunks():
                        printed += chunk
            except BackendError as error:
                log.warning("%s does not tell its version: %s", self.title, error.message)
                return None
            found = re.search(rb"\d+\.\d+\.\d+[\w.+-]*", printed)
            self._versions[key] = found.group().decode().rstrip(".") if found else ""
        return self._versions[key] or None

    # -- the contract -------------------------------------------------------------------------

    @property
    def _checks(self) -> Mapping[str, Check]:
        return {**PROGRAM_OPTIONS, **self.own_options}

    def _request(self, prompt: Prompt, options: Mapping[str, Any]) -> Request:
        request = super()._request(prompt, options)
        return dataclasses.replace(request, options=check_program_options(request.options, self._checks, self.id))

    def health(self) -> Health:
        state = self.availability()
        return Health(ok=state.ok, detail=state.reason, provider=self.id, model=self.options.get("model"))


def program_environment(env: Mapping[str, str], own_secrets: tuple[str, ...]) -> dict[str, str]:
    """The environment without the keys of other services: a program needs its own only."""
    return {name: value for name, value in env.items() if not _SECRET_NAME.search(name) or name.startswith(own_secrets)}


def _tail(text: str | bytearray) -> str:
    """The last words, on one line."""
    if isinstance(text, bytearray):
        text = bytes(text[-8 * _SAID :]).decode("utf-8", "replace")
    line = " ".join(text.split())
    return line if len(line) <= _SAID else "…" + line[-_SAID:]


def program_spec(backend: type[ProgramBackend], *, aliases: tuple[str, ...], install: str) -> ProviderSpec:
    """The declaration of a program provider."""

    def create(context: ProviderContext) -> ProgramBackend:
        settings = {"model": context.model or read(context.env, backend.model_setting), **context.settings}
        return backend(env=context.env, loop_thread=context.loop_thread, **settings)

    def available(context: ProviderContext) -> Availability:
        settings = {name: value for name, value in context.settings.items() if name in _SETTINGS}
        made = backend(env=context.env, **settings)
        try:
            return made.availability()
        finally:
            made.close()

    return ProviderSpec(
        name=backend.type,
        kind="program",
        summary=f"{backend.title}, the program `{backend.program}`",
        create=create,
        available=available,
        aliases=aliases,
        needs=(f"the program {backend.program} ({install}), or {names_of(backend.command_setting)[0]}",),
        settings=_SETTINGS,
    )
