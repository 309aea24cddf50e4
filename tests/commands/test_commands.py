"""The commands as a person or a script uses them, in this process: output, exit codes, one line an error."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from commands.main import main


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of the mock provider, with its own evidence store."""
    for name in ("OPENAI_API_KEY", "COMPLAINT_GENERATOR_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "config.json"
    document = {
        "BACKENDS": [
            {"id": "mock", "type": "llm_router", "provider": "mock"},
            {"id": "gpt", "type": "openai", "api_key": "${OPENAI_API_KEY}", "model": "gpt-4"},
        ],
        "MEDIATOR": {"backends": ["mock"]},
        "EVIDENCE": {"path": "evidence"},
    }
    file.write_text(json.dumps(document))
    return file


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]):
    """Runs one command line; returns exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["--config", str(config), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_help_lists_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    assert {"check", "doctor", "generate", "claims", "evidence", "models"} <= set(out.split())


@pytest.mark.parametrize("command", ["start", "check", "doctor", "generate", "claims", "eval", "evidence", "models"])
def test_every_command_has_help(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "Usage: run.py" in out


def test_generate_prints_the_text_alone(run):
    code, out, err = run("generate", "hello")
    assert (code, err) == (0, "")
    assert "hello" in out


def test_generate_tells_how_it_came_about(run):
    _, out, _ = run("generate", "--json", "--max-tokens", "5", "-o", "seed=7", "hello")
    told = json.loads(out)
    assert told["provider"] == "mock"
    assert told["usage"]["total_tokens"] >= 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["generate", "--backend", "mok", "x"], 2, 'did you mean "mock"'),
        (["generate", "--backend", "gpt", "x"], 2, "OPENAI_API_KEY"),
        (["generate", "--max-tokens", "0", "x"], 2, "max-tokens"),
        (["generate", "-o", "temperature=9", "x"], 1, 'option "temperature" must be between 0 and 2'),
        (["generate", "-o", "seed", "x"], 2, "NAME=VALUE"),
        (["generat", "x"], 2, "No such command"),
        (["evidence", "get", "nonsense"], 2, "nonsense"),
        (["evidence", "add", "no-such-file"], 1, "no-such-file"),
        (["claims", "no-such-file"], 2, "no-such-file"),
    ],
)
def test_wrong_use_is_told_in_a_line(run, arguments, code, message):
    ended, out, err = run(*arguments)
    assert (ended, out) == (code, "")
    assert message in err
    assert "unforeseen" not in err


def test_check_shows_what_each_backend_would_do(run):
    code, out, _ = run("check")
    assert code == 0
    assert "the configuration is good" in out
    assert "OPENAI_API_KEY" in out


def test_check_fails_when_the_mediator_uses_a_backend_that_lacks_something(config, run):
    document = json.loads(config.read_text())
    document["MEDIATOR"]["backends"] = ["gpt"]
    config.write_text(json.dumps(document))
    code, _, err = run("check")
    assert code == 2
    assert "OPENAI_API_KEY" in err


def test_check_tells_every_problem_at_once(config, run):
    config.write_text('{"BACKENDS": [{"id": "a", "type": "opnai"}, {"id": "b", "type": "openai", "temprature": 1}]}')
    code, out, err = run("check")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2
    assert 'did you mean "openai"' in err
    assert 'did you mean "temperature"' in err


def test_check_json_is_for_scripts(run):
    told = json.loads(run("check", "--json")[1])
    assert (told["ok"], told["mediator"]) == (True, ["mock"])
    assert {row["id"]: row["ready"] for row in told["backends"]} == {"mock": True, "gpt": False}


def test_doctor_tells_what_is_there_and_what_to_type_next(run):
    code, out, _ = run("doctor")
    told = json.loads(run("doctor", "--json")[1])
    assert code == 0
    assert "What to type next" in out
    assert {"mock", "openai"} <= {row["name"] for row in told["providers"]}
    assert told["config"]["ok"]


def test_doctor_knows_a_package_of_every_extra(run):
    told = {row["name"]: row["install"] for row in json.loads(run("doctor", "--json")[1])["packages"]}
    document = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    extras = set(document["project"]["optional-dependencies"]) - {"dev"}
    assert {extra for extra in extras if not any(f"[{extra}]" in line for line in told.values())} == set()


def test_doctor_shows_the_folder_of_state_that_the_configuration_names(config, run, tmp_path):
    document = json.loads(config.read_text())
    document["MEDIATOR"]["state_dir"] = "cases"
    config.write_text(json.dumps(document))
    places = {row["name"]: row["path"] for row in json.loads(run("doctor", "--json")[1])["state"]}
    assert places["state"] == str(tmp_path / "cases")


def test_doctor_works_with_a_broken_configuration(config, run):
    config.write_text("{")
    code, out, _ = run("doctor")
    assert code == 0
    assert "not usable" in out
    assert "mend" in out


def test_evidence_goes_in_and_comes_back_by_its_cid(run, tmp_path):
    source = tmp_path / "letter.txt"
    source.write_bytes(b"a letter\n")
    added = json.loads(run("evidence", "add", str(source), "--json")[1])
    cid = (added[0] if isinstance(added, list) else added)["cid"]
    code, _, _ = run("evidence", "get", cid, "--output", str(tmp_path / "back"))
    assert code == 0
    assert (tmp_path / "back").read_bytes() == b"a letter\n"
    assert cid in run("evidence", "list", "--json")[1]


def test_the_variable_names_the_default_file(config, monkeypatch, capsys):
    monkeypatch.setenv("COMPLAINT_GENERATOR_CONFIG", str(config))
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"] == str(config)


def test_a_missing_configuration_is_one_line(capsys, tmp_path):
    assert main(["--config", str(tmp_path / "none.json"), "check"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_models_lists_the_embedded_model(run):
    code, out, _ = run("models", "--json")
    assert code == 0
    assert "SmolLM2" in out


def test_a_file_that_was_named_to_be_a_model_and_is_none_is_wrong_use(run, tmp_path):
    (tmp_path / "notes.txt").write_text("no model")

    code, _, err = run("models", str(tmp_path / "notes.txt"))

    assert code == 2
    assert "is not a usable GGUF model" in err
    assert run("models", str(tmp_path))[0] == 0


def test_check_says_not_ready_for_a_model_file_that_is_not_there(config, run):
    document = json.loads(config.read_text())
    document["BACKENDS"].append({"id": "gguf", "type": "workstation", "model_path": "none.gguf"})
    document["MEDIATOR"]["backends"] = ["gguf"]
    config.write_text(json.dumps(document))

    code, out, err = run("check")

    assert code == 1
    assert "not ready  stays here" in out
    assert err.startswith("error: gguf: there is no file")
    assert len(err.splitlines()) == 1


def test_check_tells_where_text_goes(config, run, monkeypatch):
    document = json.loads(config.read_text())
    document["BACKENDS"] += [
        {"id": "fallback", "type": "llm_router", "provider": "mock", "fallback_providers": ["openrouter"]},
        {"id": "hf", "type": "huggingface", "api_key": "${HF_TOKEN}", "model": "m"},
    ]
    config.write_text(json.dumps(document))
    monkeypatch.delenv("HF_TOKEN", raising=False)

    _, out, _ = run("check")
    rows = {row["id"]: row for row in json.loads(run("check", "--json")[1])["backends"]}

    assert "leaves (api.openai.com)" in out
    assert rows["mock"]["local"]
    assert (rows["gpt"]["local"], rows["gpt"]["host"]) == (False, "api.openai.com")
    assert (rows["hf"]["ready"], rows["hf"]["host"]) == (False, "router.huggingface.co")
    assert not rows["fallback"]["local"]


def test_check_fits_a_narrow_terminal(config, run):
    out = run("check")[1]
    assert max(len(line) for line in out.splitlines() if "ready" in line) <= 80


def test_the_home_folder_may_be_written_as_a_tilde(config, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(config.parent))
    monkeypatch.setenv("COMPLAINT_GENERATOR_CONFIG", "~/config.json")
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"] == str(config)
