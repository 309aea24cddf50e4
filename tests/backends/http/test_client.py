"""The HTTP client: pooled, bounded, one deadline, no redirects, no leaks."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest

from backends.exceptions import (
    BackendTimeoutError,
    ConfigurationError,
    MalformedResponseError,
    ProviderUnavailableError,
)
from backends.http import HttpClient, HttpResponse
from tests.support.http_server import Act, Reply, ScriptedServer, json_reply
from tests.support.tls import self_signed

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning"),
]

ROOT = Path(__file__).parents[3]
OK = json_reply({"ok": True})


def get(url: str, *, limit: int = 2**20, env: dict[str, str] | None = None, deadline: float = 10.0) -> HttpResponse:
    """One GET on a client of its own."""

    async def call() -> HttpResponse:
        client = HttpClient(url, provider="p", max_body_bytes=limit, env=env or {})
        try:
            return await client.request("GET", "x", headers={}, deadline=time.monotonic() + deadline)
        finally:
            await client.aclose()

    return asyncio.run(call())


def test_importing_the_backends_does_not_import_the_client() -> None:
    code = "import sys, backends.openai, backends.llm_router.providers.claude_py; print('aiohttp' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )

    assert done.stdout.strip() == "False"


def test_one_connection_serves_call_after_call(server: ScriptedServer) -> None:
    server.always = OK
    client = HttpClient(server.url, provider="p", env={})

    async def calls() -> None:
        for _ in range(5):
            await client.request("POST", "x", headers={}, body=b"{}")

    asyncio.run(calls())

    assert (len(server.requests), server.connections) == (5, 1)


def test_a_stream_read_to_its_end_gives_its_connection_back(server: ScriptedServer) -> None:
    server.always = Reply(200, {}, [b"a", b"b"], length=None)
    client = HttpClient(server.url, provider="p", env={})

    async def calls() -> None:
        for _ in range(3):
            async with client.stream("x", headers={}, body=b"{}") as stream:
                assert (await stream.read()).body == b"ab"

    asyncio.run(calls())

    assert server.connections == 1


def test_draining_a_stream_waits_for_an_end_that_is_near(server: ScriptedServer) -> None:
    server.always = Reply(200, {}, [b"all of it", Act.GATE], length=None)
    client = HttpClient(server.url, provider="p", env={})

    async def calls() -> None:
        for _ in range(2):
            async with client.stream("x", headers={}, body=b"{}") as stream:
                assert await anext(stream.chunks) == b"all of it"
                server.open_gate()
                await stream.drain(10.0)

    asyncio.run(calls())

    assert server.connections == 1


def test_draining_a_stream_does_not_wait_for_an_end_that_never_comes(server: ScriptedServer) -> None:
    server.always = Reply(200, {}, [b"all of it", Act.HANG], length=None)
    client = HttpClient(server.url, provider="p", env={})

    async def call() -> None:
        async with client.stream("x", headers={}, body=b"{}") as stream:
            await stream.drain(0.01)

    asyncio.run(call())

    assert server.wait_until_open(0)


def test_the_end_of_an_event_loop_closes_its_connections(server: ScriptedServer) -> None:
    server.always = OK
    client = HttpClient(server.url, provider="p", env={})

    asyncio.run(client.request("GET", "x", headers={}))

    assert server.wait_until_open(0)


def test_a_client_works_on_one_event_loop_after_another(server: ScriptedServer) -> None:
    server.always = OK
    client = HttpClient(server.url, provider="p", env={})

    statuses = [asyncio.run(client.request("GET", "x", headers={})).status for _ in range(3)]

    assert statuses == [200, 200, 200]


def test_close_reaches_the_event_loops_of_other_threads(server: ScriptedServer) -> None:
    server.always = OK
    client = HttpClient(server.url, provider="p", env={})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(client.request("GET", "x", headers={}), loop).result(10)

    client.close()
    closed = server.wait_until_open(0)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

    assert closed


def test_a_client_that_is_forgotten_closes_its_connections(server: ScriptedServer) -> None:
    server.always = OK

    async def forget() -> bool:
        await HttpClient(server.url, provider="p", env={}).request("GET", "x", headers={})
        gc.collect()
        return await asyncio.to_thread(server.wait_until_open, 0)

    assert asyncio.run(forget())


def test_a_raw_loop_that_forgets_its_generators_does_not_break_the_next(server: ScriptedServer) -> None:
    server.always = OK
    client = HttpClient(server.url, provider="p", env={})
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.request("GET", "x", headers={}))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()

    assert asyncio.run(client.request("GET", "x", headers={})).status == 200
    gc.collect()


def test_a_redirect_is_refused_and_names_its_target(server: ScriptedServer) -> None:
    server.always = Reply(307, {"Location": "https://elsewhere.example/v2?token=abc"})

    with pytest.raises(
        ConfigurationError, match=r"redirects to https://elsewhere\.example/v2; .* set base_url"
    ) as caught:
        get(server.url)

    assert caught.value.status == 307
    assert "token" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_read(server: ScriptedServer, encoding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    server.always = Reply(200, {"Content-Encoding": encoding}, [pack(b"hello " * 1000)])

    assert get(server.url).body == b"hello " * 1000


def test_a_decompression_bomb_stops_at_the_limit(server: ScriptedServer) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    server.always = Reply(200, {"Content-Encoding": "gzip"}, [bomb])

    tracemalloc.start()
    try:
        with pytest.raises(MalformedResponseError, match="larger than the limit of 65536 bytes") as caught:
            get(server.url, limit=65536)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(bomb) < 65536
    assert peak < 5_000_000
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("body", "encoding", "problem"),
    [
        (b"no gzip at all", "gzip", "is damaged"),
        (gzip.compress(b"hello" * 100)[:-12], "gzip", "broke before the answer was complete"),
        (b"hello", "br", '"br", which was not asked for'),
    ],
    ids=["damaged", "cut", "unknown"],
)
def test_an_answer_that_cannot_be_decompressed_is_malformed(
    server: ScriptedServer, body: bytes, encoding: str, problem: str
) -> None:
    server.always = Reply(200, {"Content-Encoding": encoding}, [body])

    with pytest.raises(MalformedResponseError, match=problem):
        get(server.url)


def test_an_announced_size_above_the_limit_is_not_read(server: ScriptedServer) -> None:
    server.always = Reply(200, {}, [b"x", Act.HANG], length=10**12)

    with pytest.raises(MalformedResponseError, match="larger than the limit"):
        get(server.url)


def test_a_deadline_that_is_over_sends_nothing(server: ScriptedServer) -> None:
    with pytest.raises(BackendTimeoutError):
        get(server.url, deadline=-1.0)

    assert server.requests == []


def test_a_large_body_arrives_whole(server: ScriptedServer) -> None:
    server.always = OK
    body = bytes(range(256)) * 20_000
    client = HttpClient(server.url, provider="p", env={})

    asyncio.run(client.request("POST", "x", headers={}, body=body))

    assert server.requests[0].body == body


def test_paths_and_queries_join_the_base_url(server: ScriptedServer) -> None:
    server.always = OK
    client = HttpClient(f"{server.url}/v1/?api-version=preview", provider="p", env={})

    asyncio.run(client.request("GET", "models/a%2Fb?limit=1", headers={}))

    assert server.requests[0].path == "/v1/models/a%2Fb?api-version=preview&limit=1"


@pytest.mark.parametrize(
    "url", ["ftp://host/", "host/v1", "http://", "http://host:notaport", "https://user:secret@host/v1", ""]
)
def test_an_unusable_base_url_is_one_clear_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        HttpClient(url, provider="p")

    assert "secret" not in str(caught.value)


def test_the_environments_proxy_is_used_for_other_hosts(server: ScriptedServer) -> None:
    server.always = OK

    answer = get("http://model.example/v1", env={"http_proxy": server.url})

    assert answer.status == 200
    assert server.requests[0].path == "http://model.example/v1/x"


def test_a_proxys_password_goes_to_the_proxy(server: ScriptedServer) -> None:
    server.always = OK

    get("http://model.example/v1", env={"http_proxy": f"http://user:pass@127.0.0.1:{server.port}"})

    assert server.requests[0].headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"


def test_the_environments_proxy_is_never_used_for_loopback(server: ScriptedServer) -> None:
    server.always = OK

    get(server.url, env={"http_proxy": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9"})

    assert server.requests[0].path == "/x"


def test_a_proxy_that_refuses_is_named_as_the_proxy(server: ScriptedServer) -> None:
    server.always = Reply(403)

    with pytest.raises(ProviderUnavailableError, match="proxy of the environment") as caught:
        get("https://model.example/v1", env={"https_proxy": server.url})

    assert server.requests[0].method == "CONNECT"
    assert "authorization" not in repr(caught.value.__cause__).lower()


def test_a_certificate_that_nobody_trusts_is_refused(tmp_path: Path) -> None:
    context, _ = self_signed(tmp_path)

    with (
        ScriptedServer(always=OK, tls=context) as server,
        pytest.raises(ProviderUnavailableError, match=r"no trusted TLS connection .*SSL_CERT_FILE") as caught,
    ):
        get(server.url)

    assert not caught.value.retryable
    assert server.requests == []


def test_the_certificate_of_a_private_authority_is_trusted_by_ssl_cert_file(tmp_path: Path) -> None:
    context, certificate = self_signed(tmp_path)
    code = (
        "import asyncio, sys\nfrom backends.http import HttpClient\n"
        "print(asyncio.run(HttpClient(sys.argv[1], provider='p').request('GET', 'x', headers={})).status)"
    )

    with ScriptedServer(always=OK, tls=context) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"SSL_CERT_FILE": str(certificate)},
            cwd=ROOT,
        )

    assert done.stdout.strip() == "200"


def test_a_host_that_does_not_exist_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    # A real look-up would depend on the network, and some resolvers answer for names that do not exist.
    async def no_such_name(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", no_such_name)

    with pytest.raises(ProviderUnavailableError, match=r"model\.example cannot be resolved"):
        get("http://model.example")


def test_a_request_leaves_in_the_turn_that_made_it(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to a later turn, calls that are answered together stay together: 64 at a time waited for each other."""
    server.always = OK
    written: list[bytes] = []
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]  # not in typeshed
    write = transport.write
    monkeypatch.setattr(transport, "write", lambda self, data: (written.append(bytes(data)), write(self, data)))
    client = HttpClient(server.url, provider="p", env={})

    async def calls() -> list[bytes]:
        await client.request("POST", "x", headers={}, body=b'{"first": 1}')
        written.clear()
        task = asyncio.create_task(client.request("POST", "x", headers={}, body=b'{"second": 2}'))
        by_then: list[bytes] = []
        # Called after the task's first step and before anything that the step left for later.
        asyncio.get_running_loop().call_soon(lambda: by_then.extend(written))
        await task
        return by_then

    assert b'{"second": 2}' in b"".join(asyncio.run(calls()))


def test_a_body_that_nobody_reads_ends_at_the_deadline() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        client = HttpClient(f"http://127.0.0.1:{deaf.getsockname()[1]}", provider="p", env={})

        async def call() -> set[asyncio.Task[object]]:
            deadline = time.monotonic() + 0.3
            with pytest.raises(BackendTimeoutError):
                await client.request("POST", "x", headers={}, body=bytes(24 * 2**20), deadline=deadline)
            await client.aclose()
            return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]  # there is a current one

        assert asyncio.run(call()) == set()
        gc.collect()  # a connection that is still open would complain here
