"""Settings of the environment: one table, four prefixes in order, a page that is written from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backends
from backends.exceptions import ConfigurationError
from backends.llm_router.environment import Environment
from backends.llm_router.reference import PAGES, REFERENCE_FOLDER
from backends.llm_router.settings import PREFIXES, VARIABLES, flag, names_of, read
from backends.llm_router_backend import LLMRouterBackend

ROOT = Path(backends.__file__).parent.parent

values = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=5)


@given(st.sampled_from(sorted(VARIABLES)), st.data())
def test_the_first_name_that_is_set_wins(name: str, data: st.DataObject) -> None:
    possible = names_of(name)
    env = data.draw(st.dictionaries(st.sampled_from(possible), values))

    set_ones = [env[full].strip() for full in possible if env.get(full, "").strip()]
    assert read(env, name) == (set_ones[0] if set_ones else None)


names = st.none() | st.sampled_from(["of-the-call", "of-the-configuration", "a", "b"])


@settings(max_examples=40)
@given(
    called=names,
    configured=names,
    env=st.dictionaries(st.sampled_from([f"{prefix}LLM_MODEL" for prefix in PREFIXES]), st.sampled_from(["x", "y"])),
)
def test_the_call_goes_before_the_configuration_and_that_before_the_environment(
    called: str | None, configured: str | None, env: dict[str, str]
) -> None:
    with LLMRouterBackend(provider="mock", model=configured, env=env) as backend:
        model = backend.complete("hi", model=called).model

    assert model == (called or configured or read(env, "LLM_MODEL") or "mock")


def test_the_prefixes_go_in_the_documented_order() -> None:
    assert PREFIXES == ("COMPLAINT_GENERATOR_", "IPFS_KIT_", "IPFS_ACCELERATE_PY_", "IPFS_DATASETS_PY_")
    assert names_of("OPENROUTER_API_KEY")[-1] == "OPENROUTER_API_KEY"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_prefix_is_read(prefix: str) -> None:
    """The historical router documented IPFS_KIT_* and never read it."""
    assert Environment({f"{prefix}LLM_PROVIDER": "Codex"}).settings().provider == "codex_cli"


@pytest.mark.parametrize(
    ("word", "meaning"), [("1", True), ("TRUE", True), ("off", False), ("0", False), (" no ", False)]
)
def test_a_switch_takes_the_usual_words(word: str, meaning: bool) -> None:
    assert flag({"IPFS_KIT_ROUTER_CACHE": word}, "ROUTER_CACHE") is meaning


def test_a_switch_that_is_neither_on_nor_off_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="IPFS_KIT_ROUTER_CACHE must be 1 or 0, not 'maybe'"):
        flag({"IPFS_KIT_ROUTER_CACHE": "maybe"}, "ROUTER_CACHE")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ROUTER_CACHE_KEY", "md5"),
        ("ROUTER_CACHE_CID_BASE", "base3"),
        ("ROUTER_CACHE_MAX_ENTRIES", "-1"),
        ("LLM_TIMEOUT", "soon"),
        ("LLM_TIMEOUT", "-3"),
        ("LLM_PRIVACY", "private"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(value)):
        Environment({f"COMPLAINT_GENERATOR_{variable}": value}).settings()


@pytest.mark.parametrize("variable", ["ROUTER_CACHE_MAX_ENTRIES", "LLM_TIMEOUT", "LLM_PRIVACY"])
def test_a_refusal_names_the_variable_that_was_set(variable: str) -> None:
    with pytest.raises(ConfigurationError, match=f"IPFS_ACCELERATE_PY_{variable} must"):
        Environment({f"IPFS_ACCELERATE_PY_{variable}": "nonsense"}).settings()


def test_a_variable_that_is_set_between_calls_is_seen() -> None:
    variables: dict[str, str] = {}
    environment = Environment(variables)
    before = environment.settings()

    variables["IPFS_ACCELERATE_PY_ROUTER_CACHE_KEY"] = "cid"

    assert before.key_maker.strategy == "sha256"
    assert environment.settings().key_maker.strategy == "cid"
    assert environment.settings().generation == before.generation + 1


def test_a_variable_of_others_changes_nothing() -> None:
    variables = {"EDITOR": "vi"}
    environment = Environment(variables)
    before = environment.settings()

    variables["EDITOR"] = "ed"

    assert environment.settings() is before


def test_the_process_environment_is_read_anew_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment()
    monkeypatch.setenv("COMPLAINT_GENERATOR_LLM_PROVIDER", "mock")
    assert environment.settings().provider == "mock"

    monkeypatch.delenv("COMPLAINT_GENERATOR_LLM_PROVIDER")

    assert environment.settings().provider is None


def test_no_secret_becomes_part_of_who_answers() -> None:
    env = {"OPENAI_API_KEY": "sk-secretsecret", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}

    shaping = dict(Environment(env).settings().shaping)

    assert shaping == {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_pages_are_written_from_the_code(name: str) -> None:
    page = (REFERENCE_FOLDER / name).read_text(encoding="utf-8")

    assert page == PAGES[name](), "run: python -m backends.llm_router.reference"


def test_every_variable_that_the_code_reads_is_in_the_table() -> None:
    sources = [*ROOT.glob("backends/**/*.py"), *ROOT.glob("config/**/*.py"), *ROOT.glob("mediator/**/*.py")]
    found = {
        name
        for source in sources
        for name in re.findall(rf"(?:{'|'.join(PREFIXES)})([A-Z][A-Z0-9_]+)", source.read_text(encoding="utf-8"))
    }

    # PROGRAM_RUN marks the programs that we start, so that their children can be found; it is no setting.
    assert found - {"PROGRAM_RUN"} <= set(VARIABLES)
