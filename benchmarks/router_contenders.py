"""The clients that benchmarks/router.py compares, each in a process of its own that measures itself.

`python -m benchmarks.router_contenders NAME INSTANT_URL SLOW_URL` prints one JSON document.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from benchmarks.model_server import CHUNKS

T = TypeVar("T")

_NUMBERS = itertools.count()
SINGLE_CALLS = 600
SECONDS = 2.0


class Contender(Protocol):
    """One way to call a model server. Every prompt is new, so that no cache answers."""

    def call(self, prompt: str) -> str: ...

    async def acall(self, prompt: str) -> str: ...

    def stream(self, prompt: str) -> Iterable[str]: ...


def _payload(prompt: str, stream: bool = False) -> dict[str, Any]:
    return {"model": "bench", "messages": [{"role": "user", "content": prompt}], "stream": stream}


class BareHttpx:
    name = "httpx"

    def __init__(self, url: str) -> None:
        module = __import__(self.name)
        limits = module.Limits(max_connections=100, max_keepalive_connections=100)
        self._url = f"{url}/v1/chat/completions"
        self._client = module.Client(limits=limits, trust_env=False)
        self._async = module.AsyncClient(limits=limits, trust_env=False)

    def call(self, prompt: str) -> str:
        answer = self._client.post(self._url, json=_payload(prompt)).json()
        return str(answer["choices"][0]["message"]["content"])

    async def acall(self, prompt: str) -> str:
        answer = (await self._async.post(self._url, json=_payload(prompt))).json()
        return str(answer["choices"][0]["message"]["content"])

    def stream(self, prompt: str) -> Iterable[str]:
        with self._client.stream("POST", self._url, json=_payload(prompt, True)) as response:
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])["choices"][0]["delta"].get("content") or ""


class BareHttpx2(BareHttpx):
    name = "httpx2"


class BareAiohttp:
    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/chat/completions"
        self._session: Any = None

    async def acall(self, prompt: str) -> str:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))
        async with self._session.post(self._url, json=_payload(prompt)) as response:
            return str((await response.json())["choices"][0]["message"]["content"])

    async def astream(self, prompt: str) -> AsyncIterator[str]:
        async with self._session.post(self._url, json=_payload(prompt, True)) as response:
            rest = b""
            async for data in response.content.iter_any():  # its own reading by lines takes ten times as long
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if line.startswith(b"data: {"):
                        yield json.loads(line[6:])["choices"][0]["delta"].get("content") or ""

    async def aclose(self) -> None:
        await self._session.close()


class OpenAIClient:
    def __init__(self, url: str) -> None:
        import openai

        settings = {"base_url": f"{url}/v1", "api_key": "none"}
        self._client = openai.OpenAI(**settings)
        self._async = openai.AsyncOpenAI(**settings)

    def call(self, prompt: str) -> str:
        answer = self._client.chat.completions.create(**_payload(prompt))
        return str(answer.choices[0].message.content)

    async def acall(self, prompt: str) -> str:
        answer = await self._async.chat.completions.create(**_payload(prompt))
        return str(answer.choices[0].message.content)

    def stream(self, prompt: str) -> Iterable[str]:
        for event in self._client.chat.completions.create(**_payload(prompt, True)):
            yield event.choices[0].delta.content or ""


class LiteLLM:
    def __init__(self, url: str) -> None:
        import litellm

        litellm.telemetry = False
        self._litellm = litellm
        self._settings = {"model": "openai/bench", "api_base": f"{url}/v1", "api_key": "none"}

    def _messages(self, prompt: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": prompt}]

    def call(self, prompt: str) -> str:
        answer = self._litellm.completion(**self._settings, messages=self._messages(prompt))
        return str(answer.choices[0].message.content)

    async def acall(self, prompt: str) -> str:
        answer = await self._litellm.acompletion(**self._settings, messages=self._messages(prompt))
        return str(answer.choices[0].message.content)

    def stream(self, prompt: str) -> Iterable[str]:
        for event in self._litellm.completion(**self._settings, messages=self._messages(prompt), stream=True):
            yield event.choices[0].delta.content or ""


class Router:
    """This project's router with everything on: cache, limit, breaker, retries, fallback, budget, traces."""

    def __init__(self, url: str) -> None:
        from backends import LLMRouterBackend

        self._folder = tempfile.TemporaryDirectory()
        self._backend = LLMRouterBackend(
            id="bench",
            provider="openai",
            model="bench",
            base_url=f"{url}/v1",
            api_key="none",
            fallback_providers=["mock"],
            rate_limit=10_000_000,
            rate_limit_window=60,
            cache=True,
            max_retries=2,
            budget={"tokens": 10**12},
            trace_jsonl_path=str(Path(self._folder.name, "trace.jsonl")),
        )

    def call(self, prompt: str) -> str:
        return self._backend.generate(prompt)

    async def acall(self, prompt: str) -> str:
        return await self._backend.agenerate(prompt)

    def stream(self, prompt: str) -> Iterable[str]:
        return self._backend.stream(prompt)


