"""One call of a program: what belongs to it, its command, and the environment that it may see."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.exceptions import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    InvalidRequestError,
    ProviderUnavailableError,
    redact,
)
from backends.llm_router.providers._program_files import Trace
from backends.llm_router.providers._program_output import Answer
from backends.types import Request

__all__ = [
    "Call",
    "as_data",
    "explain",
    "fill",
    "find_program",
    "is_secret",
    "program_environment",
    "split_command",
    "tail",
]

_SECRET_NAME = re.compile(
    r"(?:API_?KEY|TOKEN|SECRET|SECRET_KEY|ACCESS_KEY|PASSWORD|PASSPHRASE|CREDENTIALS)$", re.IGNORECASE
)
_PLACES = re.compile(r"\{prompt\}|\{model\}")
#: Characters of a program's words that an error shows.
_SAID = 600


@dataclass(slots=True, repr=False)
class Call:
    """One call on its way through a program. It has no repr: it holds prompts and keys."""

    request: Request
    prompt: str
    options: Mapping[str, Any]
    model: str | None
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
    #: The pieces of the answer that a stream has brought.
    said: list[str] = field(default_factory=list)
    stdout: bytearray = field(default_factory=bytearray)
    stderr: str = ""
    exit_code: int | None = None
    secrets: tuple[str, ...] = ()

    def set(self, name: str, default: Any = None) -> Any:
        """The option's value, or ``default`` when nobody set it."""
        return self.options.get(name, default)


def split_command(written: str, owner: str) -> list[str]:
    """The command that the user wrote, split once as a shell would split it; there is no shell."""
    try:
        words = shlex.split(written)
    except ValueError as error:
        raise ConfigurationError(f"the command {written!r:.120} cannot be split: {error}", provider=owner) from error
    if not words or not words[0] or "{prompt}" in words[0]:
        raise ConfigurationError(f"the command {written!r:.120} names no program", provider=owner)
    return words


def fill(word: str, call: Call, command_signs: str, owner: str) -> str:
    """A word of the user's command with the prompt and the model in their places."""
    if "{prompt}" in word and "\0" in call.prompt:
        raise InvalidRequestError(
            "a prompt with a NUL character cannot be an argument; use a command without {prompt}, it reads stdin",
            provider=owner,
        )
    # At the head of an argument a dash would make it an option.
    prompt = as_data(call.prompt, command_signs + "-") if word.startswith("{prompt}") else call.prompt
    # One pass, so that a prompt that holds "{model}" stays as it is.
    values = {"{prompt}": prompt, "{model}": call.model or ""}
    return _PLACES.sub(lambda found: values[found.group()], word)


def as_data(prompt: str, signs: str) -> str:
    """The prompt such that no program takes its beginning for a command or an option."""
    return "\n" + prompt if prompt.startswith(tuple(signs)) else prompt


def find_program(program: str, env: Mapping[str, str], title: str, owner: str, setting: str = "program_path") -> str:
    """The path of the program by the PATH of ``env``."""
    path = shutil.which(program, path=env.get("PATH", os.defpath))
    if path is None:
        raise ProviderUnavailableError(
            f"{title} is not installed: {program} is not on PATH; install it or set {setting}",
            provider=owner,
            retryable=False,
        )
    return os.path.abspath(path)


def is_secret(name: str) -> bool:
    """Whether a variable of that name holds a key."""
    return _SECRET_NAME.search(name) is not None


def program_environment(env: Mapping[str, str], own_secrets: tuple[str, ...]) -> dict[str, str]:
    """The environment without the keys of other services: a program needs its own only."""
    return {name: value for name, value in env.items() if not is_secret(name) or name.startswith(own_secrets)}


def tail(text: str | bytearray) -> str:
    """The last words, on one line."""
    if isinstance(text, bytearray):
        text = bytes(text[-8 * _SAID :]).decode("utf-8", "replace")
    line = " ".join(text.split())
    return line if len(line) <= _SAID else "…" + line[-_SAID:]


def explain(error: BackendError, call: Call, answer: Answer, owner: str) -> None:
    """Fill in what the error knows of the call, and put the program's own words behind its message."""
    error.provider = error.provider or owner
    error.model = error.model or call.model
    error.exit_code = error.exit_code if error.exit_code is not None else call.exit_code
    error.request_id = error.request_id or answer.session_id
    error.partial = error.partial or "".join(call.said) or answer.text
    said = answer.complaint if isinstance(error, BackendTimeoutError) else ""
    if not said and error is not answer.error:
        said = call.stderr if isinstance(error, BackendTimeoutError) else call.stderr or tail(call.stdout)
    said = tail(redact(said, *call.secrets))
    message = redact(error.message, *call.secrets)
    error.message = f"{message}: {said}" if said and said not in message else message
    error.args = (error.message,)
