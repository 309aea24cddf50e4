"""Encryption of one content: libsodium's secretstream (XChaCha20-Poly1305), chunk by chunk.

The stored form is a header (magic, key id, stream header) and chunks of 64 KiB, each authenticated and
bound to its place; the last one is marked, so that a cut is noticed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from nacl import bindings
from nacl.exceptions import CryptoError

from mediator.evidence.errors import DecryptionError

__all__ = ["StreamSealer", "open_sealed", "sealed_key_id", "sealed_size"]

_MAGIC: Final = b"CGSEAL1\n"
_KEY_ID: Final = 16
_HEADER: Final = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_OVERHEAD: Final = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_MESSAGE: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_STATE: Final = bindings.crypto_secretstream_xchacha20poly1305_STATEBYTES
_PREFIX: Final = len(_MAGIC) + _KEY_ID + _HEADER
_CHUNK: Final = 64 * 1024
# A stream can only be decrypted forwards. Its state is remembered every 16 MiB, so that going back costs no more.
_CHECKPOINT: Final = 256


class StreamSealer:
    """Encrypts contents with one key."""

    def __init__(self, key_id: str, key: bytes) -> None:
        self.key_id = key_id
        self._key = key

    def seal(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the encrypted form of a stream."""
        state = bindings.crypto_secretstream_xchacha20poly1305_state()
        header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, self._key)
        bound = _MAGIC + bytes.fromhex(self.key_id)
        yield bound + header
        waiting = b""
        for chunk in chunks:
            # One chunk stays back: only the last carries the mark of the end.
            data = waiting + chunk if waiting else chunk
            whole = (len(data) - 1) // _CHUNK * _CHUNK if data else 0
            for start in range(0, whole, _CHUNK):
                yield _push(state, data[start : start + _CHUNK], bound, _MESSAGE)
            waiting = data[whole:]
        yield _push(state, waiting, bound, _FINAL)


def _push(state: bindings.crypto_secretstream_xchacha20poly1305_state, data: bytes, bound: bytes, tag: int) -> bytes:
    return bindings.crypto_secretstream_xchacha20poly1305_push(state, data, bound, tag)


def sealed_size(size: int) -> int:
    """Return how many bytes the encrypted form of ``size`` bytes has."""
    return _PREFIX + size + _OVERHEAD * max(1, -(-size // _CHUNK))


def sealed_key_id(prefix: bytes) -> str:
    """Return the id of the key that a stored form starts with; DecryptionError when it is none."""
    if len(prefix) < _PREFIX or not prefix.startswith(_MAGIC):
        raise DecryptionError("the stored bytes do not start like an encrypted content; they are damaged")
    return prefix[len(_MAGIC) : len(_MAGIC) + _KEY_ID].hex()


def _restore(state: bindings.crypto_secretstream_xchacha20poly1305_state, saved: bytes) -> None:
    buffer: Any = state.statebuf  # a C array, which the package types as bytes
    buffer[0:_STATE] = saved


def open_sealed(stored: BinaryIO, key: bytes, size: int) -> BinaryIO:
    """Return a seekable stream over the decrypted content of ``size`` bytes."""
    return io.BufferedReader(_SealedReader(stored, key, size), buffer_size=_CHUNK)


class _SealedReader(io.RawIOBase):
    def __init__(self, stored: BinaryIO, key: bytes, size: int) -> None:
        super().__init__()
        self._stored = stored
        self._size = size
        self._position = 0
        self._last = max(0, (size - 1) // _CHUNK)
        prefix = stored.read(_PREFIX)
        sealed_key_id(prefix)
        if stored.seek(0, os.SEEK_END) != sealed_size(size):
            raise DecryptionError("the stored bytes are cut or lengthened; restore them from a replica")
        self._bound = prefix[: len(_MAGIC) + _KEY_ID]
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, prefix[-_HEADER:], key)
        self._next = 0
        self._checkpoints = {0: bytes(self._state.statebuf)}
        self._index = -1
        self._chunk = b""
        if size == 0:
            self._advance_to(0)  # nobody will read the one chunk there is, and it proves that the content is empty

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stubs have their own buffer type
        if self._position >= self._size or not len(buffer):
            return 0
        self._advance_to(self._position // _CHUNK)
        start = self._position - self._index * _CHUNK
        count = min(len(buffer), len(self._chunk) - start)
        memoryview(buffer).cast("B")[:count] = memoryview(self._chunk)[start : start + count]
        self._position += count
        return count

    def close(self) -> None:
        if not self.closed:
            self._stored.close()
        super().close()

    def _advance_to(self, index: int) -> None:
        if index == self._index:
            return
        start = max(place for place in self._checkpoints if place <= index)
        if not start < self._next <= index:
            _restore(self._state, self._checkpoints[start])
            self._next = start
            self._stored.seek(_PREFIX + start * (_CHUNK + _OVERHEAD))
        while self._next <= index:
            self._pull()

    def _pull(self) -> None:
        data = self._stored.read(_CHUNK + _OVERHEAD)
        try:
            chunk, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, data, self._bound)
        except (CryptoError, RuntimeError, ValueError) as error:
            raise DecryptionError(
                f"chunk {self._next} of the stored bytes does not decrypt: it is damaged; run repair"
            ) from error
        if tag != (_FINAL if self._next == self._last else _MESSAGE):
            raise DecryptionError(f"chunk {self._next} of the stored bytes is not in its place; run repair")
        self._index, self._chunk = self._next, chunk
        self._next += 1
        if self._next % _CHECKPOINT == 0:
            self._checkpoints[self._next] = bytes(self._state.statebuf)
