"""run.py as a process whose standard streams are closed, full, cut off or in another encoding."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
HOME = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The mock provider, with evidence and sessions of its own."""
    file = tmp_path / "config.json"
    document = {
        "BACKENDS": [
            {"id": "mock", "type": "llm_router", "provider": "mock"},
        ],
        "MEDIATOR": {"backends": ["mock"], "state_dir": "sessions"},
        "EVIDENCE": {"path": "evidence"},
    }
    file.write_text(json.dumps(document))
    return file


def shell(config: Path, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``run`` is run.py with the configuration."""
    run = f'run() {{ "{sys.executable}" "{HOME}/run.py" --config "{config}" "$@"; }}'
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {run}; {line}"],
        cwd=config.parent,
        env={**os.environ, "PYTHONUNBUFFERED": "", **variables},  # as a person has it: what is buffered can fail late
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", ["", "claims -", "generate -", "evidence add -"])
def test_a_closed_input_is_an_empty_one(config, command):
    done = shell(config, f"run {command} <&-")

    assert done.returncode in (0, 1, 2)
    assert "unforeseen" not in done.stderr


def test_a_closed_output_is_an_error(config):
    done = shell(config, "run generate hello >&-")

    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output is closed")


def test_a_full_disk_is_one_line(config):
    done = shell(config, "run check >/dev/full")

    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")


@pytest.mark.parametrize("command", ["check", "doctor", "generate hello", "--help"])
def test_a_reader_that_goes_away_is_no_failure(config, command):
    at_once = shell(config, f"run {command} | true")
    after_a_line = shell(config, f"run {command} | head -n 1 >/dev/null")

    assert [(done.returncode, done.stderr) for done in (at_once, after_a_line)] == [(0, "")] * 2


def test_an_encoding_that_lacks_a_character_breaks_nothing(config):
    done = shell(config, "run generate 家賃", PYTHONIOENCODING="latin-1")

    assert (done.returncode, done.stdout) == (0, "Mock answer to: \\u5bb6\\u8cc3\n")


def test_bytes_that_are_no_text_are_told(config):
    done = shell(config, "printf 'caf\\xe9' | run generate -")

    assert done.returncode == 2
    assert "not UTF-8 text (byte 3)" in done.stderr


def test_a_story_of_many_megabytes_is_refused_at_once(config):
    done = shell(config, "yes 'They kept my deposit.' | head -c 3000000 | run claims -")

    assert "error: <stdin> has more than 1,000,000 bytes" in done.stderr


def test_an_interview_over_a_pipe_keeps_what_was_told(config):
    story = "My landlord kept my $900 deposit and sent no list of deductions.\\n\\n\\n"
    done = shell(config, f"printf '{story}' | run")

    assert done.returncode == 0
    assert "Security deposit" in done.stdout
    kept = "".join(file.read_text() for file in config.parent.rglob("*.jsonl"))
    assert "landlord kept my $900" in kept


def test_an_interrupt_ends_with_one_line_and_130(config):
    document = json.loads(config.read_text())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        document["BACKENDS"] = [{"id": "silent", "type": "openai", "base_url": address, "model": "m"}]
        document["MEDIATOR"]["backends"] = ["silent"]
        config.write_text(json.dumps(document))
        program = subprocess.Popen(
            [sys.executable, str(HOME / "run.py"), "--config", str(config), "generate", "hello"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that starts the tests in the background ignores interrupts, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        connection, _ = silent.accept()  # the call is on its way and nobody answers
        with connection:
            program.send_signal(signal.SIGINT)
            out, err = program.communicate(timeout=30)

    assert (program.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted; what was acknowledged is kept"
    assert "Traceback" not in err
