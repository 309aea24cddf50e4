"""Kubo's RPC API: the calls that a store makes, with our errors.

`ipfshttpclient` makes the calls it knows (its `connect()` refuses every daemon of today, its `Client`
does not ask); httpx makes the ones it lacks.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
from ipfshttpclient import Client
from ipfshttpclient import exceptions as ipfs_errors

from mediator.evidence.car import CarReader, car_header, car_section
from mediator.evidence.cid import Cid
from mediator.evidence.errors import (
    InvalidCarError,
    InvalidInputError,
    ReplicaRejectedError,
    ReplicaTimeoutError,
    ReplicaUnavailableError,
)

__all__ = ["Node"]

_MULTIADDR: Final = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/([^/]+)/tcp/(\d{1,5})(/https?)?/?")


def _as_url(address: str) -> str:
    if address.startswith(("http://", "https://")):
        return address.rstrip("/").removesuffix("/api/v0")
    match = _MULTIADDR.fullmatch(address)
    if match is None:
        raise InvalidInputError(f"{address!r} is no node address; write /ip4/127.0.0.1/tcp/5001 or http://host:port")
    kind, host, port, scheme = match.groups()
    host = f"[{host}]" if kind == "ip6" else host
    return f"{'https' if scheme == '/https' else 'http'}://{host}:{port}"


def _as_multiaddr(url: str) -> str:
    parsed = httpx.URL(url)
    host = parsed.host
    kind = "ip6" if ":" in host else "ip4" if re.fullmatch(r"[\d.]+", host) else "dns"
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    return f"/{kind}/{host}/tcp/{port}/{parsed.scheme}"


class Node:
    """The calls, with our errors. Reading calls are tried a second time when the connection breaks; no other is."""

    def __init__(self, address: str, timeout: float) -> None:
        # ipfshttpclient says it to urllib3 at each connection, and urllib3 to the person: neither can change it.
        warnings.filterwarnings("ignore", "The 'strict' parameter is no longer needed", FutureWarning)
        url = httpx.URL(_as_url(address))
        bare = url.copy_with(userinfo=b"")
        auth = (url.username, url.password) if url.userinfo else None
        self.shown = str(bare)
        self._client = Client(_as_multiaddr(str(bare)), timeout=timeout, session=False, auth=auth)
        self._http = httpx.Client(base_url=f"{bare}/api/v0", auth=auth, timeout=timeout, trust_env=False)

    def close(self) -> None:
        self._client.close()
        self._http.close()

    def version(self) -> str:
        with self._translated():
            return str(self._client.version()["Version"])

    def block(self, cid: Cid) -> bytes:
        for last in (False, True):
            try:
                with self._translated():
                    return bytes(self._client.block.get(str(cid), opts={"timeout": "5s", "offline": "true"}))
            except ReplicaUnavailableError:
                if last:
                    raise
        raise AssertionError("the loop returns or raises")

    def put_block(self, cid: Cid, data: bytes) -> None:
        codec = "raw" if cid.codec == 0x55 else "dag-pb"
        options = {"format": codec, "mhtype": "sha2-256", "pin": "false"}
        with self._translated():
            answer = self._client.block.put(io.BytesIO(data), opts=options)
        if Cid.parse(answer["Key"]).multihash != cid.multihash:
            raise ReplicaRejectedError(f"{self.shown} stored block {cid} as {answer['Key']}")

    def remove_block(self, cid: Cid) -> None:
        self._post("block/rm", {"arg": str(cid), "force": "true"})

    def import_dag(self, root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        body = _Generated(_car_pieces(root, blocks))
        answer = self._post("dag/import", {"pin-roots": "true"}, files={"path": ("evidence.car", body)})
        for line in answer.splitlines():
            outcome = _json(line).get("Root")
            if isinstance(outcome, dict) and outcome.get("PinErrorMsg"):
                raise ReplicaRejectedError(f"{self.shown} did not pin {root}: {outcome['PinErrorMsg']}")

    def exported(self, root: Cid) -> set[bytes]:
        """Return the hashes of the blocks that the node sends for a root, each verified."""
        with self._translated(), self._http.stream("POST", "/dag/export", params={"arg": str(root)}) as answer:
            if answer.status_code != 200:
                answer.read()
                raise self._refusal("dag/export", answer)
            reader = CarReader(io.BufferedReader(_Received(answer.iter_bytes())))
            return {cid.multihash for cid, _ in reader}

    def pin(self, cid: Cid) -> None:
        with self._translated():
            self._client.pin.add(str(cid))

    def unpin(self, cid: Cid) -> None:
        with self._translated():
            self._client.pin.rm(str(cid))

    def is_pinned(self, cid: Cid) -> bool:
        try:
            with self._translated():
                keys = self._client.pin.ls(str(cid), type="recursive")["Keys"]
        except ReplicaRejectedError:
            return False  # that is how a node says "not pinned"
        return any(Cid.parse(key) == cid for key in keys)

    def local_refs(self) -> Iterator[Cid]:
        for line in self._post("refs/local", {}).splitlines():
            reference = _json(line).get("Ref")
            if reference:
                yield Cid.parse(reference)

    def _post(self, call: str, params: Mapping[str, str], files: Any = None) -> str:
        with self._translated():
            answer = self._http.post(f"/{call}", params=dict(params), files=files)
        if answer.status_code != 200:
            raise self._refusal(call, answer)
        return answer.text

    def _refusal(self, call: str, answer: httpx.Response) -> ReplicaRejectedError:
        said = _json(answer.text).get("Message") or answer.text[:200]
        return ReplicaRejectedError(f"{self.shown} answered {answer.status_code} to {call}: {' '.join(said.split())}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        advice = "start it, or check the address"
        try:
            yield
        except (httpx.TimeoutException, ipfs_errors.TimeoutError) as error:
            raise ReplicaTimeoutError(f"the IPFS node {self.shown} did not answer in time") from error
        except (httpx.TransportError, ipfs_errors.ConnectionError) as error:
            raise ReplicaUnavailableError(f"the IPFS node {self.shown} cannot be reached; {advice}") from error
        except InvalidCarError as error:
            raise ReplicaUnavailableError(f"the IPFS node {self.shown} broke off its answer: {error}") from error
        except ipfs_errors.Error as error:
            raise ReplicaRejectedError(f"the IPFS node {self.shown} refused: {error}") from error


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _car_pieces(root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> Iterator[bytes]:
    yield car_header([root])
    for cid, data in blocks:
        yield car_section(cid, data)


class _Generated(io.RawIOBase):
    """Pieces as a file that can only be read forwards, which makes httpx send them in chunks."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        if size < 0 or size >= len(self._rest):
            out, self._rest = self._rest, b""
        else:
            out, self._rest = self._rest[:size], self._rest[size:]
        return out


class _Received(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stubs have their own buffer type
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
