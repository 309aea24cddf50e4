"""Every provider with a server behind it x every failure, through the router: the fallback answers, nothing is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from backends.exceptions import BackendTimeoutError
from backends.http import MAX_BODY_BYTES
from backends.llm_router_backend import LLMRouterBackend
from backends.types import Completion
from tests.backends.http.test_fault_matrix import BREAKS, FAULTS, Fault
from tests.support import wire
from tests.support.http_server import Act, Reply, ScriptedServer, closed_port

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def servers() -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    before = set(threading.enumerate())
    with ScriptedServer() as broken, ScriptedServer(always=wire.CHAT.answers("from the fallback")) as sound:
        yield broken, sound
        assert broken.wait_until_open(0)
        assert sound.wait_until_open(0)
    assert set(threading.enumerate()) <= before


def router(name: str, broken: ScriptedServer, sound: ScriptedServer, attempt_timeout: float) -> LLMRouterBackend:
    return LLMRouterBackend(
        provider=name,
        model="m",
        api_key=wire.KEY,
        base_url=broken.url,
        max_body_bytes=4096,
        fallback_providers=[{"provider": "openai", "model": "n", "api_key": "k-2", "base_url": f"{sound.url}/v1"}],
        max_retries=0,
        attempt_timeout=attempt_timeout,
        env={},
    )


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
@pytest.mark.parametrize(("name", "dialect"), wire.HOSTED.items(), ids=list(wire.HOSTED))
def test_the_fallback_answers(
    servers: tuple[ScriptedServer, ScriptedServer], name: str, dialect: wire.Dialect, fault: Fault, streamed: bool
) -> None:
    broken, sound = servers
    broken.always = fault.reply(dialect)

    with router(name, broken, sound, fault.deadline) as backend:
        faces = {False: lambda: [backend.complete("hi")], True: lambda: list(backend.stream_items("hi"))}
        completion = faces[streamed]()[-1]

    assert isinstance(completion, Completion)
    assert completion.text == "from the fallback"
    assert [(a.provider, a.error) for a in completion.attempts] == [(name, fault.error.__name__), ("openai", None)]
    assert len(broken.requests) == 1
    assert wire.KEY not in str(sound.requests)


@pytest.mark.parametrize(("reply", "error"), BREAKS.values(), ids=list(BREAKS))
@pytest.mark.parametrize(("name", "dialect"), wire.HOSTED.items(), ids=list(wire.HOSTED))
def test_a_stream_that_breaks_later_keeps_what_had_come_and_asks_nobody(
    servers: tuple[ScriptedServer, ScriptedServer], name: str, dialect: wire.Dialect, reply: object, error: type
) -> None:
    broken, sound = servers
    broken.always = reply(dialect)  # type: ignore[operator]
    pieces: list[str] = []

    with router(name, broken, sound, 10.0) as backend, pytest.raises(error) as caught:
        pieces.extend(backend.stream("hi", timeout=0.45 if "Timeout" in error.__name__ else 15.0))

    assert caught.value.partial == "hello"
    assert sound.requests == []


#: The providers that spread calls over servers: how each is told of one server.
SPREAD: dict[str, Callable[[ScriptedServer], dict[str, Any]]] = {
    "backend_manager": lambda server: {"endpoints": [{"url": server.url, "max_body_bytes": 4096}]},
    "ipfs_peer": lambda server: {"peers": [f"/ip4/127.0.0.1/tcp/{server.port}/http"]},
}
#: A peer may send as much as any provider: its answer is too large where it says so.
_TOO_MUCH = Reply(200, {"Content-Type": "application/json"}, [b"{", Act.HANG], length=MAX_BODY_BYTES + 1)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SPREAD)
def test_the_fallback_answers_for_servers_that_are_shared(
    servers: tuple[ScriptedServer, ScriptedServer], name: str, fault: str, streamed: bool
) -> None:
    broken, sound = servers
    broken.always = _TOO_MUCH if fault.startswith("huge") else FAULTS[fault].reply(wire.CHAT)
    late = FAULTS[fault].error is BackendTimeoutError

    with spread(name, broken, sound, FAULTS[fault].deadline) as backend:
        faces = {False: lambda: [backend.complete("hi")], True: lambda: list(backend.stream_items("hi"))}
        completion = faces[streamed]()[-1]

    assert isinstance(completion, Completion)
    assert completion.text == "from the fallback"
    error = "BackendTimeoutError" if late else "AllProvidersFailedError"
    assert [(a.provider, a.error) for a in completion.attempts] == [(name, error), ("openai", None)]
    assert late or FAULTS[fault].error.__name__ in str(completion.attempts[0].detail)
    assert len(broken.requests) == 1


@pytest.mark.parametrize("name", [*wire.HOSTED, *SPREAD])
def test_the_fallback_answers_when_the_connection_is_refused(
    servers: tuple[ScriptedServer, ScriptedServer], name: str
) -> None:
    _, sound = servers
    port = closed_port()
    nobody: Any = SimpleNamespace(port=port, url=f"http://127.0.0.1:{port}")

    make = spread if name in SPREAD else router
    with make(name, nobody, sound, 10.0) as backend:
        completion = backend.complete("hi")

    assert completion.text == "from the fallback"
    assert "ProviderUnavailableError" in f"{completion.attempts[0].error} {completion.attempts[0].detail}"


def spread(name: str, broken: ScriptedServer, sound: ScriptedServer, attempt_timeout: float) -> LLMRouterBackend:
    return LLMRouterBackend(
        provider=name,
        model="m",
        **SPREAD[name](broken),
        fallback_providers=[{"provider": "openai", "model": "n", "api_key": "k-2", "base_url": f"{sound.url}/v1"}],
        max_retries=0,
        attempt_timeout=attempt_timeout,
        env={},
    )
