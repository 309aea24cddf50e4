"""A good file becomes what it says: order, defaults, paths, historical forms."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from config import default_config_path, load_config, state_folder

ONE = {"BACKENDS": [{"id": "a", "type": "workstation"}]}


def test_the_variable_names_the_default_file(written):
    file = written(ONE)
    config = load_config(env={"COMPLAINT_GENERATOR_CONFIG": str(file)})
    assert config.used_ids == ("a",)
    assert config.file == file


def test_without_the_variable_the_default_is_the_file_beside_run_py(root):
    assert default_config_path({}) == root / "config.llm_router.json"


def test_the_real_environment_is_used_when_none_is_given(written, monkeypatch):
    monkeypatch.setenv("COMPLAINT_GENERATOR_CONFIG", str(written(ONE)))
    assert load_config().used_ids == ("a",)


def test_the_default_configuration_needs_no_variable_and_is_private(root):
    config = load_config(root / "config.llm_router.json", env={})
    (used,) = [entry for entry in config.BACKENDS if entry.id in config.used_ids]
    assert (used.type, used.provider) == ("llm_router", "workstation")


def test_the_default_configuration_has_an_entry_for_every_provider(root):
    from backends.llm_router.registry import BUILTIN_PROVIDERS

    config = load_config(root / "config.llm_router.json", env={})
    named = {getattr(entry, "provider", None) or entry.type for entry in config.BACKENDS}
    assert named >= set(BUILTIN_PROVIDERS)


def test_switching_is_changing_one_word(root, keys, written):
    text = (root / "config.llm_router.json").read_text(encoding="utf-8")
    ids = [entry.id for entry in load_config(root / "config.llm_router.json", env={}).BACKENDS]
    chosen = [
        load_config(written(text.replace('"backends": ["embedded"]', f'"backends": ["{name}"]')), env=keys).used_ids
        for name in ids
    ]
    assert chosen == [(name,) for name in ids]


def test_without_a_mediator_all_backends_are_used_in_order(load):
    config = load({"BACKENDS": [{"id": "b", "type": "workstation"}, {"id": "a", "type": "llm_router"}]})
    assert config.used_ids == ("b", "a")


def test_one_backend_may_be_named_without_a_list(load):
    assert load({**ONE, "MEDIATOR": {"backends": "a"}}).used_ids == ("a",)


def test_without_fallback_only_the_first_backend_is_used(load):
    both = {"BACKENDS": [{"id": "a", "type": "workstation"}, {"id": "b", "type": "workstation"}]}
    config = load({**both, "MEDIATOR": {"backends": ["b", "a"], "fallback": False}})
    assert config.used_ids == ("b",)


def test_an_explicit_zero_stays_zero(load):
    settings = {"temperature": 0, "top_p": 0, "top_k": 0, "frequency_penalty": 0, "seed": 0, "max_retries": 0}
    config = load({"BACKENDS": [{"id": "a", "type": "openai", **settings}]})
    assert config.BACKENDS[0].arguments() == {"id": "a", "type": "openai", **settings}


def test_what_is_not_set_or_null_is_left_to_the_backend(load):
    config = load({"BACKENDS": [{"id": "a", "type": "openai", "model": None, "temperature": None}]})
    assert config.BACKENDS[0].arguments() == {"id": "a", "type": "openai"}


def test_null_is_the_same_as_leaving_the_key_out(load):
    empty = {"MEDIATOR": None, "LOG": {"level": None}, "APPLICATION": {"type": None, "port": None}}
    assert load({**ONE, **empty}) == load(ONE)


def test_a_configuration_is_frozen(load):
    config = load(ONE)
    with pytest.raises(ValidationError):
        config.LOG.level = "DEBUG"


# -- historical forms -------------------------------------------------------------------------


def test_engine_is_the_old_name_of_model(load):
    config = load({"BACKENDS": [{"id": "a", "type": "openai", "engine": "gpt-4"}]})
    assert config.BACKENDS[0].arguments()["model"] == "gpt-4"


def test_a_whole_historical_file_loads(data):
    config = load_config(data / "historical.json", env={})
    assert config.BACKENDS[0].arguments() == {
        "id": "openai-old", "type": "openai", "model": "gpt-4", "temperature": 0, "top_p": 1, "max_tokens": 1952,
        "presence_penalty": 0.45, "frequency_penalty": 0.65,
    }  # fmt: skip
    assert config.BACKENDS[1].arguments() == {
        "id": "workstation-old", "type": "workstation", "model_path": str(data / "models/old.gguf"), "max_tokens": 100,
    }  # fmt: skip
    assert config.APPLICATION.type == ("server",)
    assert config.LOG.level == "WARNING"


@pytest.mark.parametrize(
    ("written_as", "types"),
    [
        ("cli", ("cli",)),
        ("CLI", ("cli",)),
        (["cli", "server"], ("cli", "server")),
        ({"server": "server"}, ("server",)),
        ({"cli": "cli", "server": "server"}, ("cli", "server")),
        ({"1": "server", "2": "cli"}, ("server", "cli")),
        ({"cli": True, "server": False}, ("cli",)),
    ],
)
def test_the_application_may_be_a_list_a_string_or_the_historical_object(load, written_as, types):
    assert load({**ONE, "APPLICATION": {"type": written_as}}).APPLICATION.type == types


@pytest.mark.parametrize(("level", "meant"), [("warn", "WARNING"), ("Debug", "DEBUG"), ("FATAL", "CRITICAL")])
def test_a_log_level_may_be_written_as_people_do(load, level, meant):
    assert load({**ONE, "LOG": {"level": level}}).LOG.level == meant


# -- paths ------------------------------------------------------------------------------------


def test_relative_paths_are_relative_to_the_file(load, tmp_path):
    config = load(
        {
            "BACKENDS": [
                {"id": "a", "type": "workstation", "model_path": "m.gguf"},
                {"id": "b", "type": "llm_router", "trace_dir": "../t", "trace_jsonl_path": "/abs/t.jsonl",
                 "claude_add_dir": "x", "copilot_sdk_cli_path": "./copilot"},
                {"id": "c", "type": "huggingface", "model": "./local", "gguf_file": "./f.gguf"},
            ],
            "LOG": {"file": "x.log"},
            "EVIDENCE": {"path": "e", "catalog": "sqlite:///cat.db"},
        }
    )  # fmt: skip
    first, second, third = (entry.arguments() for entry in config.BACKENDS)
    assert first["model_path"] == f"{tmp_path}/m.gguf"
    assert second["trace_dir"] == f"{tmp_path}/../t"
    assert second["trace_jsonl_path"] == "/abs/t.jsonl"
    assert second["claude_add_dir"] == [f"{tmp_path}/x"]
    assert second["copilot_sdk_cli_path"] == str(tmp_path / "copilot")
    assert third["model"] == str(tmp_path / "local")
    assert third["gguf_file"] == str(tmp_path / "f.gguf")
    assert config.LOG.file == tmp_path / "x.log"
    assert config.EVIDENCE.path == tmp_path / "e"
    assert config.EVIDENCE.catalog.get_secret_value() == f"sqlite:///{tmp_path}/cat.db"


@pytest.mark.parametrize(
    "url", ["sqlite:////abs/cat.db", "sqlite://", "sqlite:///:memory:", "sqlite+pysqlite:////a.db"]
)
def test_a_catalog_that_is_no_relative_file_stays_as_it_is(load, url):
    assert load({**ONE, "EVIDENCE": {"catalog": url}}).EVIDENCE.catalog.get_secret_value() == url


def test_names_are_no_paths(load):
    config = load(
        {
            "BACKENDS": [
                {"id": "a", "type": "huggingface", "model": "org/name", "gguf_file": "f.gguf"},
                {"id": "b", "type": "llm_router", "copilot_sdk_cli_path": "copilot", "model": "anthropic/claude-2"},
            ],
            "EVIDENCE": {"catalog": "postgresql+psycopg://user:pw@host/db"},
        }
    )
    first, second = (entry.arguments() for entry in config.BACKENDS)
    assert (first["model"], first["gguf_file"]) == ("org/name", "f.gguf")
    assert (second["model"], second["copilot_sdk_cli_path"]) == ("anthropic/claude-2", "copilot")
    assert config.EVIDENCE.catalog.get_secret_value() == "postgresql+psycopg://user:pw@host/db"


def test_a_tilde_is_the_home_folder(load):
    config = load({"BACKENDS": [{"id": "a", "type": "workstation", "model_path": "~/m.gguf"}]})
    assert config.BACKENDS[0].arguments()["model_path"] == str(Path.home() / "m.gguf")


def test_the_store_is_the_same_whatever_file_is_used(load, root):
    assert load(ONE).EVIDENCE.path == root / "statefiles" / "evidence"
    assert load({**ONE, "EVIDENCE": {}}).EVIDENCE.path == root / "statefiles" / "evidence"


def test_without_a_checkout_state_goes_to_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setattr("config.load._HOME", tmp_path)
    assert state_folder({"XDG_DATA_HOME": "/data"}) == Path("/data/complaint-generator")
    assert state_folder({}) == Path.home() / ".local/share/complaint-generator"


# -- the documents ----------------------------------------------------------------------------

PRINTED = [
    "document-000-llm-router.json",
    "document-000-llm-router-openrouter.json",
    "document-000-llm-router-auto.json",
    "document-004-llm-router.json",
    "document-004-openai.json",
    "document-004-huggingface.json",
    "document-004-workstation.json",
]


@pytest.mark.parametrize("name", PRINTED)
def test_every_configuration_of_the_documents_loads_as_it_stands(data, name):
    config = load_config(data / name, env={})
    assert config.used_ids == (name.removesuffix(".json").split("-", 2)[2],)


def test_no_printed_configuration_is_left_out(data):
    assert {file.name for file in data.glob("document-*.json")} == set(PRINTED)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (
            "document-004-llm-router.json",
            {"provider": "copilot_cli", "model": "gpt-5-mini", "max_tokens": 128, "temperature": 0.7},
        ),
        ("document-004-openai.json", {"api_key": "value-of-OPENAI_API_KEY", "model": "gpt-4", "max_tokens": 500}),
        ("document-004-workstation.json", {"model_path": "/path/to/model.gguf", "n_ctx": 4096, "n_threads": 8}),
    ],
)  # fmt: skip
def test_what_the_documents_say_reaches_the_constructor(data, keys, name, arguments):
    (entry,) = load_config(data / name, env=keys).BACKENDS
    assert entry.arguments() == {"id": entry.id, "type": entry.type, **arguments}
