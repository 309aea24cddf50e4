"""``claude_code``: Claude Code by ``claude --print``, tools off. Written against version 2.1.328.

Facts, each held by a test with the real program:
- It reads the prompt from stdin. ``@path`` in a prompt makes it read that file even with ``--tools ""``, and a
  leading ``/`` is a command even with ``--disable-slash-commands``; CLAUDE_CODE_DISABLE_ATTACHMENTS=1 ends the
  first, a line end before the slash the second.
- With ``--output-format json`` the result has ``api_error_status``, ``api_error_type`` and ``terminal_reason``;
  the exit code is 1 for all failures. So json is asked for unless the configuration says ``text``.
- ``--output-format stream-json`` wants ``--verbose``. Sessions are found by the folder that they were held in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from backends.exceptions import (
    AuthenticationError,
    BackendError,
    ContentFilteredError,
    ContextLengthError,
    InvalidRequestError,
)
from backends.llm_router.providers._program import Call, ProgramBackend, program_spec
from backends.llm_router.providers._program_files import Trace
from backends.llm_router.providers._program_options import (
    Check,
    boolean,
    folder,
    name,
    one_of,
    text,
    texts,
    uuid_text,
)
from backends.llm_router.providers._program_output import Answer
from backends.types import Usage

__all__ = ["SPEC", "ClaudeCodeBackend"]


#: Its reasons -> those of the chat format, which all backends use.
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "model_context_window_exceeded": "length",
}


def _folders(value: Any) -> tuple[str, ...]:
    return tuple(folder(item) for item in texts(value))


class ClaudeCodeBackend(ProgramBackend):
    type = "claude_code"
    program = "claude"
    title = "Claude Code"
    command_setting = "CLAUDE_CODE_CLI_CMD"
    model_setting = "CLAUDE_MODEL"
    # Bedrock and Vertex are ways to reach its models with the keys of those clouds.
    own_secrets = ("ANTHROPIC_", "CLAUDE_", "AWS_", "GOOGLE_APPLICATION_")
    takes_schema = True
    own_options: ClassVar[Mapping[str, Check]] = {
        "claude_output_format": one_of("text", "json", "stream-json"),
        "claude_input_format": one_of("text", "stream-json"),
        "claude_include_partial_messages": boolean,
        "claude_no_session_persistence": boolean,
        "claude_permission_mode": one_of(
            "acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "manual", "plan"
        ),
        "claude_system_prompt": text,
        "claude_append_system_prompt": text,
        "claude_tools": text,
        "claude_add_dir": _folders,
        "claude_allowed_tools": texts,
        "claude_disallowed_tools": texts,
        "claude_session_id": uuid_text,
        "claude_fork_session": boolean,
        "claude_setting_sources": text,
        "claude_mcp_config": texts,
        "claude_effort": name,
    }

    def arguments(self, call: Call) -> list[str]:
        wire = self._format(call)
        tools = call.set("claude_tools", "")
        words = ["--print", f"--output-format={wire}", f"--tools={tools}"]
        words += [f"--setting-sources={call.set('claude_setting_sources', '')}", "--strict-mcp-config"]
        if not tools:
            words.append("--disable-slash-commands")
        if wire == "stream-json":
            words.append("--verbose")
            if call.streaming or call.set("claude_include_partial_messages"):
                words.append("--include-partial-messages")
        if call.model:
            words.append(f"--model={call.model}")
        if call.request.json_schema is not None:
            words.append(f"--json-schema={json.dumps(call.request.json_schema)}")
        return words + self._session(call) + self._passed_through(call)

    def finish(self, call: Call, answer: Answer) -> None:
        # A resumed session reports what the whole session has cost.
        if answer.usage is not None and _resumes(call):
            answer.usage = Usage(answer.usage.prompt_tokens, answer.usage.completion_tokens)

    def _format(self, call: Call) -> str:
        chosen = call.set("claude_output_format")
        if call.set("claude_input_format") == "stream-json" and chosen in ("text", "json"):
            raise InvalidRequestError(
                'claude_input_format "stream-json" needs claude_output_format "stream-json"', provider=self.id
            )
        if chosen == "text":
            return "text"
        whole = "stream-json" if call.set("claude_input_format") == "stream-json" else "json"
        return "stream-json" if call.streaming else str(chosen or whole)

    def _session(self, call: Call) -> list[str]:
        words = []
        if "resume_session_id" in call.options:
            words.append(f"--resume={call.options['resume_session_id']}")
        elif call.set("continue_session"):
            words.append("--continue")
        if call.set("claude_fork_session"):
            words.append("--fork-session")
        if "claude_session_id" in call.options:
            words.append(f"--session-id={call.options['claude_session_id']}")
        if call.set("claude_no_session_persistence"):
            words.append("--no-session-persistence")
        return words

    def _passed_through(self, call: Call) -> list[str]:
        single = {
            "claude_input_format": "--input-format",
            "claude_permission_mode": "--permission-mode",
            "claude_system_prompt": "--system-prompt",
            "claude_append_system_prompt": "--append-system-prompt",
            "claude_effort": "--effort",
        }
        many = {
            "claude_add_dir": "--add-dir",
            "claude_allowed_tools": "--allowed-tools",
            "claude_disallowed_tools": "--disallowed-tools",
            "claude_mcp_config": "--mcp-config",
        }
        words = [f"{flag}={call.options[key]}" for key, flag in single.items() if key in call.options]
        return words + [f"{flag}={item}" for key, flag in many.items() for item in call.set(key, ())]

    def environment(self, call: Call) -> dict[str, str]:
        variables = {
            # The router retries; a program that does so too would multiply the attempts.
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
        }
        if not call.set("claude_tools", ""):
            variables["CLAUDE_CODE_DISABLE_ATTACHMENTS"] = "1"
        if "max_tokens" in call.options:
            variables["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(call.options["max_tokens"])
        return variables

    def stdin(self, call: Call) -> str:
        prompt = self.as_data(call.prompt)
        if call.set("claude_input_format") != "stream-json":
            return prompt
        return json.dumps({"type": "user", "message": {"role": "user", "content": prompt}}) + "\n"

    def structured(self, call: Call) -> bool:
        return self._format(call) != "text"

    def event(self, event: Mapping[str, Any], answer: Answer) -> str | None:
        answer.session_id = event.get("session_id") or answer.session_id
        if event.get("type") == "stream_event":
            return _delta(event)
        if event.get("type") == "assistant" and isinstance(event.get("message"), Mapping):
            answer.model = event["message"].get("model") or answer.model
        if event.get("type") == "result":
            self._result(event, answer)
        return None

    def _result(self, event: Mapping[str, Any], answer: Answer) -> None:
        answer.complete = True
        answer.text = str(event.get("result") or "")
        if event.get("structured_output") is not None:
            answer.text = json.dumps(event["structured_output"], ensure_ascii=False)
        reason = event.get("stop_reason")
        answer.finish_reason = _FINISH.get(str(reason), reason)
        used = event.get("usage") or {}
        cached = used.get("cache_creation_input_tokens", 0) + used.get("cache_read_input_tokens", 0)
        answer.usage = Usage(
            prompt_tokens=used.get("input_tokens", 0) + cached,
            completion_tokens=used.get("output_tokens", 0),
            cost_usd=event.get("total_cost_usd"),
        )
        models = list(event.get("modelUsage") or {})
        answer.model = answer.model or (models[0] if len(models) == 1 else None)
        if event.get("is_error"):
            answer.error = self._reported(event)
            answer.text = ""

    def _reported(self, event: Mapping[str, Any]) -> BackendError:
        message = str(event.get("result") or event.get("subtype") or "")
        if event.get("terminal_reason") == "prompt_too_long":
            return ContextLengthError(message, provider=self.id, status=event.get("api_error_status"))
        if event.get("stop_reason") == "refusal":
            return ContentFilteredError("the model declined to answer", provider=self.id)
        status = event.get("api_error_status")
        if isinstance(status, int):
            return self.status_error(status, message, str(event.get("api_error_type") or ""))
        # No request was made at all: the only failure of that kind is a missing login.
        if event.get("terminal_reason") == "api_error" and not event.get("duration_api_ms"):
            return AuthenticationError(f"{message}; log in with `claude` or set ANTHROPIC_API_KEY", provider=self.id)
        return self.status_error(500, message)

    def artifact_name(self, trace: Trace) -> tuple[str, str] | None:
        return None if trace.directory is None else ("claude_print", ".txt")


def _resumes(call: Call) -> bool:
    return "resume_session_id" in call.options or bool(call.set("continue_session"))


def _delta(event: Mapping[str, Any]) -> str | None:
    """The text of a partial message; those of a tool's inner conversation are not the answer."""
    inner = event.get("event")
    if event.get("parent_tool_use_id") or not isinstance(inner, Mapping):
        return None
    delta = inner.get("delta")
    return delta.get("text") if isinstance(delta, Mapping) and delta.get("type") == "text_delta" else None


SPEC = program_spec(
    ClaudeCodeBackend, aliases=("claude", "claude_cli"), install="npm install -g @anthropic-ai/claude-code"
)
