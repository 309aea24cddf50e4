"""A real IPFS node over Kubo's RPC API: a blockstore, and a replica that proves what it has.

`ipfshttpclient` makes the calls it knows (its `connect()` refuses every daemon of today, its `Client`
does not ask); httpx makes the ones it lacks. An IPFS Cluster answers the same calls for add and pin.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from ipfshttpclient import Client
from ipfshttpclient import exceptions as ipfs_errors

from mediator.evidence.blockstores.base import Batch, Blockstore, verified
from mediator.evidence.car import CarReader, car_header, car_section
from mediator.evidence.cid import Cid
from mediator.evidence.errors import (
    BlockNotFoundError,
    InvalidCarError,
    InvalidInputError,
    ReplicaRejectedError,
    ReplicaTimeoutError,
    ReplicaUnavailableError,
)

__all__ = ["KuboBlockstore", "KuboReplica", "kubo_address"]

_DEFAULT: Final = "/ip4/127.0.0.1/tcp/5001"
_MULTIADDR: Final = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/([^/]+)/tcp/(\d{1,5})(/https?)?/?")
# How nodes say that a block is not there; js-ipfs only says that it looked until the time was up.
_MISSING: Final = ("not found", "not_found", "could not find", "timed out")


def kubo_address(configured: str | None, env: Mapping[str, str], home: Path) -> str:
    """Return the node's address: as configured, from ``IPFS_API``, from ``~/.ipfs/api``, or the usual one."""
    if configured:
        return configured
    if env.get("IPFS_API"):
        return env["IPFS_API"]
    root = Path(env["IPFS_PATH"]) if env.get("IPFS_PATH") else home / ".ipfs"
    try:
        return (root / "api").read_text("ascii").strip() or _DEFAULT
    except (FileNotFoundError, NotADirectoryError):
        return _DEFAULT


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


class _Node:
    """The calls, with our errors. Reading calls are tried a second time when the connection breaks; no other is."""

    def __init__(self, address: str, timeout: float) -> None:
        # ipfshttpclient says it to urllib3 at each connection, and urllib3 to the person: neither can change it.
        warnings.filterwarnings("ignore", "The 'strict' parameter is no longer needed", FutureWarning)
        url = _as_url(address)
        self.shown = str(httpx.URL(url).copy_with(userinfo=b""))
        self._client = Client(_as_multiaddr(url), timeout=timeout, session=False)
        self._http = httpx.Client(base_url=f"{url}/api/v0", timeout=timeout, trust_env=False)

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


def _noted(blocks: Iterable[tuple[Cid, bytes]], sent: set[bytes]) -> Iterator[tuple[Cid, bytes]]:
    for cid, data in blocks:
        if not cid.is_identity:
            sent.add(cid.multihash)
            yield cid, data


class KuboReplica:
    """A node as the keeper of a second copy."""

    name = "kubo"

    def __init__(self, address: str, *, timeout: float = 60.0) -> None:
        self._node = _Node(address, timeout)
        self.address = self._node.shown

    def push(self, root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Send a DAG, have it pinned, and read all of it back."""
        sent: set[bytes] = set()
        self._node.import_dag(root, _noted(blocks, sent))
        if not self._node.is_pinned(root):
            self._node.pin(root)
        missing = sent - self._node.exported(root)
        if missing:
            raise ReplicaRejectedError(f"{self.address} took {root} and does not have {len(missing)} of its blocks")

    def get(self, cid: Cid) -> bytes:
        """Return a block, verified."""
        return verified(cid, self._node.block(cid))

    def has_pinned(self, root: Cid) -> bool:
        """Whether the node keeps a DAG."""
        return self._node.is_pinned(root)

    def version(self) -> str:
        """Return what the node says it is."""
        return self._node.version()

    def close(self) -> None:
        """Close the connections."""
        self._node.close()


class KuboBlockstore(Blockstore):
    """Blocks in a node. Durable when the node says so; pinned by whoever needs them kept."""

    def __init__(self, address: str, *, timeout: float = 60.0) -> None:
        self._node = _Node(address, timeout)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        yield _Writer(self._node)

    def delete(self, cid: Cid) -> bool:
        if not self._exists(cid):
            return False
        self._node.remove_block(cid)
        return True

    def multihashes(self) -> Iterator[bytes]:
        seen = set()
        for cid in self._node.local_refs():
            if cid.multihash not in seen and not cid.is_identity:
                seen.add(cid.multihash)
                yield cid.multihash

    def close(self) -> None:
        self._node.close()

    def _load(self, cid: Cid) -> bytes:
        try:
            return self._node.block(cid)
        except ReplicaRejectedError as error:
            if any(phrase in str(error).lower() for phrase in _MISSING):
                raise BlockNotFoundError(f"block {cid} is not in the node {self._node.shown}") from error
            raise

    def _exists(self, cid: Cid) -> bool:
        return any(cid.multihash == multihash for multihash in self.multihashes())


class _Writer:
    def __init__(self, node: _Node) -> None:
        self._node = node

    def put(self, cid: Cid, data: bytes) -> None:
        if not cid.is_identity:
            self._node.put_block(cid, verified(cid, data))
