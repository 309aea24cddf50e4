"""`run.py evidence …`: results on standard output, the rest on standard error, exit codes that mean something."""

import io
import json
import os
import pty
import sys
from dataclasses import dataclass
from pathlib import Path

import bagit
import pytest
from click.testing import CliRunner

from mediator.evidence import EvidenceStore
from mediator.evidence.cli import evidence
from mediator.evidence.cli.common import progress_bar


@dataclass
class App:
    """What run.py gives the commands."""

    path: Path
    options: dict

    def open_store(self):
        return EvidenceStore(self.path, in_background=False, **self.options)


@pytest.fixture
def run(tmp_path):
    def run(*arguments, stdin=None, **options):
        app = App(tmp_path / "store", {"env": {}} | options)
        return CliRunner().invoke(evidence, [str(argument) for argument in arguments], input=stdin, obj=app)

    return run


def json_of(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def letter(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_bytes(b"the letter\n")
    return path


def test_a_file_is_added_and_written_back(run, letter, tmp_path):
    (record,) = json_of(run("add", letter, "--owner", "ana", "--type", "email", "--json"))
    shown = run("get", record["cid"])
    written = run("get", record["cid"], "--output", tmp_path / "out")

    assert shown.stdout_bytes == b"the letter\n"
    assert written.stdout == ""
    assert (tmp_path / "out").read_bytes() == b"the letter\n"
    assert (record["owner"], record["type"], record["file_name"]) == ("ana", "email", "letter.txt")


def test_adding_prints_a_line_with_the_cid(run, letter):
    result = run("add", letter)

    assert result.exit_code == 0
    assert result.stdout.split()[0].startswith("bafkrei")
    assert result.stderr == ""


def test_standard_input_is_added(run):
    (record,) = json_of(run("add", "-", "--name", "said.txt", "--json", stdin=b"\x00\xff bytes"))

    assert (record["size"], record["file_name"]) == (8, "said.txt")
    assert run("get", record["cid"]).stdout_bytes == b"\x00\xff bytes"


def test_everything_below_a_directory_is_added_and_what_is_not_is_named(run, tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "a.txt").write_bytes(b"a")
    (tree / "sub" / "b.txt").write_bytes(b"b")
    (tree / "empty").touch()
    (tree / "link").symlink_to("/etc/passwd")
    (tree / "away").symlink_to("/etc")
    os.mkfifo(tree / "pipe")

    result = run("add", tree, "--json")

    names = [record["file_name"] for record in json.loads(result.stdout)]
    assert names == ["tree/a.txt", "tree/empty", "tree/sub/b.txt"]
    assert result.exit_code == 1
    assert "link" in result.stderr
    assert "pipe" in result.stderr
    assert "3 recorded, 3 not" in result.stderr


def test_a_hundred_levels_of_directories_are_added(run, tmp_path):
    deep = tmp_path.joinpath("tree", *["d"] * 100)
    deep.mkdir(parents=True)
    (deep / "bottom").write_bytes(b"x")

    (record,) = json_of(run("add", tmp_path / "tree", "--json"))

    assert record["file_name"].count("/") == 101


def test_names_with_newlines_and_bytes_that_are_no_text_print_on_one_line_and_survive_json(run, tmp_path):
    path = tmp_path / os.fsdecode(b"new\nline\x1b[31m\xff")
    path.write_bytes(b"x")

    (record,) = json_of(run("add", path, "--json"))
    listed = run("list").stdout

    assert record["file_name"] == path.name
    assert listed.count("\n") == 1
    assert "\x1b" not in listed
    assert "new\\nline\\x1b[31m\\xff" in listed


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "nowhere"], 1, "there is no file"),
        (["add", "-", "-"], 2, "only once"),
        (["add"], 2, "Missing argument"),
        (["get", "letter.pdf"], 2, "no CID"),
        (["get", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"], 1, "was submitted here"),
        (["show", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"], 1, "was submitted here"),
        (["list", "--owner", "a", "--nobody"], 2, "exclude"),
        (["list", "--limit", "0"], 2, "limit"),
        (["export", "--bag", "x", "--index", "csv"], 2, "choose one"),
        (["export", "--car", "x"], 2, "needs CIDs"),
        (["hold"], 2, "reason"),
        (["release", "nothing", "x"], 1, "no hold"),
        (["remove", "nothing", "x", "--yes"], 1, "no submission"),
        (["import", "nowhere.car"], 1, "no file"),
        (["import", "."], 1, "name one CAR archive"),
        (["rotate-key"], 1, "not encrypted"),
        (["add", "x", "--metadata", ""], 2, "empty"),
        (["add", "x", "--metadata", "[1]"], 2, "JSON object"),
        (["add", "x", "--metadata", "{"], 2, "no JSON"),
    ],
)
def test_a_mistake_is_one_clear_line_and_the_right_exit_code(run, tmp_path, monkeypatch, arguments, code, said):
    monkeypatch.chdir(tmp_path)

    result = run(*arguments)

    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""


def test_a_file_that_is_no_archive_is_refused_with_the_way_to_keep_it(run, letter):
    result = run("import", letter)

    assert result.exit_code == 1
    assert "`evidence add` keeps any file" in result.stderr


def test_the_help_lists_the_commands_in_whole_sentences(run):
    assert "..." not in run("--help").output.partition("Commands:")[2]


def test_an_empty_file_is_refused_unless_meant(run, tmp_path):
    (tmp_path / "empty").touch()

    assert run("add", tmp_path / "empty").exit_code == 1
    assert run("add", tmp_path / "empty", "--allow-empty").exit_code == 0


def test_the_list_is_filtered_and_continues_where_it_ended(run, letter):
    for owner in ("ana", "ben"):
        run("add", letter, "--owner", owner)
    run("add", letter, "--metadata", '{"n": 1}')
    first = json_of(run("list", "--limit", "2", "--json"))

    assert [record["owner"] for record in first["records"]] == ["ana", "ben"]
    rest = json_of(run("list", "--after", first["next"], "--json"))
    assert [record["metadata"] for record in rest["records"]] == [{"n": 1}]
    assert rest["next"] is None
    assert len(json_of(run("list", "--nobody", "--json"))["records"]) == 1
    assert "--after" in run("list", "--limit", "2").stderr


def test_a_record_is_shown_with_all_that_happened_to_it(run, letter):
    (record,) = json_of(run("add", letter, "--json"))
    run("get", record["cid"])

    by_cid = json_of(run("show", record["cid"], "--json"))
    by_id = json_of(run("show", record["submission_id"], "--json"))

    assert by_cid["records"] == by_id["records"] == [record]
    assert [event["kind"] for event in by_cid["events"]] == ["submitted", "read"]
    assert "submitted" in run("show", record["cid"]).stdout


def test_verify_says_no_fault_or_names_each_and_fails(run, letter, tmp_path):
    (record,) = json_of(run("add", letter, "--json"))
    assert run("verify").exit_code == 0
    (block,) = (tmp_path / "store").glob("blocks/*/*.data")
    block.write_bytes(b"damaged")

    result = run("verify")
    faults = json.loads(run("verify", "--json").stdout)["faults"]

    assert result.exit_code == 1
    assert record["cid"] in result.stdout
    assert {fault["kind"] for fault in faults} == {"block", "content"}
    assert run("repair").exit_code == 1


def test_removing_and_collecting_ask_first_and_a_hold_forbids_it(run, letter):
    (record,) = json_of(run("add", letter, "--json"))
    (hold,) = json_of(run("hold", "court order", "--cid", record["cid"], "--json"))
    refused = run("remove", record["submission_id"], "tidy", "--yes")
    assert refused.exit_code == 1
    assert "legal hold" in refused.stderr
    assert hold["hold_id"] in run("hold", "--list").stdout
    assert run("release", hold["hold_id"], "settled").exit_code == 0

    assert run("remove", record["submission_id"], "tidy", stdin="n\n").exit_code == 1
    assert run("remove", record["submission_id"], "tidy", stdin="y\n").exit_code == 0
    assert json_of(run("gc", "--json"))["dry_run"] is True
    assert json_of(run("gc", "--delete", "--json"))["blocks"] == 1
    assert json_of(run("stat", "--json"))["blocks"] == 0


def test_evidence_is_exported_and_imported(run, letter, tmp_path):
    (record,) = json_of(run("add", letter, "--complaint", "c1", "--json"))

    assert run("export", record["cid"], "--car", tmp_path / "x.car").exit_code == 0
    assert json_of(run("export", "--bag", tmp_path / "bag", "--complaint", "c1", "--json"))["exhibits"] == 1
    bagit.Bag(str(tmp_path / "bag")).validate()
    assert run("export", "--index", "csv").stdout.startswith("exhibit,file_name")
    assert run("export", "--index", "html").stdout.startswith("<!doctype html>")
    assert run("import", tmp_path / "x.car").stdout.split() == [record["cid"]]


def test_publishing_asks_and_is_refused_when_everything_stays_here(run, letter):
    (record,) = json_of(run("add", letter, "--json"))

    declined = run("publish", record["cid"], stdin="n\n")
    private = run("publish", record["cid"], "--yes", privacy="local_only")

    assert declined.exit_code == 1
    assert "cannot be taken back" in declined.stderr
    assert private.exit_code == 1
    assert "local_only" in private.stderr


def test_long_work_shows_a_bar_on_a_terminal_and_none_elsewhere(monkeypatch):
    terminal, side = pty.openpty()
    with os.fdopen(side, "w") as stderr, os.fdopen(terminal, "rb", buffering=0) as shown:
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("TERM", "xterm")
        with progress_bar("recording") as progress:
            progress(512 * 1024, 1024 * 1024)
        assert b"recording" in shown.read(4096)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar("recording") as progress:
        assert progress is None


NOT_HERE = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


@pytest.mark.parametrize(
    "arguments",
    [
        ["get", "nonsense"],
        ["show", "nonsense"],
        ["list", "--cid", "nonsense"],
        ["publish", "nonsense"],
        ["export", "no", "--car", "x"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_no_cid_is_one_line_and_wrong_use(run, arguments):
    result = run(*arguments)

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "is no CID" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["publish", NOT_HERE],
        ["unpin", NOT_HERE, "reason"],
        ["remove", "0199aaaa-0000-7000-8000-000000000000", "reason"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_nothing_is_asked_about_what_is_not_here(run, arguments):
    result = run(*arguments, stdin="")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_init_encrypts_when_told_to_and_the_store_remembers_how(run, letter):
    env = {"EVIDENCE_KEY": "5e" * 32}

    assert json_of(run("init", "--encrypt", "env:EVIDENCE_KEY", "--json", env=env))["encrypted"] is True
    (record,) = json_of(run("add", letter, "--json", env=env))
    assert record["stored_cid"] != record["cid"]
    assert run("get", record["cid"], env=env).stdout_bytes == b"the letter\n"
    assert "EVIDENCE_KEY" in run("get", record["cid"]).stderr
    assert run("rotate-key", "--reencrypt", env=env).exit_code == 0
    assert run("verify", env=env).exit_code == 0


def test_init_without_a_word_makes_a_store_in_the_clear(run):
    assert json_of(run("init", "--json"))["encrypted"] is False


@pytest.mark.parametrize("name", sorted(evidence.commands))
def test_every_command_has_json_and_says_what_it_does(run, name):
    result = run(name, "--help")

    assert result.exit_code == 0
    assert "--json" in result.stdout


def add_a_tree(run, tmp_path):
    """Add a directory of two files; return its CID."""
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "a.txt").write_bytes(b"a")
    (tmp_path / "tree" / "sub" / "b.txt").write_bytes(b"b")
    return run("add", tmp_path / "tree").stderr.split()[0]


def test_a_directory_is_written_back_as_one(run, tmp_path):
    cid = add_a_tree(run, tmp_path)

    told = json_of(run("get", cid, "--output", tmp_path / "out", "--json"))

    assert (tmp_path / "out" / "sub" / "b.txt").read_bytes() == b"b"
    assert told == {"cid": cid, "path": str(tmp_path / "out"), "files": 2, "bytes": 2, "left_out": []}


def test_a_directory_does_not_go_to_standard_output(run, tmp_path):
    result = run("get", add_a_tree(run, tmp_path))

    assert result.exit_code == 2
    assert "--output DIRECTORY" in result.stderr


def test_what_is_kept_as_a_whole_is_listed_and_let_go(run, tmp_path):
    cid = add_a_tree(run, tmp_path)

    assert run("list", "--pins").stdout == f"{cid}  tree\n"
    assert json_of(run("list", "--pins", "--json"))[0]["cid"] == cid
    assert run("unpin", cid, "not needed", stdin="n\n").exit_code == 1
    assert json_of(run("unpin", cid, "not needed", "--yes", "--json")) == {"cid": cid, "removed": True}
    assert run("list", "--pins").stdout == ""
    assert run("unpin", cid, "again", "--yes").exit_code == 1
    assert json_of(run("verify", "--json"))["ok"]


def test_a_directory_travels_in_an_archive(run, tmp_path):
    cid = add_a_tree(run, tmp_path)

    run("export", cid, "--car", tmp_path / "tree.car")

    assert json_of(run("import", tmp_path / "tree.car", "--json"))["roots"] == [cid]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--rfc3161", "http://a", "--opentimestamps", "http://b"],
        ["--rfc3161", "http://a"],
        ["--opentimestamps", "http://a", "--check", "--upgrade"],
        ["--opentimestamps", "http://a", "--header", "7"],
        ["--opentimestamps", "http://a", "--header", "7:xyz"],
    ],
)
def test_a_time_stamp_that_is_not_described_is_wrong_use(run, arguments):
    result = run("timestamp", *arguments)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()[-1]) < 200


def test_a_calendar_that_is_away_is_one_line(run, letter):
    run("add", letter)

    result = run("timestamp", "--opentimestamps", "http://127.0.0.1:1")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the calendar http://127.0.0.1:1 failed")
    assert json_of(run("timestamp", "--opentimestamps", "http://127.0.0.1:1", "--check", "--json")) == []
