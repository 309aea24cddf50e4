"""``copilot_cli``: GitHub's Copilot by ``copilot``, tools off. Written against version 1.0.102.

Facts, each held by a test with the real program:
- It reads the prompt from stdin, and there takes no part of it for an option, a command or a file.
- An empty list of tools means all of them; a list with one name that no tool has means none.
- ``--output-format json`` has ``session.error`` with ``statusCode``; tokens stand only in the file of
  ``--usage-output-file``.
- There is no ``--config-dir`` any more: ``copilot_config_dir`` becomes COPILOT_HOME.
- It retries by itself (five times after a 5xx or 429) and cannot be told not to; when the deadline passes
  meanwhile, the error tells what it was retrying.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from backends.exceptions import AuthenticationError, BackendError, ContextLengthError
from backends.llm_router.providers._program import Call, ProgramBackend, program_spec
from backends.llm_router.providers._program_files import Trace, write_private
from backends.llm_router.providers._program_options import Check, boolean, folder, one_of, texts
from backends.llm_router.providers._program_output import Answer
from backends.types import Usage

__all__ = ["SPEC", "CopilotBackend", "prompt_too_long"]

#: The name of no tool: the list is not empty, so the rest are off.
_NO_TOOLS = "none"
_TOO_LONG = re.compile(r"Request exceeds the model's prompt budget .*\((\d+) tokens; limit (\d+)\)")


class CopilotBackend(ProgramBackend):
    type = "copilot_cli"
    program = "copilot"
    title = "GitHub Copilot"
    command_setting = "COPILOT_CLI_CMD"
    model_setting = "COPILOT_CLI_MODEL"
    own_secrets = ("COPILOT_", "GH_TOKEN", "GITHUB_TOKEN")
    command_signs = ""
    own_options: ClassVar[Mapping[str, Check]] = {
        "copilot_config_dir": folder,
        "copilot_log_dir": folder,
        "copilot_log_level": one_of("none", "error", "warning", "info", "debug", "all", "default"),
        "copilot_output_format": one_of("text", "json"),
        "copilot_available_tools": texts,
        "copilot_allow_tools": texts,
        "copilot_deny_tools": texts,
        "copilot_add_dir": texts,
        "copilot_reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        "copilot_custom_instructions": boolean,
    }

    def arguments(self, call: Call) -> list[str]:
        words = ["--silent", "--no-color", "--no-ask-user", "--no-auto-update", "--no-remote"]
        words += ["--disable-client-telemetry", f"--output-format={call.set('copilot_output_format', 'json')}"]
        words += [f"--usage-output-file={call.private / 'usage.json'}"]
        if not call.set("copilot_custom_instructions"):
            words.append("--no-custom-instructions")
        words += self._tools(call)
        if call.model:
            words.append(f"--model={call.model}")
        if "copilot_reasoning_effort" in call.options:
            words.append(f"--reasoning-effort={call.options['copilot_reasoning_effort']}")
        return words + self._session(call) + self._files(call)

    def _tools(self, call: Call) -> list[str]:
        tools = call.set("copilot_available_tools", ())
        words = [f"--available-tools={tool}" for tool in tools or (_NO_TOOLS,)]
        if not tools:
            words.append("--disable-builtin-mcps")
        words += [f"--allow-tool={tool}" for tool in call.set("copilot_allow_tools", ())]
        words += [f"--deny-tool={tool}" for tool in call.set("copilot_deny_tools", ())]
        return words + [f"--add-dir={item}" for item in call.set("copilot_add_dir", ())]

    def _session(self, call: Call) -> list[str]:
        if "resume_session_id" in call.options:
            return [f"--resume={call.options['resume_session_id']}"]
        return ["--continue"] if call.set("continue_session") else []

    def _files(self, call: Call) -> list[str]:
        words = []
        if call.artifact is not None:
            words.append(f"--share={call.artifact}")
        logs = call.set("copilot_log_dir", None if call.trace.directory is None else str(call.trace.directory))
        if logs is not None:
            words.append(f"--log-dir={logs}")
        if "copilot_log_level" in call.options:
            words.append(f"--log-level={call.options['copilot_log_level']}")
        return words

    def environment(self, call: Call) -> dict[str, str]:
        variables = {"COPILOT_AUTO_UPDATE": "false", "COPILOT_ALLOW_ALL": ""}
        return variables | _home(call.options)

    def structured(self, call: Call) -> bool:
        return bool(call.set("copilot_output_format", "json") == "json")

    def event(self, event: Mapping[str, Any], answer: Answer) -> str | None:
        data = event.get("data")
        data = data if isinstance(data, Mapping) else {}
        match event.get("type"):
            case "assistant.message_delta" if not event.get("agentId"):
                return str(data.get("deltaContent") or "")
            case "assistant.message":
                answer.text += str(data.get("content") or "")
                answer.model = data.get("model") or answer.model
            case "model.call_failure":
                answer.complaint = f"HTTP {data.get('statusCode')}: {data.get('errorMessage') or ''}"
                answer.notes["codes"] = (str(data.get("errorCode") or ""), str(data.get("errorType") or ""))
            case "session.error":
                answer.error = self._reported(data, answer)
            case "result":
                answer.complete = event.get("exitCode") == 0
                answer.finish_reason = "stop" if answer.complete else None
                answer.session_id = event.get("sessionId")
        return None

    def _reported(self, data: Mapping[str, Any], answer: Answer) -> BackendError:
        message, status = str(data.get("message") or ""), data.get("statusCode")
        if too_long := prompt_too_long(message, self.id):
            return too_long
        codes = answer.notes.get("codes", ())
        if isinstance(status, int):
            return self.status_error(status, message, *codes)
        if data.get("errorType") in ("authentication", "authorization"):
            return AuthenticationError(f"{message}; log in with `copilot login`", provider=self.id)
        return self.status_error({"quota": 429, "rate_limit": 429}.get(str(data.get("errorType")), 500), message)

    def finish(self, call: Call, answer: Answer) -> None:
        # A resumed session counts from its beginning: no number is better than a wrong one.
        resumed = "resume_session_id" in call.options or call.set("continue_session")
        answer.usage = None if resumed else _usage_of(call.private / "usage.json")
        # The program's own file says the exit code before the answer is known to be whole.
        answer.complete = answer.complete and call.exit_code == 0

    def artifact_name(self, trace: Trace) -> tuple[str, str]:
        return "copilot_session", ".md"

    def write_artifact(self, call: Call) -> None:
        """The program writes the transcript when it ends by itself; else what it had said stands in its place."""
        if call.artifact is not None and not _filled(call.artifact):
            head = b"# Copilot CLI session, ended early\n\n"
            write_private(call.artifact, head + bytes(call.stdout) + call.stderr.encode())


def prompt_too_long(message: str, owner: str) -> ContextLengthError | None:
    """The program counts tokens itself, and says so in this sentence without any code."""
    found = _TOO_LONG.match(message)
    if found is None:
        return None
    return ContextLengthError(message, tokens=int(found[1]), limit=int(found[2]), provider=owner)


def _filled(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _home(options: Mapping[str, Any]) -> dict[str, str]:
    """``copilot_config_dir`` as the program takes it today."""
    return {"COPILOT_HOME": options["copilot_config_dir"]} if "copilot_config_dir" in options else {}


def _usage_of(path: Path) -> Usage | None:
    """The tokens of all models, from the program's own statistics."""
    try:
        models = json.loads(path.read_bytes())["modelMetrics"].values()
        used = [model["usage"] for model in models]
        return Usage(sum(one["inputTokens"] for one in used), sum(one["outputTokens"] for one in used))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # a program that failed early writes none, and another version may write another shape


SPEC = program_spec(CopilotBackend, aliases=("copilot", "github_copilot"), install="npm install -g @github/copilot")
