"""A local HTTP server that answers by script, bytes and failures included: real sockets, no sleeping."""

from __future__ import annotations

import asyncio
import enum
import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["Act", "Received", "Reply", "ScriptedServer", "closed_port", "json_reply", "sse_reply"]


class Act(enum.Enum):
    """What may stand between the pieces of a body."""

    #: Send nothing more and keep the connection open, until the server ends.
    HANG = "hang"
    #: Break the connection with a TCP reset.
    RESET = "reset"
    #: Close the connection in the middle.
    CLOSE = "close"
    #: Wait until the test opens the gate, then go on.
    GATE = "gate"


@dataclass(frozen=True)
class Received:
    """One request as it came. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One scripted answer: a head, then pieces. ``length`` True sends the Content-Length of all bytes."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes | Act] = ()
    #: True: as long as the pieces are; a number: that, whatever comes; None: chunked.
    length: bool | int | None = True
    #: Before the head, in place of everything else.
    instead: Act | None = None


def json_reply(document: Any, status: int = 200, **headers: str) -> Reply:
    """``document`` as JSON; ``x_request_id="..."`` becomes the header x-request-id."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": "application/json", **names}, [json.dumps(document).encode()])


def sse_reply(*events: Any, done: bool = True, then: Act | None = None, **headers: str) -> Reply:
    """Events, each in a chunk of its own; dictionaries become JSON data, strings stand as they are."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    pieces: list[bytes | Act] = [
        event.encode() if isinstance(event, str) else b"data: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    ]
    if done:
        pieces.append(b"data: [DONE]\n\n")
    if then is not None:
        pieces.append(then)
    return Reply(200, {"Content-Type": "text/event-stream", **names}, pieces, length=None)


def closed_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ScriptedServer:
    """Answers each request with the next scripted reply, or with ``always`` when the script is used up."""

    def __init__(
        self,
        *script: Reply,
        always: Reply | Callable[[Received], Reply] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script: deque[Reply] = deque(script)
        self.always = always
        self.requests: list[Received] = []
        self.connections = 0
        self._gate = asyncio.Event()
        self._open = 0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-server", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._tls = tls
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def reply(self, *replies: Reply) -> None:
        """Append to the script."""
        self.script.extend(replies)

    def open_gate(self) -> None:
        """Let go on what waits at Act.GATE, now and from now on."""
        self._loop.call_soon_threadsafe(self._gate.set)

    def wait_until_open(self, connections: int, seconds: float = 5.0) -> bool:
        """Wait until so many connections are open; tell whether it came to it."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == connections, seconds)

    def wait_until_received(self, requests: int, seconds: float = 5.0) -> bool:
        """Wait until so many requests have come; tell whether it came to it."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= requests, seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(5)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        # A connection that ended in the loop's last turn is given back in the next one.
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        await asyncio.sleep(0)  # who came last begins, and can be ended
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._count(1)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away
        except asyncio.CancelledError:
            writer.transport.abort()  # the server ends; what nobody reads is not waited for
        finally:
            writer.close()
            self._tasks.discard(task)
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._changed:
            self._open += change
            self.connections += max(change, 0)
            self._changed.notify_all()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        received = await _read_request(reader)
        if received is None:
            return False
        with self._changed:
            self.requests.append(received)
            self._changed.notify_all()
        reply = self._next_reply(received)
        if reply.instead is not None:
            return await self._act(reply.instead, reader, writer)
        writer.write(_head(reply))
        for piece in reply.pieces:
            if piece is Act.GATE:
                await asyncio.wait_for(self._gate.wait(), 10)
                continue
            if isinstance(piece, Act):
                await writer.drain()
                return await self._act(piece, reader, writer)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.length is None else piece)
            await writer.drain()
        if reply.length is None:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _next_reply(self, received: Received) -> Reply:
        if self.script:
            return self.script.popleft()
        if callable(self.always):
            return self.always(received)
        return self.always or json_reply({"error": {"message": "nothing is scripted"}}, 500)

    async def _act(self, act: Act, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if act is Act.HANG:
            await reader.read()  # until the client gives up or the server ends
        elif act is Act.RESET:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return False


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, body)


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Scripted"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if reply.length is None:
        lines.append("Transfer-Encoding: chunked")
    elif reply.length is True:
        lines.append(f"Content-Length: {sum(len(piece) for piece in reply.pieces if isinstance(piece, bytes))}")
    elif reply.length is not False:
        lines.append(f"Content-Length: {reply.length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
