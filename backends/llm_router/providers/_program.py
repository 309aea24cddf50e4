"""The base of all providers that are programs: how one is found, called, read and traced.

A provider declares its program, its options, its arguments and how to read one line of its output;
everything else is here. Promises: the prompt is stdin, or exactly one argument of a command
template, never an option, a command or a file name of the program; the program runs without tools
unless asked, in an empty folder of its own, with the keys of its own service only; nothing of it is
left behind, whether the call succeeds, fails or is cancelled.
"""

from __future__ import annotations

import logging
import os
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from backends.exceptions import BackendError, ConfigurationError, MalformedResponseError, ProviderUnavailableError
from backends.llm_router.providers._agent import AgentBackend, agent_spec
from backends.llm_router.providers._program_call import (
    Call,
    as_data,
    explain,
    fill,
    find_program,
    is_secret,
    program_environment,
    split_command,
)
from backends.llm_router.providers._program_files import Trace, empty_directory, private_directory, write_private
from backends.llm_router.providers._program_options import PROGRAM_OPTIONS, Check
from backends.llm_router.providers._program_output import Answer, EventReader, Reader, TextReader
from backends.llm_router.providers._program_record import ProgramVersions, write_record
from backends.llm_router.providers.base import Availability, ProviderSpec
from backends.llm_router.settings import names_of, read
from backends.options import SAMPLING_OPTIONS
from backends.process import RunningProgram, running
from backends.types import Completion, Request, StreamItem, Usage

__all__ = ["Call", "ProgramBackend", "program_spec"]

log = logging.getLogger(__name__)

#: What makes another backend; everything else is an option of a call, in which sessions change.
_SETTINGS = frozenset({"program_path", "program_command", "program_env"})


class ProgramBackend(AgentBackend):
    """A provider that is a program. See the module's promises."""

    #: The executable's name on PATH.
    program: ClassVar[str]
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

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.checks = {**PROGRAM_OPTIONS, **cls.own_options}
        cls.known_options = frozenset(
            {*SAMPLING_OPTIONS, "timeout", "model", *cls.checks} | ({"json_schema"} if cls.takes_schema else set())
        )

    def __init__(self, id: str | None = None, **options: Any) -> None:
        super().__init__(id, **options)
        self._versions = ProgramVersions()
        #: What the program says of itself; known after the first call that is traced.
        self.program_version: str | None = None

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

    def secrets_for(self, call: Call) -> tuple[str, ...]:
        """Beginnings of the secret variables that the program may see in this call."""
        return self.own_secrets

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

    async def _answer(self, request: Request, *, streaming: bool) -> AsyncGenerator[StreamItem, None]:
        started = time.monotonic()
        with private_directory() as private:
            call = self._call(request, streaming, private)
            arguments, stdin, reader = self._invocation(call)
            outcome, completion = "Cancelled", None
            try:
                async with running(
                    arguments,
                    stdin=stdin,
                    directory=call.directory,
                    environment=self._environment(call),
                    deadline=request.deadline,
                    owner=self.id,
                ) as program:
                    async for piece in self._pieces(program, call, reader):
                        call.said.append(piece)
                        if streaming:
                            yield piece
                completion = self._completion(call, reader.answer, started)
                outcome = "ok"
                spoken = len("".join(call.said))
                if streaming and len(completion.text) > spoken:
                    yield completion.text[spoken:]
            except BackendError as error:
                outcome = type(error).__name__
                explain(error, call, reader.answer, self.id)
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
        words = [call.executable, *(fill(word, call, self.command_signs, self.id) for word in template[1:])]
        inside = any("{prompt}" in word for word in template[1:])
        return words, b"" if inside else self.as_data(call.prompt).encode("utf-8", "replace"), TextReader()

    def as_data(self, prompt: str) -> str:
        """The prompt such that the program takes no part of it for a command of its own."""
        return as_data(prompt, self.command_signs)

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

    def _completion(self, call: Call, answer: Answer, started: float) -> Completion:
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
        spoken = "".join(call.said)
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

    def _details(self, call: Call) -> dict[str, Any]:
        return {"provider": self.id, "model": call.model, "exit_code": call.exit_code}

    # -- where the program is, and what it sees -----------------------------------------------

    def _template(self, options: Mapping[str, Any]) -> list[str] | None:
        written = options.get("program_command") or read(self._env, self.command_setting)
        return split_command(written, self.id) if written else None

    def _executable(self, options: Mapping[str, Any]) -> str:
        return self._found(options.get("program_path") or self.program)

    def _found(self, program: str) -> str:
        return find_program(program, self._env, self.title, self.id)

    def availability(self) -> Availability:
        """Whether the program is there. ``npx`` alone does not count; a command that names it does."""
        try:
            template = self._template(self.options)
            path = self._found(template[0]) if template else self._executable(self.options)
        except BackendError as error:
            return Availability(False, error.message)
        return Availability(True, f"{'command ' if template else ''}{path}")

    def _environment(self, call: Call) -> dict[str, str]:
        chosen = {name: value.get_secret_value() for name, value in call.set("program_env", {}).items()}
        kept = program_environment(self._env, self.secrets_for(call))
        extra = {} if call.template else self.environment(call)
        whole = {**kept, "NO_COLOR": "1", "TMPDIR": str(call.private), **extra, **chosen}
        call.secrets = (*chosen.values(), *(value for name, value in whole.items() if is_secret(name)))
        return whole

    # -- traces -------------------------------------------------------------------------------

    async def _leave_trace(self, call: Call, answer: Answer, outcome: str, seconds: float) -> None:
        if not call.trace.on:
            return
        self.write_artifact(call)
        if call.executable and not call.template:
            environment = self._environment(call)
            self.program_version = await self._versions.of(call.executable, call.directory, environment, self.id)
        if call.trace.jsonl is None or not self.writes_records():
            return
        write_record(
            call.trace,
            call.trace.jsonl,
            answer,
            provider=self.id,
            prompt=call.prompt,
            outcome=outcome,
            seconds=seconds,
            program=os.path.basename(call.executable),
            program_version=None if call.template else self.program_version,
            model=answer.model or call.model,
            exit_code=call.exit_code,
            trace_file=None if call.artifact is None else str(call.artifact),
        )


def program_spec(backend: type[ProgramBackend], *, aliases: tuple[str, ...], install: str) -> ProviderSpec:
    """The declaration of a program provider."""
    return agent_spec(
        backend,
        kind="program",
        summary=f"{backend.title}, the program `{backend.program}`",
        aliases=aliases,
        needs=(f"the program {backend.program} ({install}), or {names_of(backend.command_setting)[0]}",),
        settings=_SETTINGS,
        model_setting=backend.model_setting,
    )
