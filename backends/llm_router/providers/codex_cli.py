"""``codex_cli``: OpenAI's Codex by ``codex exec --json``, tools off. Written against version 0.169.0.

Facts, each held by a test with the real program:
- It reads the prompt from stdin (argument ``-``) and takes no part of it for a command or a file.
- ``--sandbox read-only`` still lets the model read every file, so the tools themselves are switched off.
- Its failures have no code: ``turn.failed`` holds one sentence, and the exit code is always 1. The sentences
  below are fixed texts of the program; "unexpected status NNN" carries the HTTP status, and a 400 the whole
  answer of the service.
- It knows no partial text: a stream brings the answer in one piece.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from backends.exceptions import BackendError, ConfigurationError, ContextLengthError, ProviderUnavailableError
from backends.http_errors import error_from_answer, read_error_body
from backends.llm_router.providers._program import Call, ProgramBackend, program_spec
from backends.llm_router.providers._program_files import Trace, append_line, write_private
from backends.llm_router.providers._program_options import Check, boolean, mapping, name, one_of, texts
from backends.llm_router.providers._program_output import Answer
from backends.types import Usage

__all__ = ["SPEC", "CodexBackend"]

#: Everything that would act, look around, or call home by itself.
_SWITCHED_OFF = (
    "apps",
    "browser_use",
    "code_mode_host",
    "computer_use",
    "daemon_auto_start",
    "goals",
    "hooks",
    "image_generation",
    "in_app_browser",
    "multi_agent",
    "plugins",
    "remote_plugin",
    "shell_snapshot",
    "shell_tool",
    "skill_mcp_dependency_install",
    "skill_search",
    "sleep_tool",
    "tool_suggest",
    "unified_exec",
    "view_image",
    "workspace_dependencies",
)
_STATUS = re.compile(r"^(?:unexpected status|exceeded retry limit, last status:) (\d{3})\b")
#: First words of the program's own sentences -> the status and code that they stand for.
_SENTENCES = (
    ("Quota exceeded.", 429, "insufficient_quota"),
    ("You\u2019ve hit your usage limit.", 429, "insufficient_quota"),
    ("You've hit your usage limit.", 429, "insufficient_quota"),
    ("We\u2019re currently experiencing high demand", 503, ""),
    ("We're currently experiencing high demand", 503, ""),
)
_NO_ROOM = "Codex ran out of room in the model's context window."


class CodexBackend(ProgramBackend):
    type = "codex_cli"
    program = "codex"
    title = "Codex"
    command_setting = "CODEX_CLI_CMD"
    model_setting = "CODEX_MODEL"
    own_secrets = ("OPENAI_", "CODEX_", "AZURE_OPENAI_")
    command_signs = ""
    takes_schema = True
    own_options: ClassVar[Mapping[str, Check]] = {
        "codex_config": mapping,
        "codex_profile": name,
        "codex_sandbox": one_of("read-only", "workspace-write", "danger-full-access"),
        "codex_tools": boolean,
        "codex_user_config": boolean,
        "codex_ephemeral": boolean,
        "codex_add_dir": texts,
    }

    def arguments(self, call: Call) -> list[str]:
        words = ["exec", "--json", "--color=never", "--skip-git-repo-check"]
        words.append(f"--sandbox={call.set('codex_sandbox', 'read-only')}")
        if "codex_profile" in call.options:
            words.append(f"--profile={call.options['codex_profile']}")
        words += [f"--add-dir={item}" for item in call.set("codex_add_dir", ())]
        words += self._shared(call)
        if "resume_session_id" in call.options:
            return [*words, "resume", call.options["resume_session_id"], "-"]
        if call.set("continue_session"):
            return [*words, "resume", "--last", "-"]
        return [*words, "-"]

    def _shared(self, call: Call) -> list[str]:
        words = []
        if call.model:
            words.append(f"--model={call.model}")
        if call.set("codex_ephemeral"):
            words.append("--ephemeral")
        if not call.set("codex_user_config", "codex_profile" in call.options):
            words += ["--ignore-user-config", "--ignore-rules"]
        if call.request.json_schema is not None:
            schema = call.private / "schema.json"
            write_private(schema, json.dumps(call.request.json_schema).encode())
            words.append(f"--output-schema={schema}")
        for key, value in {**self._settings(call), **call.set("codex_config", {})}.items():
            words.append(f"--config={key}={_toml(value, self.id)}")
        return words

    def _settings(self, call: Call) -> dict[str, Any]:
        settings: dict[str, Any] = {"analytics.enabled": False, "check_for_update_on_startup": False}
        if not call.set("codex_tools"):
            settings |= {f"features.{feature}": False for feature in _SWITCHED_OFF}
            settings |= {"web_search": "disabled", "project_doc_max_bytes": 0, "skills.bundled.enabled": False}
            settings |= {"include_environment_context": False, "include_permissions_instructions": False}
        return settings

    def secrets_for(self, call: Call) -> tuple[str, ...]:
        return (*self.own_secrets, *_env_keys(call.set("codex_config", {})))

    def event(self, event: Mapping[str, Any], answer: Answer) -> str | None:
        match event:
            case {"type": "thread.started", "thread_id": str(thread)}:
                answer.session_id = thread
            case {"type": "item.completed", "item": {"type": "agent_message", "text": str(text)}}:
                # Several messages are steps; all of them are the answer.
                text = f"\n\n{text}" if answer.text else text
                answer.text += text
                return text
            case {"type": "turn.completed"}:
                used = event.get("usage") or {}
                answer.complete, answer.finish_reason = True, "stop"
                answer.usage = Usage(used.get("input_tokens", 0), used.get("output_tokens", 0))
            case {"type": "turn.failed", "error": {"message": str(message)}}:
                answer.error = self._reported(message)
            case {"type": "error", "message": str(message)}:
                answer.complaint = message
        return None

    def finish(self, call: Call, answer: Answer) -> None:
        # A resumed session reports the tokens of the whole session: no number is better than a wrong one.
        if "resume_session_id" in call.options or call.set("continue_session"):
            answer.usage = None

    def _reported(self, message: str) -> BackendError:
        status = _STATUS.match(message)
        if status is not None:
            return self.status_error(int(status.group(1)), message)
        if message.startswith(_NO_ROOM):
            return ContextLengthError(message, provider=self.id)
        for sentence, known, code in _SENTENCES:
            if message.startswith(sentence):
                return self.status_error(known, message, code)
        if message.startswith("{"):  # a 400: the service's answer as it came
            return error_from_answer(400, {}, read_error_body(message.encode()), provider=self.id, model=None)
        return ProviderUnavailableError(message, provider=self.id, retryable=False)

    def artifact_name(self, trace: Trace) -> tuple[str, str] | None:
        return ("codex_exec", ".jsonl") if trace.jsonl is None else None

    def write_artifact(self, call: Call) -> None:
        """Its events go into ``trace_jsonl_path``, or else into a file of their own in ``trace_dir``."""
        if call.trace.jsonl is not None:
            lines = bytes(call.stdout)
            append_line(call.trace.jsonl, lines if lines.endswith(b"\n") or not lines else lines + b"\n")
        elif call.artifact is not None:
            write_private(call.artifact, bytes(call.stdout))

    def writes_records(self) -> bool:
        return False


def _env_keys(settings: Mapping[str, Any]) -> list[str]:
    """The variables that the configured services take their keys from."""
    keys = [
        value for name, value in settings.items() if name.rpartition(".")[2] == "env_key" and isinstance(value, str)
    ]
    return keys + [key for value in settings.values() if isinstance(value, Mapping) for key in _env_keys(value)]


def _toml(value: Any, owner: str) -> str:
    """A value of the configuration as TOML. JSON's strings, numbers, booleans and lists are TOML too."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}={_toml(item, owner)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_toml(item, owner) for item in value) + "]"
    if not isinstance(value, str | bool | int | float):
        raise ConfigurationError(f"codex_config cannot hold {value!r:.60}", provider=owner)
    return json.dumps(value)


SPEC = program_spec(CodexBackend, aliases=("codex", "openai_codex"), install="npm install -g @openai/codex")
