"""`serve user` and `serve token` as a person or a script uses them, and what keeps the server from starting."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from backends.exceptions import ConfigurationError
from commands.main import main
from mediator.interfaces.serving import Accounts, ServerSettings
from mediator.interfaces.serving.settings import checked

PASSWORD = "four sober horses 9"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Runs one command line with that on standard input; returns exit code, stdout, stderr."""

    def call(*arguments: str, typed: str = "", server: dict[str, object] | None = None) -> tuple[int, str, str]:
        document = {
            "BACKENDS": [{"id": "mock", "type": "llm_router", "provider": "mock"}],
            "MEDIATOR": {"backends": ["mock"], "state_dir": "state"},
            "EVIDENCE": {"path": "evidence"},
            "SERVER": server or {},
        }
        (tmp_path / "config.json").write_text(json.dumps(document))
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["--config", str(tmp_path / "config.json"), "serve", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def accounts(tmp_path: Path):
    """The file that the commands write."""
    opened = Accounts(tmp_path / "state" / "accounts.sqlite3")
    yield opened
    opened.close()


def test_a_user_is_added_kept_out_and_let_in_again(run, accounts):
    code, out, err = run("user", "add", "ana", typed=f"{PASSWORD}\n")
    assert (code, err) == (0, "")
    assert PASSWORD not in out
    assert accounts.check("ana", PASSWORD)
    assert json.loads(run("user", "list", "--json")[1])[0]["name"] == "ana"

    cookie = accounts.log_in("ana")
    assert run("user", "disable", "ana")[0] == 0
    assert (accounts.check("ana", PASSWORD), accounts.login(cookie)) == (False, None)
    assert "disabled" in run("user", "list")[1]
    assert run("user", "enable", "ana")[0] == 0
    assert accounts.check("ana", PASSWORD)


def test_a_new_password_is_the_only_one(run, accounts):
    run("user", "add", "ana", typed=f"{PASSWORD}\n")
    cookie = accounts.log_in("ana")
    assert run("user", "password", "ana", typed="seven green lamps 4\r\n")[0] == 0
    assert not accounts.check("ana", PASSWORD)
    assert accounts.check("ana", "seven green lamps 4")
    assert accounts.login(cookie) is None


@pytest.mark.parametrize(
    ("arguments", "typed", "says"),
    [
        (("user", "add", "ben"), "short\n", "12 characters"),
        (("user", "add", "ben"), "", "12 characters"),
        (("user", "add", "../ben"), f"{PASSWORD}\n", "cannot be a name"),
        (("user", "add", "ana"), f"{PASSWORD}\n", 'a user "ana" already'),
        (("user", "password", "ben"), f"{PASSWORD}\n", 'no user "ben"'),
        (("user", "disable", "ben"), "", 'no user "ben"'),
        (("user", "enable", "ben"), "", 'no user "ben"'),
        (("token", "add", "x", "--person", "ben"), "", 'no user "ben"'),
        (("token", "revoke", "none"), "", 'no token "none"'),
    ],
)
def test_what_cannot_be_done_is_one_line_without_the_password(run, arguments, typed, says):
    run("user", "add", "ana", typed=f"{PASSWORD}\n")
    code, out, err = run(*arguments, typed=typed)
    assert code != 0
    assert says in err
    assert PASSWORD not in out + err
    assert "Traceback" not in err


def test_a_token_is_shown_once_and_lets_in_until_it_is_revoked(run, accounts):
    run("user", "add", "ana", typed=f"{PASSWORD}\n")
    code, out, err = run("token", "add", "backup", "--person", "ana", "--days", "1")
    token = out.strip()
    assert code == 0
    assert token not in err
    info = accounts.token(token)
    assert (info.person, info.scopes) == ("ana", ("cases",))

    _, listed, _ = run("token", "list", "--json")
    assert token not in listed
    assert json.loads(listed)[0]["id"] == info.id
    assert run("token", "revoke", info.id)[0] == 0
    assert accounts.token(token) is None


def test_without_a_person_a_token_is_of_the_person_of_this_machine(run, accounts):
    _, out, _ = run("token", "add", "x", "--scope", "llm", "--json")
    info = accounts.token(json.loads(out)["token"])
    assert (info.person, info.scopes, info.expires) == ("local", ("llm",), None)


def test_where_a_login_is_needed_somebody_must_have_one(run):
    run("user", "add", "ana", typed=f"{PASSWORD}\n")
    run("user", "disable", "ana")
    code, _, err = run("--port", "0", server={"login": True})
    assert code == 2
    assert "nobody may log in yet" in err


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_used_is_one_line_that_names_it(run, tmp_path, content):
    for name in ("cert.pem", "key.pem"):
        if content is not None:
            (tmp_path / name).write_text(content)
    code, out, err = run("--port", "0", server={"certificate": "cert.pem", "certificate_key": "key.pem"})
    assert (code, out) == (1, "")
    assert "SERVER.certificate" in err
    assert err.count("\n") == 1


PUBLIC = ServerSettings(
    host="0.0.0.0",  # nothing listens
    origin="https://cases.example.org",
    certificate=Path("c"),
    certificate_key=Path("k"),
)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"certificate_key": None}, "go together"),
        ({"certificate": None}, "go together"),
        ({"origin": None}, "set SERVER.origin"),
        ({"origin": "http://cases.example.org"}, "https://"),
        ({"host": "127.0.0.1", "origin": "http://cases.example.org"}, "https://"),
        ({"origin": None, "host": "::"}, "set SERVER.origin"),
        ({"certificate": None, "certificate_key": None}, "nothing encrypts the way"),
    ],
)
def test_what_lets_strangers_in_or_passwords_out_does_not_start(change, says):
    assert checked(PUBLIC) is PUBLIC
    with pytest.raises(ConfigurationError, match=says):
        checked(replace(PUBLIC, **change))
