"""``gemini_cli``: Google's Gemini CLI by ``gemini``, tools off. Written against version 0.61.0.

Facts, each held by a test with the real program:
- It reads the prompt from stdin. A leading ``/`` is a command; a line end before it makes it data.
- ``@path`` in a prompt puts that file into it, when it lies in the working folder or in the program's own
  temporary one. A backslash before the ``@`` keeps it as text, and the model sees the backslash.
- Tools are off by a policy that denies them all; a settings file in the folder that it works in turns its
  statistics, its own retries and context files off. Settings of the user are read, so that a login holds.
- The exit code is the HTTP status modulo 256, or 41 (login), 42 (input), 52 (configuration), 53 (turns),
  130 (cancelled); with ``json`` stderr ends with ``{"error": {"code": ...}}``.
- It writes prompts into TMPDIR when it fails; ours is gone after the call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from backends.exceptions import AuthenticationError, BackendError, ConfigurationError, InvalidRequestError
from backends.llm_router.providers._program import Call, ProgramBackend, program_spec
from backends.llm_router.providers._program_files import Trace, write_private
from backends.llm_router.providers._program_options import Check, boolean, folder, one_of, texts, uuid_text
from backends.llm_router.providers._program_output import Answer
from backends.types import Usage

__all__ = ["SPEC", "GeminiBackend"]

_DENY_ALL = b'[[rule]]\ntoolName = "*"\ndecision = "deny"\npriority = 999\n'
_SETTINGS = {
    # The router retries; a program that does so too would multiply the attempts.
    "general": {"maxAttempts": 1, "enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    "context": {"fileName": "none.md", "includeDirectoryTree": False},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "tools": {"useRipgrep": False},
}
#: The statuses that its exit codes stand for, modulo 256.
_STATUSES = {status % 256: status for status in (400, 401, 403, 404, 408, 429, 500, 502, 503, 504)}
#: The status in its dump of the error, where JSON gives the code 1: two spaces, key, number, end of line.
_DUMPED = re.compile(r"^  (?:code|status): ([45]\d\d),?$", re.MULTILINE)
_REPORT = re.compile(r"^\{\n.*?^\}$", re.MULTILINE | re.DOTALL)
#: An "@" that may name a file: not inside a word, as in an address, unless what follows looks like a path.
_REFERENCE = re.compile(r"(?<!\\)(?:(?<![\w.+-])@|@(?=[./~\\]))")
_ANY_REFERENCE = re.compile(r"(?<!\\)@")


class GeminiBackend(ProgramBackend):
    type = "gemini_cli"
    program = "gemini"
    title = "Gemini CLI"
    command_setting = "GEMINI_CLI_CMD"
    model_setting = "GEMINI_MODEL"
    own_secrets = ("GEMINI_", "GOOGLE_")
    own_files = frozenset({".gemini"})
    own_options: ClassVar[Mapping[str, Check]] = {
        "gemini_output_format": one_of("text", "json", "stream-json"),
        "gemini_tools": boolean,
        "gemini_approval_mode": one_of("default", "auto_edit", "yolo", "plan"),
        "gemini_session_id": uuid_text,
        "gemini_include_directories": texts,
        "gemini_extensions": texts,
        "gemini_home": folder,
    }

    def arguments(self, call: Call) -> list[str]:
        words = [f"--output-format={self._format(call)}", "--skip-trust"]
        words += [f"--extensions={item}" for item in call.set("gemini_extensions", ("none",))]
        if not call.set("gemini_tools"):
            policy = call.private / "no-tools.toml"
            write_private(policy, _DENY_ALL)
            words += [f"--policy={policy}", "--allowed-mcp-server-names=none"]
        if "gemini_approval_mode" in call.options:
            words.append(f"--approval-mode={call.options['gemini_approval_mode']}")
        if call.model:
            words.append(f"--model={call.model}")
        if "resume_session_id" in call.options:
            words.append(f"--resume={call.options['resume_session_id']}")
        elif call.set("continue_session"):
            words.append("--resume=latest")
        elif "gemini_session_id" in call.options:
            words.append(f"--session-id={call.options['gemini_session_id']}")
        words += [f"--include-directories={item}" for item in call.set("gemini_include_directories", ())]
        if call.own_directory:
            settings = call.directory / ".gemini"
            settings.mkdir(mode=0o700, exist_ok=True)
            write_private(settings / "settings.json", json.dumps(_SETTINGS).encode())
        return words

    def _format(self, call: Call) -> str:
        return "stream-json" if call.streaming else str(call.set("gemini_output_format", "json"))

    def environment(self, call: Call) -> dict[str, str]:
        variables = {
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GEMINI_TELEMETRY_ENABLED": "false",
            "GEMINI_SANDBOX": "false",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
        }
        if "gemini_home" in call.options:
            variables["GEMINI_CLI_HOME"] = call.options["gemini_home"]
        return variables

    def stdin(self, call: Call) -> str:
        prompt = self.as_data(call.prompt)
        if call.set("gemini_tools"):
            return prompt
        reached = not call.own_directory or "gemini_include_directories" in call.options
        return (_ANY_REFERENCE if reached else _REFERENCE).sub(r"\\@", prompt)

    def structured(self, call: Call) -> bool:
        # Its "json" is one document over many lines, read at the end.
        return self._format(call) == "stream-json"

    def event(self, event: Mapping[str, Any], answer: Answer) -> str | None:
        match event:
            case {"type": "init"}:
                answer.session_id, answer.model = event.get("session_id"), event.get("model")
            case {"type": "message", "role": "assistant", "content": str(text)}:
                answer.text += text
                return text
            case {"type": "result", "status": "success"}:
                answer.complete, answer.finish_reason = True, "stop"
                stats = event.get("stats") or {}
                answer.usage = Usage(stats.get("input_tokens", 0), stats.get("output_tokens", 0))
            case {"type": "result", "error": {"message": str(message)}}:
                answer.complaint = message.removeprefix("[API Error: ").removesuffix("]")
            case {"type": "error", "message": str(message)}:
                answer.complaint = message
        return None

    def finish(self, call: Call, answer: Answer) -> None:
        if call.exit_code:
            answer.error = self._reported(call, answer)
        elif self._format(call) == "json":
            self._document(call, answer)

    def _document(self, call: Call, answer: Answer) -> None:
        try:
            document = json.loads(call.stdout)
            answer.text = document["response"]
            models = document.get("stats", {}).get("models", {})
            used = [model["tokens"] for model in models.values()]
        except (ValueError, KeyError, TypeError, AttributeError):
            answer.text = ""
            return
        answer.session_id, answer.finish_reason = document.get("session_id"), "stop"
        answer.model = next(iter(models), None) if len(models) == 1 else None
        answer.usage = Usage(sum(one["prompt"] for one in used), sum(one["candidates"] for one in used))

    def _reported(self, call: Call, answer: Answer) -> BackendError | None:
        code, message = self._said(call)
        message = message or answer.complaint
        if call.exit_code == 41:
            return AuthenticationError(f"{message}; log in with `gemini` or set GEMINI_API_KEY", provider=self.id)
        if call.exit_code == 42:
            return InvalidRequestError(f"Gemini CLI refuses the input: {message}", provider=self.id)
        if call.exit_code == 52:
            return ConfigurationError(f"Gemini CLI refuses its settings: {message}", provider=self.id)
        dumped = _DUMPED.findall(call.stderr)
        status = _STATUSES.get(call.exit_code or 0) or (code if code >= 400 else int(dumped[-1]) if dumped else 0)
        reason = self._google_reason(message)
        return self.status_error(status, message, *reason) if status else None

    def artifact_name(self, trace: Trace) -> tuple[str, str] | None:
        return None if trace.directory is None else ("gemini_output", ".txt")

    def _said(self, call: Call) -> tuple[int, str]:
        """Code and message of the report that ends stderr."""
        for report in reversed(_REPORT.findall(call.stderr)):
            try:
                error = json.loads(report)["error"]
                return int(error.get("code", 0)), str(error.get("message", ""))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return 0, ""

    @staticmethod
    def _google_reason(message: str) -> tuple[str, ...]:
        """The service's own codes, when the message is the service's answer."""
        try:
            error = json.loads(message)["error"]
            details = error.get("details") or []
            return (str(error.get("status") or ""), *(str(one.get("reason") or "") for one in details))
        except (ValueError, KeyError, TypeError, AttributeError):
            return ()


SPEC = program_spec(GeminiBackend, aliases=("gemini",), install="npm install -g @google/gemini-cli")
