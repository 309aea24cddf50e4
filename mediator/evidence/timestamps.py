"""Time stamps by someone else on the custody log: off unless asked for, one interface, RFC 3161 behind it.

OpenTimestamps is behind it too, in ``calendars``: its proofs are complete only some hours later.

A stamp on the hash of the last event covers every event before it. Only that hash is sent, never evidence.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
from cryptography.x509 import load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from sqlalchemy import select

from mediator.evidence.custody import read_events
from mediator.evidence.errors import TimestampError
from mediator.evidence.parts import Parts
from mediator.evidence.schema import custody, custody_head

__all__ = ["Proof", "Rfc3161", "Stamp", "Timestamper", "check_stamps", "stamp_log", "upgrade_stamps"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a stamp proves: a time, or None and in words what is missing to know one."""

    at: datetime | None
    says: str


class Timestamper(Protocol):
    """A service that proves that some bytes existed at a time."""

    name: str

    def stamp(self, data: bytes) -> bytes:
        """Return a proof for ``data``; TimestampError."""

    def verify(self, data: bytes, proof: bytes) -> Proof:
        """Return what ``proof`` says about ``data``; TimestampError when it does not hold."""

    def upgrade(self, data: bytes, proof: bytes) -> bytes | None:
        """Return a proof that proves more than this one by now, None when there is none."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """That the log stood as it does up to event ``seq``, at ``at``, says ``service``; ``says`` is why, or why not yet.

    ``log_hash`` is the hash of that event, and ``proof`` the stamp on its 64 hexadecimal digits.
    """

    seq: int
    service: str
    at: datetime | None
    says: str
    log_hash: str
    proof: bytes

    def as_dict(self) -> dict[str, Any]:
        """Return the stamp as plain JSON values; the proof stays in the custody log."""
        at = None if self.at is None else self.at.isoformat()
        return {"seq": self.seq, "service": self.service, "at": at, "says": self.says, "log_hash": self.log_hash}


class Rfc3161:
    """A time-stamping authority, trusted through the certificates in a PEM file."""

    def __init__(self, url: str, roots: Path, *, timeout: float = 30.0) -> None:
        self.name = f"rfc3161 {url}"
        self._url = url
        self._timeout = timeout
        try:
            self._roots = load_pem_x509_certificates(roots.read_bytes())
        except (OSError, ValueError) as error:
            raise TimestampError(f"{str(roots)!r} holds no PEM certificates to trust; check the path") from error

    def stamp(self, data: bytes) -> bytes:
        """Return a proof for ``data`` that was checked before it is believed."""
        request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
        headers = {"Content-Type": "application/timestamp-query"}
        try:
            answer = httpx.post(self._url, content=request.as_bytes(), headers=headers, timeout=self._timeout)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise TimestampError(f"the time-stamping service {self._url} failed: {error}") from error
        response = self._decoded(answer.content)
        if response.tst_info.nonce != request.nonce:
            raise TimestampError(f"the time-stamping service {self._url} answered another request")
        self.verify(data, answer.content)
        return answer.content

    def upgrade(self, data: bytes, proof: bytes) -> bytes | None:
        """An authority's answer is complete at once."""
        return None

    def verify(self, data: bytes, proof: bytes) -> Proof:
        """Return the time that ``proof`` gives ``data``."""
        response = self._decoded(proof)
        builder = VerifierBuilder()
        for root in self._roots:
            builder = builder.add_root_certificate(root)
        try:
            proven = builder.build().verify(response, hashlib.sha256(data).digest())
        except (VerificationError, ValueError) as error:
            raise TimestampError(f"the stamp of {self._url} does not hold: {error}") from error
        if not proven:
            raise TimestampError(f"the stamp of {self._url} does not hold")
        return Proof(response.tst_info.gen_time, "signed by an authority that is trusted")

    def _decoded(self, proof: bytes) -> TimeStampResponse:
        try:
            return decode_timestamp_response(proof)
        except ValueError as error:
            raise TimestampError(f"what came from {self._url} is no time stamp") from error


def stamp_log(parts: Parts, service: Timestamper) -> None:
    """Have the end of the custody log stamped, and record the proof as an event."""
    with parts.catalog.reading() as connection:
        head = connection.execute(select(custody_head.c.seq, custody_head.c.hash)).one()
    proof = service.stamp(head.hash.encode("ascii"))
    _record(parts, service, head.seq, proof)


def check_stamps(parts: Parts, service: Timestamper) -> tuple[Stamp, ...]:
    """Return what the service's stamps prove about the log as it is now; TimestampError for one that does not hold."""
    return tuple(_checked(service, seq, log_hash, proof) for seq, (log_hash, proof) in _proofs(parts, service).items())


def upgrade_stamps(parts: Parts, service: Timestamper) -> tuple[Stamp, ...]:
    """Complete the stamps that wait for something; return the completed ones, recorded beside those they replace."""
    upgraded = []
    for seq, (log_hash, proof) in _proofs(parts, service).items():
        better = service.upgrade(log_hash.encode("ascii"), proof)
        if better is not None:
            upgraded.append(_checked(service, seq, log_hash, better))
            _record(parts, service, seq, better)
    return tuple(upgraded)


def _record(parts: Parts, service: Timestamper, seq: int, proof: bytes) -> None:
    details = {"service": service.name, "seq": seq, "proof": base64.b64encode(proof).decode("ascii")}
    parts.catalog.commit(
        lambda tx: tx.chain.append("time-stamped", at=parts.clock(), actor=parts.actor, details=details)
    )


def _proofs(parts: Parts, service: Timestamper) -> dict[int, tuple[str, bytes]]:
    """Return the hash and the newest proof for each stamped event."""
    found: dict[int, tuple[str, bytes]] = {}
    with parts.catalog.reading() as connection:
        for event in read_events(connection):
            if event.kind != "time-stamped" or event.details.get("service") != service.name:
                continue
            seq = event.details.get("seq")
            stamped = connection.execute(select(custody.c.hash).where(custody.c.seq == seq)).scalar_one_or_none()
            if stamped is None or not isinstance(seq, int):
                raise TimestampError(f"event {event.seq} stamps event {seq}, which is not in the log")
            try:
                found[seq] = stamped, base64.b64decode(event.details.get("proof", ""), validate=True)
            except (binascii.Error, TypeError) as error:
                raise TimestampError(f"event {event.seq} holds a damaged stamp") from error
    return found


def _checked(service: Timestamper, seq: int, log_hash: str, proof: bytes) -> Stamp:
    proven = service.verify(log_hash.encode("ascii"), proof)
    return Stamp(seq, service.name, proven.at, proven.says, log_hash, proof)
