"""What a configuration describes is what gets built: real backends, a real store, a real mediator."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backends.exceptions import BackendError, ConfigurationError
from config import ConfigProblems, build_backend, build_evidence_store, build_mediator, build_office, load_config
from mediator.evidence import ContentNotFoundError, InvalidCidError, StoreClosedError

from .conftest import KEYS, ROOT

FILES = [ROOT / "config.llm_router.json", *sorted((ROOT / "config" / "examples").glob("*.json"))]
ENTRIES = [
    pytest.param(file, entry.id, id=f"{file.stem}:{entry.id}")
    for file in FILES
    for entry in load_config(file, env=KEYS).BACKENDS
]

MOCKS = {
    "BACKENDS": [
        {"id": "first", "type": "llm_router", "provider": "mock", "mock_response": "from the first"},
        {"id": "second", "type": "llm_router", "provider": "mock", "mock_response": "from the second"},
        {"id": "idle", "type": "openai", "api_key": "${NOT_SET}"},
    ],
    "MEDIATOR": {"backends": ["second", "first"]},
}


@pytest.mark.parametrize(("file", "name"), ENTRIES)
def test_every_entry_that_we_ship_can_be_built(file, name, keys):
    backend = build_backend(load_config(file, env=keys), name, env=keys)
    backend.close()
    assert backend.id == name


def test_a_backend_answers_as_its_entry_says(load):
    with build_backend(load(MOCKS), "first", env={}) as backend:
        assert backend.generate("hello") == "from the first"


def test_without_an_id_it_is_the_mediators_first(load):
    with build_backend(load(MOCKS), env={}) as backend:
        assert backend.id == "second"


def test_an_entry_can_be_built_alone(load):
    with build_backend(load(MOCKS).BACKENDS[0], env={}) as backend:
        assert backend.id == "first"


def test_an_unknown_backend_is_told_with_the_near_miss(load, tmp_path):
    with pytest.raises(ConfigProblems) as caught:
        build_backend(load(MOCKS), "frist", env={})
    assert str(caught.value) == (
        f'{tmp_path}/config.json: there is no backend "frist" in the configuration (did you mean "first"?)'
    )


def test_a_backend_whose_variable_is_not_set_says_so_when_built(load, tmp_path):
    with pytest.raises(ConfigProblems) as caught:
        build_backend(load(MOCKS), "idle", env={})
    assert str(caught.value) == (
        f"{tmp_path}/config.json: BACKENDS[2].api_key needs the environment variable NOT_SET, which is not set"
    )


def test_without_a_mediator_the_unset_variable_is_told_when_the_mediator_is_built(load, tmp_path):
    config = load({"BACKENDS": MOCKS["BACKENDS"], "EVIDENCE": {"path": "evidence"}})
    with pytest.raises(ConfigProblems, match="NOT_SET"):
        build_mediator(config, env={})
    assert list(tmp_path.glob("evidence")) == []


# -- privacy ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "openai", "api_key": "k-0123456789"},
        {"type": "openai", "base_url": "https://models.example/v1"},
        {"type": "huggingface", "api_key": "k-0123456789", "local": False},
        {"type": "llm_router", "provider": "openrouter", "api_key": "k-0123456789"},
        {"type": "llm_router", "provider": "claude_code"},
        {"type": "llm_router", "provider": "workstation", "fallback_providers": ["openai"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("where", ["backend", "mediator"])
def test_local_only_refuses_at_start_what_would_leave_the_machine(load, settings, where):
    private = {"privacy": "local_only"}
    entry = {"id": "a", **settings, **(private if where == "backend" else {})}
    mediator = {"backends": ["a"], **(private if where == "mediator" else {})}
    config = load({"BACKENDS": [entry], "MEDIATOR": mediator})
    with pytest.raises(ConfigurationError, match="local_only"):
        build_backend(config, env={})


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "workstation"},
        {"type": "openai", "base_url": "http://127.0.0.1:11434/v1"},
        {"type": "llm_router", "provider": "workstation"},
        {"type": "llm_router", "provider": "mock"},
        {"type": "llm_router"},
    ],
    ids=str,
)
def test_local_only_allows_what_stays_here(load, settings):
    config = load({"BACKENDS": [{"id": "a", **settings}], "MEDIATOR": {"backends": "a", "privacy": "local_only"}})
    with build_backend(config, env={}) as backend:
        assert backend.local


# -- what the mediator's section sets ---------------------------------------------------------


def test_the_mediators_time_out_holds_for_backends_that_set_none(load):
    entries = [{"id": "a", "type": "openai"}, {"id": "b", "type": "openai", "timeout": 5}]
    config = load({"BACKENDS": entries, "MEDIATOR": {"backends": ["a", "b"], "timeout": 30, "max_retries": 0}})
    with build_backend(config, "a", env={}) as first, build_backend(config, "b", env={}) as second:
        assert first.options["timeout"] == 30
        assert second.options["timeout"] == 5


def test_a_setting_of_the_mediator_is_not_forced_on_backends_that_do_not_know_it(load):
    config = load({"BACKENDS": [{"id": "a", "type": "workstation"}], "MEDIATOR": {"backends": "a", "max_retries": 3}})
    build_backend(config, env={}).close()


# -- the mediator and its store ---------------------------------------------------------------


def test_a_mediator_has_the_backends_in_order_and_keeps_evidence(load, tmp_path):
    config = load(
        {
            **MOCKS,
            "MEDIATOR": {**MOCKS["MEDIATOR"], "user_id": "alice", "state_dir": "state"},
            "EVIDENCE": {"path": "kept", "profile": "kubo-v1"},
        }
    )
    mediator = build_mediator(config, env={})
    try:
        assert [backend.id for backend in mediator.backends] == ["second", "first"]
        assert mediator.user_id == "alice"
        assert mediator.state_dir == tmp_path / "state"
        cid = mediator.submit_evidence(b"the letter", "document", description="a letter")["cid"]
        assert mediator.get_evidence_by_cid(cid)["description"] == "a letter"
        assert mediator.retrieve_evidence(cid) == b"the letter"
    finally:
        mediator.close()
    assert (tmp_path / "kept" / "catalog.sqlite3").is_file()


def test_sessions_are_encrypted_with_the_evidence_key(load, tmp_path):
    config = load(
        {
            **MOCKS,
            "MEDIATOR": {**MOCKS["MEDIATOR"], "state_dir": "state", "encrypt_sessions": True},
            "EVIDENCE": {"path": "kept", "key": "env:CASE_KEY"},
        }
    )
    mediator = build_mediator(config, env={"CASE_KEY": "ab" * 32})
    try:
        mediator.session.hear("he kept my deposit")
        path = mediator.save()
    finally:
        mediator.close()

    assert b"deposit" not in path.read_bytes()
    assert (tmp_path / "kept" / "keys.json").is_file()


def test_encrypted_sessions_need_a_key(load):
    with pytest.raises(ConfigProblems, match=r"MEDIATOR\.encrypt_sessions needs a key; set EVIDENCE\.key"):
        load({**MOCKS, "MEDIATOR": {**MOCKS["MEDIATOR"], "encrypt_sessions": True}})


def test_the_store_alone_needs_no_backend(load, tmp_path):
    config = load({**MOCKS, "EVIDENCE": {"path": "kept"}})
    with build_evidence_store(config, env={}) as store:
        assert store.path == tmp_path / "kept"
        assert store.profile.name == "unixfs-v1-2025"


@pytest.mark.parametrize("section", ["MEDIATOR", "EVIDENCE"])
def test_the_store_is_private_when_the_mediator_or_the_file_says_so(load, section):
    content = {**MOCKS, "EVIDENCE": {"path": "kept"}}
    content[section] = {**content[section], "privacy": "local_only"}
    with build_evidence_store(load(content), env={}) as store:
        assert store.privacy == "local_only"


@pytest.mark.slow
def test_the_evidence_key_comes_from_the_variable_that_the_file_names(load):
    config = load({**MOCKS, "EVIDENCE": {"path": "kept", "key": "env:EVIDENCE_KEY"}})
    env = {"EVIDENCE_KEY": "correct horse battery staple"}
    with build_evidence_store(config, env=env) as store:
        cid = store.submit(b"the secret letter", type="document").cid
        assert store.read(cid) == b"the secret letter"
    blocks = [file.read_bytes() for file in store.path.rglob("*") if file.is_file()]
    assert not [block for block in blocks if b"the secret letter" in block]


def test_a_failure_leaves_nothing_open(load):
    broken = {"id": "broken", "type": "openai", "privacy": "local_only", "api_key": "k-0123456789"}
    config = load({"BACKENDS": [*MOCKS["BACKENDS"], broken], "MEDIATOR": {"backends": ["first", "broken"]}})
    with pytest.raises(BackendError, match="broken"):
        build_mediator(config, env={})


def test_importing_the_configuration_loads_no_engine():
    code = (
        "import sys, config; config.load_config(env={}); "
        "print(sorted({'torch', 'transformers', 'llama_cpp', 'sqlalchemy', 'aiohttp', 'fastapi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_mediator_opens_its_store_when_it_is_needed_and_closes_it(load, tmp_path):
    config = load({**MOCKS, "EVIDENCE": {"path": "kept"}})
    with build_mediator(config, env={}) as mediator:
        before = list(tmp_path.glob("kept"))
        mediator.submit_evidence(b"x", "document")
        store = mediator._shelf.store
    assert before == []
    with pytest.raises(StoreClosedError):
        store.read("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")


def test_evidence_that_was_never_handed_in_is_told_apart_from_a_broken_cid(load):
    with build_mediator(load({**MOCKS, "EVIDENCE": {"path": "kept"}}), env={}) as mediator:
        with pytest.raises(ContentNotFoundError):
            mediator.get_evidence_by_cid("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
        with pytest.raises(InvalidCidError):
            mediator.get_evidence_by_cid("no cid")


def test_an_office_offers_every_backend_and_builds_none(load):
    with build_office(load({**MOCKS, "MEDIATOR": {"backends": ["second"], "user_id": "dolores"}}), env={}) as office:
        assert [(info.id, info.ready) for info in office.engines()] == [
            ("first", True),
            ("second", True),
            ("idle", False),
        ]
        assert office.default_engines == ("second",)
        office.extract("They never paid me for overtime.", "first")
        assert {info.id: info.usage and info.usage.calls > 0 for info in office.engines()} == {
            "first": True,
            "second": None,
            "idle": None,
        }
        assert office.local_owner == "dolores"
