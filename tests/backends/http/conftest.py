"""The scripted server, and the proof that a test leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.support.http_server import ScriptedServer


@pytest.fixture(scope="session", autouse=True)
def _client_is_loaded() -> None:
    """The first call imports aiohttp, which would eat the short deadlines."""
    import aiohttp  # noqa: F401


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture
def nothing_left(server: ScriptedServer) -> Iterator[None]:
    """After the test: no connection, no thread. Unclosed transports and sessions fail the test as warnings."""
    before = set(threading.enumerate())
    yield
    assert server.wait_until_open(0)
    assert set(threading.enumerate()) <= before
