"""The router's command line, run as a program: the text alone on stdout, errors in one line, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

HOME = Path(__file__).resolve().parents[3]


def run(*arguments: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME), "LANG": "C.UTF-8", **variables}
    return subprocess.run(
        [sys.executable, "-m", "backends.llm_router", *arguments],
        input=given, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_text_alone_goes_to_stdout():
    done = run("generate", "--provider", "mock", "--prompt", "hello")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


def test_a_terminal_shows_the_text_and_nothing_else():
    mine, its = os.openpty()
    command = [sys.executable, "-m", "backends.llm_router", "generate", "--provider", "mock", "hello"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME)}
    with os.fdopen(mine, "rb", buffering=0) as terminal:
        done = subprocess.run(command, stdout=its, stderr=subprocess.PIPE, env=env, timeout=60, check=False)
        os.close(its)
        shown = terminal.read(1000)
    assert (done.returncode, shown) == (0, b"Mock answer to: hello\r\n")


def test_a_model_cannot_act_on_the_terminal():
    mine, its = os.openpty()
    prompt = "\x1b]0;title\x07\x1b[2Jx"
    command = [sys.executable, "-m", "backends.llm_router", "generate", "--provider", "mock", prompt]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME)}
    with os.fdopen(mine, "rb", buffering=0) as terminal:
        done = subprocess.run(command, stdout=its, stderr=subprocess.PIPE, env=env, timeout=60, check=False)
        os.close(its)
        shown = terminal.read(1000)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"title" in shown
    assert not {0x1B, 0x07} & set(shown)


@pytest.mark.parametrize("arguments", [["hello", "there"], ["-p", "hello there"], ["-p", "-"]])
def test_a_prompt_comes_as_words_option_or_input(arguments):
    done = run("generate", "--provider", "mock", *arguments, given="hello there")
    assert "hello there" in done.stdout


def test_a_prompt_comes_from_a_file_and_the_text_goes_to_one(tmp_path):
    (tmp_path / "in").write_text("from a file")
    done = run("generate", "--provider", "mock", "-f", str(tmp_path / "in"), "-o", str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == done.stdout.rstrip("\n")


def test_a_file_that_is_no_text_is_one_line(tmp_path):
    (tmp_path / "in").write_bytes(b"\xff\xfe\x00")
    done = run("generate", "--provider", "mock", "-f", str(tmp_path / "in"))
    assert done.returncode == 2
    assert "is not UTF-8 text" in done.stderr


def test_input_that_is_no_text_is_one_line():
    command = [sys.executable, "-m", "backends.llm_router", "generate", "--provider", "mock", "-p", "-"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME), "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, input=b"\xff\xfe", env=env, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"standard input is not UTF-8 text" in done.stderr


@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [
        ("| true", "0", ""),
        (">&-", "1", "standard output is closed"),
        ("> /dev/full", "1", "No space left on device"),
    ],
)
def test_whatever_the_output_is_tied_to_the_end_is_one_line(redirection, code, message):
    program = f"{sys.executable} -m backends.llm_router generate --provider mock hello"
    script = f'set -o pipefail; {program} {redirection}; echo "$?" >&2'
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME)}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)
    *told, seen = done.stderr.splitlines()
    assert (seen, len(told)) == (code, bool(message))
    assert message in "".join(told)


def test_half_of_a_character_in_an_answer_is_json_all_the_same():
    done = run("generate", "--provider", "mock", "--json", "\udcff")
    assert json.loads(done.stdout)["text"].startswith("Mock answer to: ")


def test_json_tells_how_it_came_about():
    told = json.loads(run("generate", "--provider", "MOCK", "--json", "x").stdout)
    assert told["provider"] == "mock"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["generate"], 2, "give one prompt"),
        (["generate", "a", "-p", "b"], 2, "give one prompt"),
        (["generate", "--provider", "mock", " "], 2, "the prompt is empty"),
        (["generate", "--max-tokens", "0", "a"], 2, "max-tokens"),
        (["generate", "--provider", "opnai", "a"], 2, 'did you mean "openai"'),
        (["generate", "--provider", "openai", "a"], 1, "OPENAI_API_KEY"),
        (["generat"], 2, "No such command"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments, code, message):
    done = run(*arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_providers_tell_why_not():
    brief = run("providers").stdout
    full = run("providers", "--verbose").stdout
    assert "openrouter" not in brief
    assert "OPENROUTER_API_KEY" in full
    assert {row["name"] for row in json.loads(run("providers", "--json").stdout)} >= {
        "mock",
        "workstation",
        "ipfs_peer",
    }


def test_test_shows_who_answered():
    done = run("test", "--provider", "mock")
    assert done.returncode == 0
    assert "mock" in done.stderr


def test_clear_cache_forgets_what_is_on_disk(tmp_path):
    place = {"COMPLAINT_GENERATOR_ROUTER_CACHE_PATH": str(tmp_path / "cache.db")}
    ask = ("generate", "--provider", "mock", "--json", "x")
    before = [json.loads(run(*ask, **place).stdout)["cached"] for _ in range(2)]
    cleared = run("clear-cache", **place)
    after = json.loads(run(*ask, **place).stdout)["cached"]
    assert (before, after) == ([False, True], False)
    assert "cache.db" in cleared.stderr


def test_serve_on_another_address_needs_a_token():
    done = run("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "no token is set" in done.stderr


@pytest.mark.parametrize("token", ["geheimnis-ß", "two words", "tab\tbed", "\udcff"])
def test_a_token_that_no_client_can_send_is_refused_at_start(token):
    done = run("serve", "--port", "0", COMPLAINT_GENERATOR_LLM_SERVER_TOKEN=token)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "must be printable ASCII" in done.stderr
    assert token not in done.stderr


@pytest.mark.slow
def test_serve_answers_until_it_is_interrupted(tmp_path):
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "PYTHONPATH": str(HOME)}
    command = [sys.executable, "-m", "backends.llm_router", "serve", "--port", str(port), "--provider", "mock"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as server:
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(transport=transport) as client:
            answer = client.post(f"http://127.0.0.1:{port}/api/v0/ai/llm/generate", json={"prompt": "hello"})
        server.terminate()
        server.communicate(timeout=20)
    assert answer.json()["provider"] == "mock"
