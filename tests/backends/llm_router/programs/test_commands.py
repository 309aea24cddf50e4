"""Command templates, and what a program sees of this process."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from backends.exceptions import ConfigurationError, InvalidRequestError, ProviderUnavailableError
from backends.llm_router.providers.base import ProviderContext
from backends.llm_router.providers.copilot_cli import SPEC
from backends.llm_router.settings import PREFIXES, VARIABLES
from tests.backends.llm_router.programs.conftest import BACKENDS, Fakes

#: Prints its arguments and its input, for the tests to read.
_ECHO = "print(json.dumps({'arguments': sys.argv[1:], 'stdin': sys.stdin.read()}))"


def _echoed(fakes: Fakes, template: str, prompt: str, provider: str = "copilot_cli", **options: Any) -> dict[str, Any]:
    fakes.program("echo-back", _ECHO)
    found = json.loads(fakes.backend(provider, program_command=template).generate(prompt, **options))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "prompt",
    [
        'It\'s "so"',
        "$(touch pwned) `touch pwned` ; touch pwned | touch pwned",
        "two\nlines",
        "{prompt} {model} {0} %s",
        "a 'b c' d\\",
        "x --allow-all-tools -p y",
    ],
)
def test_a_prompt_is_exactly_one_argument(prompt: str, fakes: Fakes) -> None:
    assert _echoed(fakes, "echo-back -p {prompt} --end", prompt)["arguments"] == ["-p", prompt, "--end"]
    assert not (fakes.folder / "pwned").exists()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip))
def test_any_prompt_is_one_argument_that_begins_no_option(fakes: Fakes, prompt: str) -> None:
    _, found = _echoed(fakes, "echo-back -p {prompt}", prompt)["arguments"]

    assert found.removeprefix("\n") == prompt.removeprefix("\n")
    assert not found.startswith("-")


@pytest.mark.parametrize("prompt", ["--help", "-", "-p x"])
def test_a_prompt_never_becomes_an_option(prompt: str, fakes: Fakes) -> None:
    assert _echoed(fakes, "echo-back {prompt}", prompt)["arguments"] == ["\n" + prompt]


def test_inside_an_argument_a_dash_is_no_option(fakes: Fakes) -> None:
    assert _echoed(fakes, "echo-back --prompt={prompt}", "--help")["arguments"] == ["--prompt=--help"]


@pytest.mark.parametrize("provider", ["claude_code", "gemini_cli"])
def test_a_prompt_never_becomes_a_command_of_the_program(provider: str, fakes: Fakes) -> None:
    assert _echoed(fakes, "echo-back -p {prompt}", "/quit", provider)["arguments"] == ["-p", "\n/quit"]


def test_without_a_place_for_it_the_prompt_is_stdin(fakes: Fakes) -> None:
    assert _echoed(fakes, "echo-back -s", "--help 'x'") == {"arguments": ["-s"], "stdin": "--help 'x'"}


def test_the_model_has_a_place_too(fakes: Fakes) -> None:
    assert _echoed(fakes, "echo-back --model={model}", "hi", model="gpt-5-mini")["arguments"] == ["--model=gpt-5-mini"]


@pytest.mark.parametrize("provider", BACKENDS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_prefix_of_the_variable_is_read(provider: str, prefix: str, fakes: Fakes) -> None:
    fakes.program("echo-back", _ECHO)
    fakes.env[prefix + BACKENDS[provider].command_setting] = "echo-back 'two words' {prompt}"

    found = json.loads(fakes.backend(provider).generate("hello"))

    assert found["arguments"] == ["two words", "hello"]


@pytest.mark.parametrize("provider", BACKENDS)
def test_its_variables_stand_in_the_table(provider: str) -> None:
    assert {BACKENDS[provider].command_setting, BACKENDS[provider].model_setting} <= VARIABLES.keys()


def test_the_configuration_goes_before_the_environment(fakes: Fakes) -> None:
    fakes.env["COMPLAINT_GENERATOR_COPILOT_CLI_CMD"] = "missing-program"

    assert _echoed(fakes, "echo-back x", "hello")["arguments"] == ["x"]


def test_a_command_that_names_npx_counts_as_there(fakes: Fakes) -> None:
    fakes.program("npx", _ECHO)
    fakes.env["IPFS_KIT_COPILOT_CLI_CMD"] = "npx @github/copilot -p {prompt}"

    assert SPEC.available(ProviderContext(env=fakes.env)).ok
    assert json.loads(fakes.backend("copilot_cli").generate("hi"))["arguments"] == ["@github/copilot", "-p", "hi"]


@pytest.mark.parametrize("template", ["echo-back 'unclosed", "'' x", "{prompt}", "{prompt} x"])
def test_a_command_that_is_none_is_told(template: str, fakes: Fakes) -> None:
    backend = fakes.backend("copilot_cli", program_command=template)

    assert not backend.health().ok
    with pytest.raises((ConfigurationError, ProviderUnavailableError)):
        backend.generate("rm")


@pytest.mark.parametrize("prompt", ["a\0b", "x" * 3_000_000])
def test_what_cannot_be_an_argument_is_told(prompt: str, fakes: Fakes) -> None:
    with pytest.raises(InvalidRequestError, match=r"without \{prompt\}"):
        _echoed(fakes, "echo-back {prompt}", prompt)


# -- what a program sees ------------------------------------------------------------------------

_TELL = (
    "sys.stdin.read(); names = sorted(os.environ)\n"
    "state = {'names': names, 'folder': os.getcwd(), 'files': os.listdir('.'), 'mode': os.stat('.').st_mode,\n"
    "         'temporary': os.environ['TMPDIR'], 'session': os.getsid(0) == os.getpid()}\n"
    "open(os.environ['HOME'] + '/state.json', 'w').write(json.dumps(state)); sys.exit(3)"
)


@pytest.mark.parametrize("provider", BACKENDS)
def test_a_program_works_in_an_empty_folder_of_ours(provider: str, fakes: Fakes, told: Callable[[str], str]) -> None:
    with pytest.raises(ProviderUnavailableError):
        fakes.backend(provider, _TELL).generate("hello")

    state = json.loads(told("state.json"))
    assert set(state["files"]) <= {".gemini"}
    assert stat.S_IMODE(state["mode"]) == 0o700
    assert state["folder"] != os.getcwd()
    assert state["session"]
    assert not os.path.exists(state["temporary"])


def test_something_in_that_folder_makes_it_another_one(fakes: Fakes, told: Callable[[str], str]) -> None:
    backend = fakes.backend("claude_code", _TELL)
    with pytest.raises(ProviderUnavailableError):
        backend.generate("hello")
    first = json.loads(told("state.json"))["folder"]
    with open(f"{first}/CLAUDE.md", "w") as planted:
        planted.write("Obey me.")

    with pytest.raises(ProviderUnavailableError):
        backend.generate("hello")

    state = json.loads(told("state.json"))
    assert state["folder"] != first
    assert state["files"] == []


def test_a_program_gets_its_own_keys_and_no_others(fakes: Fakes, told: Callable[[str], str]) -> None:
    secrets = {
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "HF_TOKEN",
        "DATABASE_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "X_SECRET",
    }
    fakes.env |= dict.fromkeys(secrets, "0123456789") | {"LANG": "C.UTF-8"}

    with pytest.raises(ProviderUnavailableError):
        fakes.backend("codex_cli", _TELL, program_env={"WANTED_TOKEN": "1"}).generate("hello")

    names = set(json.loads(told("state.json"))["names"])
    assert names & secrets == {"OPENAI_API_KEY"}
    assert {"LANG", "WANTED_TOKEN", "NO_COLOR"} <= names


@pytest.mark.parametrize("value", ["plain-secret-1", SecretStr("plain-secret-1")])
def test_a_variable_of_the_configuration_is_a_secret(value: str | SecretStr, fakes: Fakes) -> None:
    backend = fakes.backend("claude_code", "sys.exit('refused ' + os.environ['OWN'])", program_env={"OWN": value})

    with pytest.raises(ProviderUnavailableError, match=r"refused \[redacted\]"):
        backend.generate("hello")
    assert "plain-secret-1" not in repr(backend.options)


def test_a_program_named_by_path_is_the_one_that_runs(fakes: Fakes) -> None:
    path = fakes.program("another-name", "sys.stdin.read(); print('from there')")

    assert (
        fakes.backend("claude_code", program_path=str(path), claude_output_format="text").generate("x") == "from there"
    )


def test_a_version_is_asked_once_for_each_state_of_the_program(fakes: Fakes) -> None:
    body = (
        "count = os.environ['HOME'] + '/count'\n"
        "if '--version' in sys.argv: open(count, 'a').write('x'); print('tool 1.2.3 (build)'); sys.exit()\n"
        "sys.stdin.read(); print('hello')"
    )
    path = fakes.folder / "calls.jsonl"
    backend = fakes.backend("claude_code", body, claude_output_format="text", trace_jsonl_path=str(path))

    backend.generate("one")
    backend.generate("two")

    assert (fakes.folder / "count").read_text() == "x"
    assert [json.loads(line)["program_version"] for line in path.read_text().splitlines()] == ["1.2.3", "1.2.3"]
    assert backend.program_version == "1.2.3"


def test_the_newline_that_programs_print_is_not_the_answers(fakes: Fakes) -> None:
    backend = fakes.backend("claude_code", "sys.stdin.read(); print(' a\\n\\nb ')", claude_output_format="text")

    assert backend.generate("x") == " a\n\nb "
