"""A PostgreSQL server of our own: in a temporary directory, on a Unix socket, as a user that is not root."""

import contextlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest


def program(name):
    """Return a server program; Debian keeps them out of the PATH."""
    found = shutil.which(name)
    if found:
        return found
    for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True):
        return str(path)
    return pytest.fail(f"{name} is not installed; run: make test-ipfs")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Return the directory of the server's socket."""
    home = Path(tmp_path_factory.mktemp("pg"))
    as_user = []
    if os.getuid() == 0:
        # The server refuses to run as root; Debian's package makes this user.
        user = pwd.getpwnam("postgres")
        home = Path("/tmp") / f"evidence-pg-{uuid4().hex[:8]}"
        home.mkdir()
        os.chown(home, user.pw_uid, user.pw_gid)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    data, log = home / "data", home / "log"

    def run(*arguments):
        subprocess.run([*as_user, *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True, cwd="/")

    run(program("initdb"), "-D", str(data), "-U", "evidence", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
    options = f"-k {home} -c listen_addresses='' -c max_connections=60"
    run(program("pg_ctl"), "-D", str(data), "-l", str(log), "-o", options, "-w", "start")
    try:
        yield home
    finally:
        run(program("pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database(server):
    """Return the URL of a new, empty database."""
    name = f"evidence_{uuid4().hex}"
    with contextlib.closing(
        psycopg.connect(host=str(server), user="evidence", dbname="postgres", autocommit=True)
    ) as c:
        c.execute(f"CREATE DATABASE {name}")
    return f"postgresql://evidence@/{name}?host={server}"
