"""Processor time of one call by HTTP client: what a call costs, also on a busy machine. The server is another process.

python -m benchmarks.http_clients
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import json
import platform
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from benchmarks.router import model_server

Call = Callable[[], Awaitable[object]]

MESSAGES = [{"role": "user", "content": "What is the deadline for an EEOC charge?"}]
BODY = json.dumps({"model": "m", "messages": MESSAGES}).encode()
HEADERS = {"Authorization": "Bearer x", "Content-Type": "application/json"}


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncIterator[Call]:
    import aiohttp

    async with aiohttp.ClientSession(headers=HEADERS) as client:

        async def call() -> object:
            async with client.post(f"{url}/chat/completions", data=BODY) as answer:
                return json.loads(await answer.read())

        yield call


def _httpx_like(name: str) -> Callable[[str], AbstractAsyncContextManager[Call]]:
    @asynccontextmanager
    async def client(url: str) -> AsyncIterator[Call]:
        httpx: Any = importlib.import_module(name)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(headers=HEADERS, limits=limits, trust_env=False) as client:

            async def call() -> object:
                return json.loads((await client.post(f"{url}/chat/completions", content=BODY)).content)

            yield call

    return client


@asynccontextmanager
async def _openai(url: str) -> AsyncIterator[Call]:
    openai: Any = importlib.import_module("openai")
    async with openai.AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
        yield lambda: client.chat.completions.create(model="m", messages=MESSAGES)


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Call]:
    from backends.openai import OpenAIBackend

    backend = OpenAIBackend(base_url=url, api_key="x", model="m", env={})
    try:
        yield lambda: backend.acomplete(MESSAGES)
    finally:
        await backend.aclose()


CLIENTS: dict[str, tuple[str, Callable[[str], AbstractAsyncContextManager[Call]]]] = {
    "bare aiohttp": ("aiohttp", _aiohttp),
    "bare httpx2": ("httpx2", _httpx_like("httpx2")),
    "bare httpx": ("httpx", _httpx_like("httpx")),
    "openai client": ("openai", _openai),
    "OpenAIBackend": ("aiohttp", _ours),
}


async def _microseconds(call: Call, at_once: int, rounds: int = 5, calls: int = 512) -> float:
    """The best round's processor time of this process, by call: the least disturbed one."""

    async def some() -> None:
        for _ in range(calls // at_once):
            await call()

    best = float("inf")
    for _ in range(rounds + 1):  # the first warms up
        started = time.process_time()
        await asyncio.gather(*(some() for _ in range(at_once)))
        best = min(best, (time.process_time() - started) / calls)
    return best * 1e6


async def _row(name: str, url: str) -> str:
    package, client = CLIENTS[name]
    async with client(url) as call:
        one, many = await _microseconds(call, 1), await _microseconds(call, 64)
    return f"| {name} | {package} {importlib.metadata.version(package)} | {one:.0f} | {many:.0f} |"


def main() -> None:
    print(f"Python {platform.python_version()}, microseconds of processor time a call\n")
    print("| client | package | one at a time | 64 at a time |")
    print("| --- | --- | ---: | ---: |")
    with model_server(0.0) as url:
        for name in CLIENTS:
            print(asyncio.run(_row(name, f"{url}/v1")), flush=True)


if __name__ == "__main__":
    main()
