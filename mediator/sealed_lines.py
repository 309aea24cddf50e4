"""Encryption of session lines with the evidence store's key: what happened is sealed, the chain of hashes is not.

Anybody can check that no line was changed, moved or left out; only who has the key can read one. A line is
bound to its place and time, so that a line of another session does not open here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import Aead

from mediator.evidence.errors import EncryptionError
from mediator.evidence.filesystem import FileSystem
from mediator.evidence.keys import KeyRing, KeySource, key_source
from mediator.evidence.opening import create_keys
from mediator.exceptions import SessionError, SessionKeyError

__all__ = ["LineSeal"]

_PERSON = b"session-lines"


class LineSeal:
    """Seals and opens lines, and whole small files that lie beside a session."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._boxes: dict[str, Aead] = {}

    @classmethod
    def with_evidence_key(cls, store: Path, source: str | KeySource, env: Mapping[str, str] | None = None) -> LineSeal:
        """Use the key of the evidence store in that folder; the first one is made when it has none."""
        named = {} if env is None else env
        found = key_source(source, store, named) if isinstance(source, str) else source
        ring = KeyRing.load(store / "keys.json", found, FileSystem())
        if ring is None:
            store.mkdir(mode=0o700, parents=True, exist_ok=True)
            ring = create_keys(store, source, named)
        return cls(ring)

    @property
    def key_id(self) -> str:
        """The id of the key that seals now; it stands on each line and opens nothing."""
        return self._ring.active_id

    def seal(self, data: bytes, bound_to: str) -> str:
        """The sealed form of ``data`` as text. It opens only with the same ``bound_to``."""
        sealed = self._box(self.key_id).encrypt(data, bound_to.encode())
        return base64.b64encode(bytes(sealed)).decode("ascii")

    def open(self, sealed: str, bound_to: str, key_id: str) -> bytes:
        """The data; SessionKeyError when the key is another one, SessionError when what was sealed was changed."""
        box = self._box(key_id)
        try:
            return box.decrypt(base64.b64decode(sealed, validate=True), bound_to.encode())
        except (CryptoError, binascii.Error) as error:
            raise SessionError(
                "the key is the right one, but what it sealed was changed; restore the file from a copy"
            ) from error

    def _box(self, key_id: str) -> Aead:
        if key_id not in self._boxes:
            try:
                key = self._ring.key(key_id)
            except EncryptionError as error:
                raise SessionKeyError(f"the session cannot be opened: {error}") from error
            self._boxes[key_id] = Aead(hashlib.blake2b(key, digest_size=Aead.KEY_SIZE, person=_PERSON).digest())
        return self._boxes[key_id]
