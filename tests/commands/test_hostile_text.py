"""What a story, a file name or a configuration says cannot act on the terminal of the person who reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands.main import main

HOSTILE = "\x1b[2J\x1b]8;;http://evil.example\x1b\\\u202e"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.json"
    document = {
        "BACKENDS": [{"id": "mock", "type": "llm_router", "provider": "mock"}],
        "MEDIATOR": {"backends": ["mock"]},
        "EVIDENCE": {"path": "evidence"},
    }
    file.write_text(json.dumps(document))
    return file


def acting(text: str) -> list[str]:
    return [character for character in text if character in "\x1b\x07\x9b\u202e"]


def test_a_story_cannot_act_through_its_claims(config, tmp_path, capsys):
    story = tmp_path / "story.txt"
    story.write_text(f"My landlord kept my whole $900 {HOSTILE} security deposit and sent no list of deductions.")

    assert main(["--config", str(config), "claims", str(story)]) == 0

    captured = capsys.readouterr()
    assert "security_deposit" in captured.out
    assert acting(captured.out + captured.err) == []


def test_json_escapes_what_a_story_says(config, tmp_path, capsys):
    story = tmp_path / "story.txt"
    story.write_text(f"My landlord kept my whole $900 {HOSTILE} security deposit and sent no list of deductions.")

    assert main(["--config", str(config), "claims", "--json", str(story)]) == 0

    text = capsys.readouterr().out
    assert acting(text) == []
    assert HOSTILE in json.loads(text)["claims"][0]["quotes"][0]["text"]


@pytest.mark.parametrize("command", [["add"], ["list"]])
def test_a_file_name_cannot_act(config, tmp_path, capsys, command):
    file = tmp_path / "a\x1b[2Jb\u202ec.txt"
    file.write_bytes(b"evidence")
    main(["--config", str(config), "evidence", "add", str(file)])

    main(["--config", str(config), "evidence", *command, *[str(file)][: command == ["add"]]])

    captured = capsys.readouterr()
    assert "bafk" in captured.out
    assert acting(captured.out + captured.err) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["claims", f"none{HOSTILE}"],
        ["evidence", "add", f"none{HOSTILE}"],
        ["evidence", "get", f"none{HOSTILE}"],
        ["generate", "--backend", f"none{HOSTILE}", "x"],
        ["generate", "-o", f"none{HOSTILE}=1", "x"],
        [f"none{HOSTILE}"],
        ["--config", f"none{HOSTILE}", "check"],
        ["models", f"none{HOSTILE}"],
    ],
)
def test_no_error_acts(config, capsys, arguments):
    assert main(["--config", str(config), *arguments]) in (1, 2)

    assert acting(capsys.readouterr().err) == []


def test_a_program_that_reads_our_output_gets_the_model_s_text_as_it_is(config):
    home = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, str(home / "run.py"), "--config", str(config), "generate", "\x1b[1mbold\x1b[0m"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "Mock answer to: \x1b[1mbold\x1b[0m\n"
