"""What all agent programs must do, each run for real."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from pathlib import Path

import pytest

from backends.exceptions import (
    AuthenticationError,
    BackendError,
    BackendTimeoutError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
)
from backends.types import Completion, Usage
from tests.real.cli.model_server import INPUT_TOKENS, OUTPUT_TOKENS
from tests.real.cli.programs import (
    BIN,
    PROGRAMS,
    PROVIDERS,
    SHELL_ON,
    Bench,
    failure_body,
    installed_versions,
    pinned_version,
    shell_tool,
    spec_of,
)
from tests.support.processes import processes_naming

pytestmark = [pytest.mark.cli, pytest.mark.slow]
every_program = pytest.mark.parametrize("provider", PROGRAMS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


@every_program
def test_the_installed_program_is_the_pinned_one(provider: str) -> None:
    assert pinned_version(provider) in installed_versions().values()


@every_provider
def test_it_is_available_when_its_program_is_on_path(provider: str, bench: Bench) -> None:
    health = bench.make(provider).health()

    assert health.ok
    assert str(BIN) in health.detail


@every_provider
def test_it_answers_with_the_models_text_and_the_programs_numbers(provider: str, bench: Bench) -> None:
    completion = bench.make(provider).complete("What was it?")

    assert completion.text == "It was wage theft."
    assert completion.provider == provider
    assert completion.model == "test-model" or completion.model is None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)
    assert not completion.usage.estimated
    assert completion.request_id


@every_provider
def test_it_asks_for_the_configured_model_and_no_other(provider: str, bench: Bench) -> None:
    bench.make(provider).generate("hello", model="other-model")

    assert {str(request.body.get("model") or request.path) for request in bench.server.generations} <= {
        "other-model",
        "/v1beta/models/other-model:streamGenerateContent?alt=sse",
    }


@every_provider
def test_a_stream_is_the_completion_in_pieces(provider: str, bench: Bench) -> None:
    *pieces, completion = bench.make(provider).stream_items("hello")

    assert isinstance(completion, Completion)
    assert "".join(str(piece) for piece in pieces) == completion.text == "It was wage theft."


@every_provider
def test_an_answer_keeps_its_every_character(provider: str, bench: Bench) -> None:
    bench.server.answer = "x < y and y > z\n\n```\n{\"a\": '\\u00e9'}\n```\nÄ\u2028\U0001f600 `rm -rf` --help"

    assert bench.make(provider).generate("hello") == bench.server.answer


@every_provider
async def test_many_calls_run_at_once(provider: str, bench: Bench) -> None:
    backend = bench.make(provider)

    texts = await asyncio.gather(*(backend.agenerate(f"call {number}") for number in range(3)))

    assert texts == ["It was wage theft."] * 3
    assert all(f"call {number}" in bench.server.sent for number in range(3))


# -- a prompt is data ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt",
    [
        pytest.param("--help", id="an option"),
        pytest.param("-", id="a dash"),
        pytest.param("/quit", id="a command"),
        pytest.param("/clear now", id="a command with words"),
        pytest.param("!touch MARKER", id="a shell escape"),
        pytest.param('It\'s "so" $(touch MARKER) `touch MARKER`; touch MARKER', id="shell text"),
        pytest.param("first\nsecond\n\nfourth", id="lines"),
        pytest.param("a\0b", id="NUL"),
        pytest.param("{prompt} {model} %s ${HOME}", id="placeholders"),
        pytest.param("# Title\n@SECRET and @./secret.txt, @secret.txt", id="file references"),
    ],
)
@every_provider
def test_a_hostile_prompt_reaches_the_model_as_it_is(provider: str, prompt: str, bench: Bench) -> None:
    secret, marker = bench.folder / "secret.txt", bench.folder / "marker"
    secret.write_text("CONTENT-OF-THE-FILE")
    prompt = prompt.replace("MARKER", str(marker)).replace("SECRET", str(secret))

    bench.make(provider).generate(prompt)

    assert any(prompt in said for request in bench.server.generations for said in _texts(request.body))
    assert "CONTENT-OF-THE-FILE" not in bench.server.sent
    assert not marker.exists()


@every_provider
def test_a_prompt_reads_no_file_of_a_configured_folder(provider: str, bench: Bench) -> None:
    work = bench.folder / "work"
    work.mkdir()
    (work / "secret.txt").write_text("CONTENT-OF-THE-FILE")

    bench.make(provider, working_directory=str(work)).generate(
        f"Compare @secret.txt, x@secret.txt and @{work}/secret.txt"
    )

    assert "CONTENT-OF-THE-FILE" not in bench.server.sent


@every_provider
def test_a_prompt_of_a_megabyte_arrives_whole(provider: str, bench: Bench) -> None:
    prompt = "x" * 1_000_000  # few tokens: Copilot counts them and refuses what its model could not hold

    bench.make(provider).generate(prompt)

    assert any(prompt.strip() in said for said in _texts(bench.server.generations[0].body))


@every_provider
def test_a_model_that_asks_for_a_shell_gets_none(provider: str, bench: Bench) -> None:
    marker = bench.folder / "marker"
    bench.server.tool = shell_tool(provider, f"touch {marker}")

    bench.make(provider).generate("hello")

    assert not marker.exists()
    offered = {name for request in bench.server.generations for name in _tools(request.body)}
    assert offered <= {"request_user_input"}  # Codex's question to a person, who is not there


@every_program
def test_the_shell_runs_when_it_is_switched_on(provider: str, bench: Bench) -> None:
    work = bench.folder / "work"
    work.mkdir()
    bench.server.tool = shell_tool(provider, f"touch {work}/marker")

    bench.make(provider, working_directory=str(work), **SHELL_ON[provider]).generate("hello")

    assert (work / "marker").exists()


@every_provider
def test_an_empty_prompt_is_refused_before_the_program_starts(provider: str, bench: Bench) -> None:
    with pytest.raises(InvalidRequestError, match="empty"):
        bench.make(provider).generate("  \n")

    assert not bench.server.requests


# -- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "authentication_error", AuthenticationError),
        (403, "permission_error", PermissionDeniedError),
        (404, "not_found_error", ModelNotFoundError),
        (400, "invalid_request_error", InvalidRequestError),
    ],
)
@every_provider
def test_a_failure_of_the_service_is_the_right_error(
    provider: str, status: int, code: str, expected: type[BackendError], bench: Bench
) -> None:
    bench.server.fail(status, failure_body(code, "no; your key sk-ant-0123456789abcdef"))

    with pytest.raises(expected) as caught:
        bench.make(provider).generate("hello")

    assert caught.value.provider == provider
    assert caught.value.model == "test-model"
    assert caught.value.status in (status, None)
    assert "0123456789abcdef" not in str(caught.value)


@every_provider
def test_a_silent_service_ends_at_the_deadline_and_leaves_nothing(provider: str, bench: Bench) -> None:
    bench.server.hang.clear()
    started = time.monotonic()

    with pytest.raises(BackendTimeoutError):
        bench.make(provider).generate("hello", timeout=5)

    assert time.monotonic() - started < 15
    assert processes_naming(str(bench.home)) == []


@every_provider
async def test_a_cancelled_call_leaves_nothing(provider: str, bench: Bench) -> None:
    bench.server.hang.clear()
    task = asyncio.create_task(bench.make(provider).agenerate("hello"))
    await asyncio.to_thread(bench.server.asked.wait, 60)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes_naming(str(bench.home)) == []


@every_provider
def test_a_finished_call_leaves_no_process_and_no_temporary_file(provider: str, bench: Bench) -> None:
    bench.make(provider).generate("hello")

    assert processes_naming(str(bench.home)) == []
    assert [path.name for path in (bench.folder / "tmp").iterdir()] in ([], [_own_folder(bench)])


# -- sessions -----------------------------------------------------------------------------------


@every_provider
def test_a_session_is_resumed_by_its_id(provider: str, bench: Bench) -> None:
    backend = bench.make(provider)
    first = backend.complete("My name is Ada.")

    second = backend.complete("What is my name?", resume_session_id=first.request_id)

    assert second.request_id == first.request_id
    assert "My name is Ada." in bench.server.generations[-1].text


@every_provider
def test_the_last_session_is_continued(provider: str, bench: Bench) -> None:
    backend = bench.make(provider)
    backend.generate("My name is Ada.")

    backend.generate("What is my name?", continue_session=True)

    assert "My name is Ada." in bench.server.generations[-1].text


@pytest.mark.parametrize("provider", ["codex_cli", "copilot_cli"])
def test_the_numbers_of_a_whole_session_are_not_taken_for_the_calls(provider: str, bench: Bench) -> None:
    backend = bench.make(provider)
    backend.generate("one")

    assert backend.complete("two", continue_session=True).usage == Usage()


@every_provider
def test_calls_do_not_see_each_other(provider: str, bench: Bench) -> None:
    backend = bench.make(provider)
    backend.generate("My name is Ada.")

    backend.generate("What is my name?")

    assert "My name is Ada." not in bench.server.generations[-1].text


@every_provider
def test_a_session_that_does_not_exist_is_an_error(provider: str, bench: Bench) -> None:
    with pytest.raises(BackendError):
        bench.make(provider).generate("hello", resume_session_id="00000000-0000-4000-8000-00000000beef")

    assert not bench.server.generations


# -- traces -------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["claude_code", "copilot_cli", "gemini_cli", "copilot_sdk"])
def test_a_record_of_every_call_is_small_and_holds_no_text(provider: str, bench: Bench) -> None:
    path = bench.folder / "traces" / "calls.jsonl"
    backend = bench.make(provider, trace_jsonl_path=str(path))
    backend.generate("A prompt that nobody should find.")
    bench.server.fail(401, failure_body("authentication_error", "no"))
    with pytest.raises(AuthenticationError):
        backend.generate("A prompt that nobody should find.")

    well, badly = (json.loads(line) for line in path.read_text().splitlines())

    assert (well["outcome"], badly["outcome"]) == ("ok", "AuthenticationError")
    assert well["session_id"]
    assert well["response_bytes"] == len("It was wage theft.")
    assert "nobody should find" not in path.read_text()
    assert "wage theft" not in path.read_text()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("provider", ["claude_code", "copilot_cli", "gemini_cli"])
def test_a_record_names_the_programs_version(provider: str, bench: Bench) -> None:
    path = bench.folder / "calls.jsonl"

    bench.make(provider).generate("hello", trace_jsonl_path=str(path))

    assert json.loads(path.read_text())["program_version"] == pinned_version(provider)


@pytest.mark.parametrize("provider", ["claude_code", "copilot_cli", "gemini_cli", "copilot_sdk"])
def test_the_text_is_in_the_record_when_asked_for(provider: str, bench: Bench) -> None:
    path = bench.folder / "calls.jsonl"

    bench.make(provider).generate("hello there", trace_jsonl_path=str(path), trace_content=True)

    record = json.loads(path.read_text())
    assert (record["prompt"], record["response"]) == ("hello there", "It was wage theft.")


@every_provider
def test_its_declaration_names_every_option_that_it_takes(provider: str, bench: Bench) -> None:
    spec = spec_of(provider)

    assert spec.settings <= bench.make(provider).known_options


def _texts(body: object) -> list[str]:
    """Every text in the request. Gemini's escape for "@" is taken away: it is how the text stays text."""
    if isinstance(body, dict):
        return [found for item in body.values() for found in _texts(item)]
    if isinstance(body, list):
        return [found for item in body for found in _texts(item)]
    return [body.replace("\\@", "@")] if isinstance(body, str) else []


def _tools(body: dict[str, object]) -> list[str]:
    tools = body.get("tools") or []
    assert isinstance(tools, list)
    flat = [inner for tool in tools for inner in tool.get("functionDeclarations", [tool])]
    return [str(tool.get("name") or tool.get("function", {}).get("name") or tool.get("type")) for tool in flat]


def _own_folder(bench: Bench) -> str:
    return next(Path(bench.folder / "tmp").glob("complaint-generator-*")).name
