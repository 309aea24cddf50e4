"""The mock: the same answer every time, failures on demand, and a record of what it was asked."""

from __future__ import annotations

import pytest

from backends.exceptions import BackendTimeoutError, ConfigurationError, RateLimitError
from backends.llm_router import RouterDeps, complete_text, generate_text, stream_text
from backends.llm_router.providers.mock import MockBackend


def test_without_settings_it_repeats_the_prompt(deps: RouterDeps) -> None:
    assert generate_text("hello", provider="mock", deps=deps) == "Mock answer to: hello"


def test_answers_come_in_turn_and_begin_anew() -> None:
    mock = MockBackend(mock_responses=["a", "b"])

    assert [mock.generate("x") for _ in range(3)] == ["a", "b", "a"]
    mock.close()


def test_an_empty_answer_is_an_answer() -> None:
    mock = MockBackend(mock_response="")

    assert mock.generate("x") == ""
    mock.close()


def test_it_fails_with_the_error_that_is_named(deps: RouterDeps) -> None:
    with pytest.raises(RateLimitError):
        generate_text("x", provider="mock", mock_error="RateLimitError", max_retries=0, deps=deps)


def test_an_error_that_does_not_exist_is_refused_with_the_near_miss() -> None:
    with pytest.raises(ConfigurationError, match='did you mean "RateLimitError"'):
        MockBackend(mock_error="RateLimitEror")


def test_it_keeps_the_deadline() -> None:
    mock = MockBackend(mock_delay=60)

    with pytest.raises(BackendTimeoutError):
        mock.generate("x", timeout=0.01)
    mock.close()


def test_it_remembers_what_it_was_asked() -> None:
    mock = MockBackend()
    mock.generate("hello", temperature=0)

    assert mock.requests[0].text == "hello"
    assert mock.requests[0].options == {"temperature": 0}
    mock.close()


def test_a_stream_comes_word_by_word_with_every_line_end(deps: RouterDeps) -> None:
    text = "two words\nand a line\n\n"

    pieces = list(stream_text("x", provider="mock", mock_response=text, deps=deps))

    assert "".join(pieces) == text
    assert len(pieces) > 4
    assert all(pieces)


def test_it_counts_words_as_tokens_and_costs_nothing(deps: RouterDeps) -> None:
    usage = complete_text("one two three", provider="mock", mock_response="four five", deps=deps).usage

    assert (usage.prompt_tokens, usage.completion_tokens, usage.cost_usd) == (3, 2, 0.0)
