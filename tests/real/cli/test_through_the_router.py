"""The configurations of document 000, through the router, with the real programs."""

from __future__ import annotations

import json

import pytest

from backends.exceptions import ConfigurationError
from backends.llm_router_backend import LLMRouterBackend
from tests.real.cli.programs import Bench, failure_body

pytestmark = [pytest.mark.cli, pytest.mark.slow]


def test_the_documents_first_configuration_answers(bench: Bench) -> None:
    entry = {
        "id": "llm-router",
        "type": "llm_router",
        "provider": "copilot_cli",
        "model": "gpt-5-mini",
        "max_tokens": 128,
    }

    with LLMRouterBackend(**entry, env=bench.env) as backend:
        assert backend.generate("What was it?") == "It was wage theft."
    assert bench.server.generations[0].body["model"] == "gpt-5-mini"


def test_tracing_keys_of_the_configuration_reach_the_program(bench: Bench) -> None:
    traces = bench.folder / "traces"
    keys = {"trace": True, "trace_dir": str(traces), "trace_jsonl_path": str(traces / "calls.jsonl")}

    with LLMRouterBackend(provider="claude_code", model="test-model", env=bench.env, **keys) as backend:
        backend.generate("hello")

    assert len(list(traces.glob("claude_print_*.txt"))) == 1
    records = [json.loads(line) for line in (traces / "calls.jsonl").read_text().splitlines()]
    assert [record.get("record") for record in records].count("program") == 1


def test_a_failed_program_is_followed_by_the_next(bench: Bench) -> None:
    bench.server.fail(401, failure_body("authentication_error", "no"))
    bench.env["COPILOT_PROVIDER_BASE_URL"] = "http://127.0.0.1:9/v1"
    chain = ["copilot_cli", "mock"]

    with LLMRouterBackend(
        provider="claude_code", model="test-model", fallback_providers=chain, env=bench.env
    ) as backend:
        completion = backend.complete("hello", timeout=60)

    assert completion.provider == "mock"
    first = completion.attempts[0]
    assert (first.provider, first.error) == ("claude_code", "AuthenticationError")


def test_a_session_goes_on_from_call_to_call(bench: Bench) -> None:
    with LLMRouterBackend(provider="claude_code", model="test-model", env=bench.env, cache=False) as backend:
        backend.generate("My name is Ada.")
    with LLMRouterBackend(
        provider="claude_code", model="test-model", env=bench.env, cache=False, continue_session=True
    ) as backend:
        backend.generate("What is my name?")

    assert "My name is Ada." in bench.server.generations[-1].text


def test_a_mistyped_key_names_the_near_one(bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match="claude_output_format"):
        LLMRouterBackend(provider="claude_code", claude_outputformat="json", env=bench.env)
