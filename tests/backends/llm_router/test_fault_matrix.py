"""Every HTTP provider x every failure, through the router: the fallback answers, and nothing is left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from backends.llm_router_backend import LLMRouterBackend
from backends.types import Completion
from tests.backends.http.test_fault_matrix import BREAKS, FAULTS, Fault
from tests.support import wire
from tests.support.http_server import ScriptedServer

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