CONTENDERS: dict[str, Callable[[str], Any]] = {
    "httpx": BareHttpx,
    "httpx2": BareHttpx2,
    "aiohttp": BareAiohttp,
    "router": Router,
    "openai": OpenAIClient,
    "litellm": LiteLLM,
}


def _prompt() -> str:
    return f"question number {next(_NUMBERS)}"


def single(call: Callable[[str], str]) -> float:
    """Median milliseconds of one call after the other."""
    for _ in range(50):
        call(_prompt())
    times = []
    for _ in range(SINGLE_CALLS):
        started = time.perf_counter()
        call(_prompt())
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


async def single_async(acall: Callable[[str], Awaitable[str]]) -> float:
    """``single`` for a client that has no synchronous face."""
    for _ in range(50):
        await acall(_prompt())
    times = []
    for _ in range(SINGLE_CALLS):
        started = time.perf_counter()
        await acall(_prompt())
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


async def closed(client: Any, work: Awaitable[T]) -> T:
    """The figure of ``work``, with the client's connections given back in the loop that opened them."""
    try:
        return await work
    finally:
        if hasattr(client, "aclose"):
            await client.aclose()


def threads(call: Callable[[str], str], count: int) -> float:
    """Calls a second from ``count`` threads."""
    for _ in range(3):
        call(_prompt())
    gate = threading.Barrier(count + 1)
    end = [0.0]
    done = [0] * count

    def work(number: int) -> None:
        call(_prompt())
        gate.wait()
        while time.perf_counter() < end[0]:
            call(_prompt())
            done[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for worker in workers:
        worker.start()
    started = time.perf_counter() + 0.01
    end[0] = started + SECONDS
    gate.wait()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - started)


async def tasks(acall: Callable[[str], Awaitable[str]], count: int) -> float:
    """Calls a second from ``count`` tasks of one event loop."""
    await asyncio.gather(*(acall(_prompt()) for _ in range(count)))
    started = time.perf_counter()
    end = started + SECONDS

    async def work() -> int:
        done = 0
        while time.perf_counter() < end:
            await acall(_prompt())
            done += 1
        return done

    finished = sum(await asyncio.gather(*(work() for _ in range(count))))
    return finished / (time.perf_counter() - started)


def per_chunk(stream: Callable[[str], Iterable[str]]) -> float:
    """Median microseconds of one streamed chunk."""
    times = []
    for _ in range(15):
        started = time.perf_counter()
        pieces = sum(1 for piece in stream(_prompt()) if piece)
        times.append((time.perf_counter() - started) / pieces)
        assert pieces == CHUNKS, pieces
    return statistics.median(times) * 1e6


async def per_chunk_async(client: Any) -> float:
    """``per_chunk`` for a client that has no synchronous face."""
    times = []
    for _ in range(15):
        started = time.perf_counter()
        pieces = sum([1 async for piece in client.astream(_prompt()) if piece])
        times.append((time.perf_counter() - started) / pieces)
        assert pieces == CHUNKS, pieces
    return statistics.median(times) * 1e6


async def alone(client: Any) -> tuple[float, float]:
    """A call and a chunk, one after the other."""
    return await single_async(client.acall), await per_chunk_async(client)


def cache_hit(url: str) -> float:
    """Median microseconds of the router's answer from memory."""
    backend = Router(url)
    backend.call("the same question")
    times = []
    for _ in range(5000):
        started = time.perf_counter()
        backend.call("the same question")
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


def measure(name: str, instant: str, slow: str) -> dict[str, Any]:
    """Everything about one contender."""
    figures: dict[str, Any] = {}
    client = CONTENDERS[name](instant)
    if hasattr(client, "call"):
        figures["call_ms"] = single(client.call)
        figures["chunk_us"] = per_chunk(client.stream)
    else:
        figures["call_ms"], figures["chunk_us"] = asyncio.run(closed(client, alone(client)))
    for label, url in (("instant", instant), ("slow", slow)):
        for count in (1, 16, 64):
            if hasattr(client, "call"):
                figures[f"threads_{label}_{count}"] = threads(CONTENDERS[name](url).call, count)
            client = CONTENDERS[name](url)
            figures[f"asyncio_{label}_{count}"] = asyncio.run(closed(client, tasks(client.acall, count)))
    if name == "router":
        figures["cache_hit_us"] = cache_hit(instant)
    return figures


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(*sys.argv[1:4])) + "\n")
