"""The MCP server as an assistant meets it: the SDK's own client talks to the real process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from mediator.exceptions import MediatorError
from mediator.interfaces.mcp.reach import Reach
from mediator.interfaces.media import MEDIA_TYPES
from tests.mediator.office.conftest import STORY

HOME = Path(__file__).resolve().parents[2]
TOOLS = {"extract_claims", "submit_evidence", "get_evidence_by_cid", "next_question", "draft"}


def configuration(folder: Path) -> Path:
    """A configuration that keeps everything in ``folder``."""
    file = folder / "config.json"
    file.write_text(
        json.dumps(
            {
                "BACKENDS": [{"id": "mock", "type": "llm_router", "provider": "mock"}],
                "MEDIATOR": {"backends": ["mock"], "state_dir": "state"},
                "EVIDENCE": {"path": "evidence"},
            }
        )
    )
    return file


@contextlib.asynccontextmanager
async def assistant(folder: Path, *arguments: str) -> AsyncIterator[Client]:
    """An assistant that talks to `run.py mcp`."""
    command = [str(HOME / "run.py"), "--config", str(configuration(folder)), "mcp", *arguments]
    server = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ), cwd=HOME)
    async with Client(server, read_timeout_seconds=120) as client:
        yield client


async def test_an_assistant_helps_from_story_to_draft(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "letter.txt").write_text("Pay me for the closing work.")
    async with assistant(tmp_path, "--folder", str(tmp_path / "open")) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        found = await client.call_tool("extract_claims", {"text": STORY})
        assert "wage_and_hour" in {claim["id"] for claim in found.structured_content["claims"]}

        first = (await client.call_tool("next_question", {"tell": STORY})).structured_content
        assert first["step"]["kind"] == "question"
        again = (
            await client.call_tool("next_question", {"key": first["step"]["key"], "answer": "I was an employee."})
        ).structured_content
        assert again["step"]["key"] != first["step"]["key"]
        assert again["settled"] == first["settled"] + 1

        kept = await client.call_tool(
            "submit_evidence", {"path": "letter.txt", "claim": "wage_and_hour", "element": "work_done"}
        )
        cid = kept.structured_content["cid"]
        read = (await client.call_tool("get_evidence_by_cid", {"cid": cid})).structured_content
        assert read["text"] == "Pay me for the closing work."

        draft = (await client.call_tool("draft", {})).structured_content
        assert draft["exhibits"][0]["cid"] == cid
        assert "I was an employee." in json.dumps(draft)


async def test_a_failure_is_one_line_for_the_model(tmp_path):
    async with assistant(tmp_path) as client:
        for tool, arguments, told in (
            ("draft", {}, "nothing was told"),
            ("get_evidence_by_cid", {"cid": "no cid"}, "nothing was told"),
            ("submit_evidence", {}, "either path or text"),
            ("submit_evidence", {"path": "/etc/passwd"}, "no folder was opened"),
            ("next_question", {"tell": "?!"}, "there is no story"),
            ("next_question", {"answer": "x"}, "give its key"),
            ("next_question", {"key": "wage_and_hour/employee", "answer": "x"}, "no question"),
        ):
            answer = await client.call_tool(tool, arguments)
            assert answer.is_error
            assert told in answer.content[0].text
            assert len(answer.content[0].text.splitlines()) == 1


async def test_only_the_named_case_is_in_reach(tmp_path):
    async with assistant(tmp_path) as client:
        kept = await client.call_tool("submit_evidence", {"text": "mine", "name": "note.txt"})
        cid = kept.structured_content["cid"]
        case_id = (await client.call_tool("next_question", {})).structured_content["case_id"]
    async with assistant(tmp_path) as client:
        await client.call_tool("next_question", {})
        other = await client.call_tool("get_evidence_by_cid", {"cid": cid})
        assert other.is_error
    async with assistant(tmp_path, "--case", case_id) as client:
        same = await client.call_tool("get_evidence_by_cid", {"cid": cid})
        assert same.structured_content["text"] == "mine"


async def test_what_the_program_keeps_is_closed_also_below_an_open_folder(tmp_path):
    other = tmp_path / "state" / "people" / "ben" / "sessions" / "a.session.jsonl"
    other.parent.mkdir(parents=True)
    other.write_text('{"text": "what Ben told"}')
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "note.txt").write_text("what Ben handed in")
    (tmp_path / "letter.txt").write_text("Pay me.")
    async with assistant(tmp_path, "--folder", str(tmp_path)) as client:
        for path in (str(other), "config.json", "evidence/note.txt"):
            kept = await client.call_tool("submit_evidence", {"path": path})
            assert kept.is_error
            assert "there is no such file in the open folders" in kept.content[0].text
        assert not (await client.call_tool("submit_evidence", {"path": "letter.txt"})).is_error


def test_nothing_but_the_protocol_is_on_standard_output(tmp_path):
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    done = subprocess.run(
        [sys.executable, "run.py", "-v", "--config", str(configuration(tmp_path)), "mcp"],
        input=json.dumps(hello) + "\n",
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    assert [json.loads(line)["jsonrpc"] for line in lines] == ["2.0"]
    assert json.loads(lines[0])["result"]["serverInfo"]["name"] == "complaint-generator"


def test_an_unknown_case_ends_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "run.py", "--config", str(configuration(tmp_path)), "mcp", "--case", "../x"],
        cwd=HOME, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'error: there is no case "../x"\n'


# -- what a model may read


@pytest.fixture
def reach(tmp_path: Path) -> Reach:
    """One open folder, with secrets beside it and hidden in it."""
    folder = tmp_path / "open"
    (folder / "sub").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in ("letter.txt", "sub/note.txt", ".env", ".hidden/key.txt"):
        (folder / name).write_text(name)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "way-out").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "in").symlink_to(folder / "letter.txt")
    (folder / "program").write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 100)
    (folder / "large.txt").write_bytes(b"x" * 2000)
    os.mkfifo(folder / "pipe")
    (folder / "state" / "people").mkdir(parents=True)
    (folder / "state" / "people" / "case.txt").write_text("another's")
    (folder / "config.json").write_text("{}")
    (folder / "way-in").symlink_to(folder / "state" / "people" / "case.txt")
    closed = [folder / "state", folder / "config.json"]
    return Reach([folder], max_bytes=1000, media_types=MEDIA_TYPES, closed=closed)


@pytest.mark.parametrize("path", ["letter.txt", "sub/note.txt", "./sub/../letter.txt", "in"])
def test_a_file_in_an_open_folder_is_read(reach, path):
    with reach.open(path) as file:
        assert file.read() in (b"letter.txt", b"sub/note.txt")


def test_an_absolute_path_into_an_open_folder_is_read(reach):
    with reach.open(str(reach.folders[0] / "letter.txt")) as file:
        assert file.read() == b"letter.txt"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt", "way-out", "up/secret.txt", ".env", ".hidden/key.txt", "sub/../.env", "/etc/passwd", "sub", "",
        " ", "pipe", "none.txt", "a\0b", "x" * 5000, "~/.ssh/id_rsa", "..", ".",
        "/proc/self/environ", "sub/../../secret.txt", "state/people/case.txt", "way-in", "config.json",
    ],
)  # fmt: skip
def test_everything_else_is_not_there(reach, path):
    with pytest.raises(MediatorError, match="there is no such file in the open folders"):
        reach.open(path)


@pytest.mark.parametrize("path", ["program", "large.txt"])
def test_what_is_no_evidence_is_refused(reach, path):
    with pytest.raises(MediatorError, match=r"no evidence that is taken|larger than"):
        reach.open(path)
