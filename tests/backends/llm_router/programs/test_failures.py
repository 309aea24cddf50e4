"""What goes wrong with programs, whichever they are: each ends in the right error, and nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from backends.exceptions import (
    BackendTimeoutError,
    ConfigurationError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
    RateLimitError,
)
from tests.backends.llm_router.programs.conftest import BACKENDS, Fakes
from tests.support.processes import processes_naming

pytestmark = pytest.mark.slow
every_program = pytest.mark.parametrize("provider", BACKENDS)

_HANG = "open(os.environ['HOME'] + '/started', 'w').close(); time.sleep(600)"
#: Starts a child in its group, and one in a session of its own that ignores the polite signal.
_LEAVES_CHILDREN = """
import signal
if os.fork() == 0:
    time.sleep(600)
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)
time.sleep(0.2)
"""


@every_program
def test_a_program_that_is_not_there_is_unavailable_and_says_what_to_do(provider: str, fakes: Fakes) -> None:
    backend = fakes.backend(provider)

    assert not backend.health().ok
    with pytest.raises(ProviderUnavailableError, match="is not on PATH; install it or set program_path") as caught:
        backend.generate("hello")
    assert not caught.value.retryable


@every_program
def test_npx_alone_makes_nothing_available(provider: str, fakes: Fakes) -> None:
    fakes.program("npx", "")

    assert not fakes.backend(provider).health().ok


@every_program
@pytest.mark.parametrize("code", [1, 2, 7, 99])
def test_an_exit_code_is_told_with_the_last_words_of_stderr(provider: str, code: int, fakes: Fakes) -> None:
    body = f"sys.stdin.read(); sys.stderr.write('first\\nthe disk is full\\n'); sys.exit({code})"

    with pytest.raises(ProviderUnavailableError, match=f"exit code {code}: first the disk is full") as caught:
        fakes.backend(provider, body).generate("hello")

    assert caught.value.exit_code == code


@every_program
def test_a_program_that_is_killed_is_unavailable(provider: str, fakes: Fakes) -> None:
    with pytest.raises(ProviderUnavailableError, match="signal 9") as caught:
        fakes.backend(provider, "os.kill(os.getpid(), 9)").generate("hello")

    assert caught.value.exit_code == -9


@every_program
def test_silence_with_success_is_no_answer(provider: str, fakes: Fakes) -> None:
    with pytest.raises(MalformedResponseError):
        fakes.backend(provider, "sys.stdin.read()").generate("hello")


@every_program
def test_output_of_another_shape_is_no_answer(provider: str, fakes: Fakes) -> None:
    body = "sys.stdin.read(); print('[1, 2]'); print('{\"type\": 7, \"item\": null}'); print('null'); print('{' * 5000)"

    with pytest.raises(MalformedResponseError):
        fakes.backend(provider, body).generate("hello")


@every_program
def test_a_hanging_program_ends_at_the_deadline(provider: str, fakes: Fakes) -> None:
    started = time.monotonic()

    with pytest.raises(BackendTimeoutError) as caught:
        fakes.backend(provider, _HANG).generate("hello", timeout=1)

    assert caught.value.retryable
    assert time.monotonic() - started < 20
    assert processes_naming(str(fakes.folder)) == []


@every_program
def test_a_program_that_ignores_the_polite_signal_ends_all_the_same(provider: str, fakes: Fakes) -> None:
    body = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _HANG

    with pytest.raises(BackendTimeoutError):
        fakes.backend(provider, body).generate("hello", timeout=1)

    assert processes_naming(str(fakes.folder)) == []


@pytest.mark.parametrize("ending", ["sys.exit(0)", "sys.exit(3)", "time.sleep(600)"])
def test_children_end_with_the_program_wherever_they_went(ending: str, fakes: Fakes) -> None:
    backend = fakes.backend("claude_code", _LEAVES_CHILDREN + ending)

    with pytest.raises((MalformedResponseError, ProviderUnavailableError, BackendTimeoutError)):
        backend.generate("hello", timeout=3)

    assert processes_naming(str(fakes.folder)) == []


@every_program
async def test_a_cancelled_call_leaves_nothing(provider: str, fakes: Fakes) -> None:
    task = asyncio.create_task(fakes.backend(provider, _HANG).agenerate("hello"))
    async with asyncio.timeout(20):
        while not (fakes.folder / "started").exists():  # noqa: ASYNC110 # a process has no event to wait for
            await asyncio.sleep(0.01)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes_naming(str(fakes.folder)) == []


#: The line by which each program says the first piece of its answer.
_ONE = {
    "claude_code": {"type": "stream_event", "event": {"delta": {"type": "text_delta", "text": "one"}}},
    "codex_cli": {"type": "item.completed", "item": {"type": "agent_message", "text": "one"}},
    "copilot_cli": {"type": "assistant.message_delta", "data": {"deltaContent": "one"}},
    "gemini_cli": {"type": "message", "role": "assistant", "content": "one"},
}


@every_program
def test_a_break_after_the_first_piece_carries_what_was_said(provider: str, fakes: Fakes) -> None:
    body = f"print({json.dumps(json.dumps(_ONE[provider]))}, flush=True); sys.exit(3)"

    with pytest.raises(ProviderUnavailableError) as caught:
        list(fakes.backend(provider, body).stream("hello"))

    assert caught.value.partial == "one"


@every_program
async def test_a_reader_that_leaves_a_stream_ends_the_program(provider: str, fakes: Fakes) -> None:
    body = f"print({json.dumps(json.dumps(_ONE[provider]))}, flush=True); time.sleep(600)"
    stream = fakes.backend(provider, body).astream("hello")

    assert await anext(stream) == "one"
    await stream.aclose()

    assert processes_naming(str(fakes.folder)) == []


@every_program
def test_a_flood_is_cut_off(provider: str, fakes: Fakes) -> None:
    body = "block = b'x' * 65536\nwhile True: sys.stdout.buffer.write(block)"

    with pytest.raises(MalformedResponseError, match="printed more than"):
        fakes.backend(provider, body).generate("hello", timeout=60)

    assert processes_naming(str(fakes.folder)) == []


@every_program
def test_a_flood_on_stderr_neither_blocks_nor_fills_the_message(provider: str, fakes: Fakes) -> None:
    body = "sys.stderr.write('noise ' * 3_000_000); sys.stderr.write('the reason'); sys.exit(9)"

    with pytest.raises(ProviderUnavailableError, match="the reason") as caught:
        fakes.backend(provider, body).generate("hello", timeout=60)

    assert len(str(caught.value)) < 1000


@every_program
def test_a_program_that_reads_nothing_can_still_answer_or_fail(provider: str, fakes: Fakes) -> None:
    with pytest.raises(ProviderUnavailableError, match="exit code 5"):
        fakes.backend(provider, "os.close(0); sys.exit(5)").generate("x" * 4_000_000)


def test_broken_utf_8_is_replaced_and_never_raises(fakes: Fakes) -> None:
    body = "sys.stderr.buffer.write(b'\\xff'); sys.stdout.buffer.write(b'caf\\xc3\\xa9 \\xff\\xfe \\xc3')"
    backend = fakes.backend("claude_code", body, claude_output_format="text")

    assert backend.generate("hello") == "café \ufffd\ufffd \ufffd"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_characters_and_lines_arrive_in_any_pieces(size: int, fakes: Fakes) -> None:
    event = {"type": "item.completed", "item": {"type": "agent_message", "text": "né\u2028\U0001f600"}}
    lines = json.dumps(event, ensure_ascii=False) + '\n{"type": "turn.completed", "usage": {}}'
    body = (
        f"data = {lines!r}.encode()\n"
        f"for at in range(0, len(data), {size}): sys.stdout.buffer.write(data[at:at + {size}]); sys.stdout.flush()"
    )

    assert fakes.backend("codex_cli", body).generate("hello") == "né\u2028\U0001f600"


def test_codex_says_quota_in_a_sentence_and_that_is_no_rate_to_wait_for(fakes: Fakes) -> None:
    event = {"type": "turn.failed", "error": {"message": "Quota exceeded. Check your plan and billing details."}}

    with pytest.raises(RateLimitError) as caught:
        fakes.backend("codex_cli", f"print({json.dumps(json.dumps(event))}); sys.exit(1)").generate("hello")

    assert not caught.value.retryable


@every_program
def test_a_word_in_a_message_decides_nothing(provider: str, fakes: Fakes) -> None:
    body = "sys.stderr.write('invalid timeout parameter; 429; quota; unauthorized; HTTP 503'); sys.exit(3)"

    with pytest.raises(ProviderUnavailableError) as caught:
        fakes.backend(provider, body).generate("hello")

    assert type(caught.value) is ProviderUnavailableError
    assert not caught.value.retryable


@every_program
def test_what_stderr_tells_of_a_key_is_taken_out(provider: str, fakes: Fakes) -> None:
    fakes.env |= {"ANTHROPIC_API_KEY": "plain-secret-1", "OPENAI_API_KEY": "plain-secret-1"}
    fakes.env |= {"COPILOT_GITHUB_TOKEN": "plain-secret-1", "GEMINI_API_KEY": "plain-secret-1"}
    body = "sys.stderr.write('refused plain-secret-1 and sk-ant-0123456789abcdef'); sys.exit(3)"

    with pytest.raises(ProviderUnavailableError, match=r"refused \[redacted\] and \[redacted\]"):
        fakes.backend(provider, body).generate("hello")


@every_program
def test_a_program_that_cannot_be_started_is_told_by_name(provider: str, fakes: Fakes) -> None:
    fakes.program(BACKENDS[provider].program, "").write_bytes(b"\x7fELF no program")

    with pytest.raises(ProviderUnavailableError, match="cannot start"):
        fakes.backend(provider).generate("hello")


@every_program
def test_a_working_folder_that_is_not_there_is_told(provider: str, fakes: Fakes) -> None:
    with pytest.raises(ConfigurationError, match="working_directory"):
        fakes.backend(provider, "", working_directory=str(fakes.folder / "missing")).generate("hello")


@every_program
def test_an_unwritable_trace_is_told_before_the_program_starts(provider: str, fakes: Fakes) -> None:
    (fakes.folder / "file").write_text("")
    place = fakes.folder / "file" / "traces"

    with pytest.raises(ConfigurationError, match="trace"):
        fakes.backend(provider, _HANG, trace_dir=str(place)).generate("hello", timeout=5)

    assert not (fakes.folder / "started").exists()


@every_program
def test_every_failure_leaves_its_record(provider: str, fakes: Fakes) -> None:
    path = fakes.folder / "calls.jsonl"
    backend = fakes.backend(provider, 'print(\'{"type": "x"}\'); sys.exit(3)', trace_jsonl_path=str(path))

    with pytest.raises(ProviderUnavailableError):
        backend.generate("hello")

    assert path.stat().st_size > 0


@every_program
def test_text_only_backends_are_refused_under_local_only(provider: str, fakes: Fakes) -> None:
    with pytest.raises(ConfigurationError, match="local_only"):
        fakes.backend(provider, _HANG, privacy="local_only").generate("hello")


@every_program
def test_an_unknown_option_names_the_near_one(provider: str, fakes: Fakes) -> None:
    with pytest.raises(InvalidRequestError, match='did you mean "resume_session_id"'):
        fakes.backend(provider, "").generate("hello", resume_sesion_id="x")
