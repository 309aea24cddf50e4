"""OpenTimestamps: a calendar commits to a hash at once, and Bitcoin proves it some hours later.

A stamp is kept as a detached timestamp file, the format of `ots verify`. What it proves is said, never guessed:
without the header of the Bitcoin block that it names, it names a block and proves no time.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import httpx
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpSHA256
from opentimestamps.core.serialize import (
    BytesDeserializationContext,
    BytesSerializationContext,
    DeserializationError,
)
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from mediator.evidence.errors import TimestampError
from mediator.evidence.timestamps import Proof

__all__ = ["OpenTimestamps"]

_MEDIA_TYPE: Final = "application/vnd.opentimestamps.v1"
# What the clients of the protocol take from a calendar.
_MOST_ANSWER: Final = 10_000
_HEADER: Final = struct.Struct("<4s32s32sLLL")
# The easiest target that Bitcoin ever had: a header that is easier to make is none of its.
_EASIEST: Final = 0xFFFF << 208


class OpenTimestamps:
    """One calendar. ``headers`` are Bitcoin block headers by height, from a node that you trust (80 bytes each)."""

    def __init__(self, url: str, *, headers: Mapping[int, bytes] | None = None, timeout: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self.name = f"opentimestamps {self._url}"
        self._headers = dict(headers or {})
        self._timeout = timeout

    def stamp(self, data: bytes) -> bytes:
        """Return a proof that waits for Bitcoin; the calendar sees a hash of the hash, with a random number in it."""
        digest = Timestamp(hashlib.sha256(data).digest())
        nonced = digest.ops.add(OpAppend(os.urandom(16))).ops.add(OpSHA256())
        nonced.merge(self._asked("POST", "digest", nonced.msg, content=nonced.msg))
        return _written(digest)

    def verify(self, data: bytes, proof: bytes) -> Proof:
        """Return what the proof says about ``data``; TimestampError when it is about something else or is wrong."""
        digest = self._read(data, proof)
        waits = []
        named = []
        for message, attestation in _attestations(digest):
            if isinstance(attestation, BitcoinBlockHeaderAttestation):
                header = self._headers.get(attestation.height)
                if header is not None:
                    return Proof(_time_of(attestation.height, header, message), f"Bitcoin block {attestation.height}")
                named.append(
                    f"names Bitcoin block {attestation.height}, which was not looked at: no network is used here. Its "
                    f"merkle root must be {message[::-1].hex()}; give its header, or use `ots verify`"
                )
            elif isinstance(attestation, PendingAttestation):
                waits.append(f"waits for Bitcoin at {attestation.uri}; it proves no time yet")
        found = named or waits
        if not found:
            raise TimestampError("the stamp has no attestation that is known here; it proves nothing")
        return Proof(None, found[0])

    def upgrade(self, data: bytes, proof: bytes) -> bytes | None:
        """Ask the calendar whether Bitcoin has it by now; return the completed proof, None when it waits still."""
        digest = self._read(data, proof)
        grown = False
        for node in list(_nodes(digest)):
            # Only our calendar is asked: the address in a proof is data, not an instruction.
            if not any(isinstance(one, PendingAttestation) and one.uri == self._url for one in node.attestations):
                continue
            answer = self._asked("GET", f"timestamp/{node.msg.hex()}", node.msg, missing=True)
            if answer is not None:
                node.merge(answer)
                grown = True
        return _written(digest) if grown else None

    def _read(self, data: bytes, proof: bytes) -> Timestamp:
        try:
            context = BytesDeserializationContext(proof)
            detached = DetachedTimestampFile.deserialize(context)
            context.assert_eof()
        except (DeserializationError, ValueError, TypeError) as error:
            raise TimestampError(f"what {self.name} gave is no detached timestamp: {error}") from error
        if detached.file_digest != hashlib.sha256(data).digest() or not isinstance(detached.file_hash_op, OpSHA256):
            raise TimestampError(f"the stamp of {self._url} does not hold: it is for other bytes")
        return detached.timestamp

    def _asked(
        self, method: str, path: str, message: bytes, *, content: bytes = b"", missing: bool = False
    ) -> Timestamp:
        address = f"{self._url}/{path}"
        headers = {"Accept": _MEDIA_TYPE, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            with httpx.stream(
                method, address, content=content, headers=headers, timeout=self._timeout, trust_env=False
            ) as answer:
                body = _limited(answer)
        except httpx.HTTPError as error:
            raise TimestampError(f"the calendar {self._url} failed: {error or type(error).__name__}") from error
        if missing and answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise TimestampError(f"the calendar {self._url} answered {answer.status_code} to {path.split('/')[0]}")
        try:
            context = BytesDeserializationContext(body)
            timestamp = Timestamp.deserialize(context, message)
            context.assert_eof()
        except (DeserializationError, ValueError, TypeError) as error:
            raise TimestampError(f"what came from the calendar {self._url} is no timestamp: {error}") from error
        return timestamp


def _limited(answer: httpx.Response) -> bytes:
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > _MOST_ANSWER:
            raise TimestampError(f"the calendar sent more than {_MOST_ANSWER} bytes; that is no timestamp")
    return body


def _written(timestamp: Timestamp) -> bytes:
    context = BytesSerializationContext()
    DetachedTimestampFile(OpSHA256(), timestamp).serialize(context)
    return bytes(context.getbytes())


def _nodes(timestamp: Timestamp) -> Iterator[Timestamp]:
    waiting = [timestamp]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.ops.values())


def _attestations(timestamp: Timestamp) -> Iterator[tuple[bytes, object]]:
    for node in _nodes(timestamp):
        for attestation in node.attestations:
            yield node.msg, attestation


def _time_of(height: int, header: bytes, message: bytes) -> datetime:
    """Return the time of a block whose header commits to ``message``; TimestampError when it does not."""
    if len(header) != _HEADER.size:
        raise TimestampError(f"the header of Bitcoin block {height} has {len(header)} bytes; it must have 80")
    _, _, merkle_root, seconds, bits, _ = _HEADER.unpack(header)
    target = (bits & 0x7FFFFF) << 8 * max(0, (bits >> 24) - 3)
    worth = int.from_bytes(hashlib.sha256(hashlib.sha256(header).digest()).digest(), "little")
    if not worth <= target <= _EASIEST:
        raise TimestampError(
            f"the header given for Bitcoin block {height} has no proof of work; it is no Bitcoin header"
        )
    if merkle_root != message:
        raise TimestampError(f"the stamp does not hold: Bitcoin block {height} commits to something else")
    return datetime.fromtimestamp(seconds, UTC)
