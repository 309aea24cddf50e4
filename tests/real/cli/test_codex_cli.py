"""The keys of ``codex_cli``, and what its head says of the program."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backends.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ContextLengthError,
    ProviderUnavailableError,
    RateLimitError,
)
from tests.real.cli.programs import Bench, failure_body

pytestmark = [pytest.mark.cli, pytest.mark.slow]


def _error(code: str, message: str = "no") -> dict[str, Any]:
    return {"error": {"type": code, "code": code, "message": message}}


@pytest.mark.parametrize(
    ("status", "body", "expected", "retryable"),
    [
        (429, _error("insufficient_quota"), RateLimitError, False),
        (429, _error("usage_limit_reached"), RateLimitError, False),
        (429, _error("rate_limit_exceeded"), RateLimitError, True),
        (400, _error("context_length_exceeded"), ContextLengthError, False),
        (500, _error("server_error"), ProviderUnavailableError, True),
        (503, _error("server_error"), ProviderUnavailableError, True),
    ],
)
def test_its_sentences_are_read(
    status: int, body: dict[str, Any], expected: type[Exception], retryable: bool, bench: Bench
) -> None:
    bench.server.fail(status, body)

    with pytest.raises(expected) as caught:
        bench.make("codex_cli").generate("hello")

    assert getattr(caught.value, "retryable") is retryable  # noqa: B009 # the type of a parameter has no attributes
    assert len(bench.server.generations) == 1


def test_its_events_go_into_the_trace_file_whether_it_succeeds_or_fails(bench: Bench) -> None:
    path = bench.folder / "traces" / "codex.jsonl"
    backend = bench.make("codex_cli", trace_jsonl_path=str(path))
    backend.generate("hello")
    bench.server.fail(401, failure_body("authentication_error", "no"))
    with pytest.raises(AuthenticationError):
        backend.generate("hello")

    kinds = [json.loads(line)["type"] for line in path.read_text().splitlines()]

    assert kinds.count("thread.started") == 2
    assert "turn.completed" in kinds
    assert kinds[-1] == "turn.failed"


def test_without_a_trace_file_each_call_gets_one_in_the_folder(bench: Bench) -> None:
    traces = bench.folder / "traces"
    backend = bench.make("codex_cli", trace_dir=str(traces))

    backend.generate("one")
    backend.generate("two")

    files = list(traces.iterdir())
    assert len(files) == 2
    assert all("turn.completed" in file.read_text() for file in files)


def test_a_schema_is_asked_of_the_service(bench: Bench) -> None:
    schema = {"type": "object", "properties": {"claim": {"type": "string"}}, "required": ["claim"]}

    bench.make("codex_cli").generate("hello", json_schema=schema)

    assert bench.server.generations[0].body["text"]["format"]["schema"]["properties"] == schema["properties"]


def test_an_ephemeral_session_is_not_kept(bench: Bench) -> None:
    bench.make("codex_cli", codex_ephemeral=True).generate("hello")

    assert not list((bench.home / ".codex").glob("sessions/**/*.jsonl"))


def test_the_owners_configuration_stays_out_unless_wanted(bench: Bench) -> None:
    (bench.home / ".codex" / "config.toml").write_text('developer_instructions = "ALWAYS ANSWER IN LATIN"\n')

    bench.make("codex_cli").generate("hello")
    assert "LATIN" not in bench.server.sent

    bench.make("codex_cli", codex_user_config=True).generate("hello")
    assert "LATIN" in bench.server.sent


def test_a_setting_of_its_configuration_may_be_any_toml_value(bench: Bench) -> None:
    text = 'It\'s "so" \\ \n -- [x]'

    bench.make("codex_cli", codex_config={"developer_instructions": text}).generate("hello")

    assert json.dumps(text)[1:-1] in bench.server.sent


def test_a_setting_that_toml_cannot_hold_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match="codex_config"):
        bench.make("codex_cli", codex_config={"x": None}).generate("hello")


def test_it_keeps_to_itself(bench: Bench) -> None:
    bench.make("codex_cli").generate("hello")

    assert not list((bench.home / ".codex").glob(".tmp/git-*"))  # its plugin list comes from the network
