"""How a response is named: the hash of canonical JSON of all that shapes the answer, who answers included.

``sha256`` keys are 64 hex digits. ``cid`` keys are CIDv1 (raw codec, sha2-256) of the same bytes, so that anybody
can check them: the CID of the canonical JSON as a raw block.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backends.exceptions import ConfigurationError
from backends.options import near_miss

__all__ = ["CID_BASES", "KEY_STRATEGIES", "KeyMaker", "cid_of", "response_document"]

# CIDv1, raw codec, multihash sha2-256 of 32 bytes.
_CID_PREFIX = b"\x01\x55\x12\x20"
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


_OF_A_PROMPT = {"role", "content"}


def _multiformats(base: str) -> Callable[[bytes], str]:
    def encode(data: bytes) -> str:
        from multiformats import multibase

        return str(multibase.encode(data, base))

    return encode


def _spreading(groups: int) -> tuple[tuple[int, int, int], ...]:
    """Masks and shifts that move ``groups`` (a power of two) groups of 5 bits to 8 bits each, halving by halving."""
    steps = []
    half = groups // 2
    while half:
        low = sum(((1 << 5 * half) - 1) << (16 * half * pair) for pair in range(groups // half // 2))
        steps.append((low, low << 5 * half, 3 * half))
        half //= 2
    return tuple(steps)


_CID_STEPS = _spreading(64)
_BASE32 = bytes.maketrans(bytes(range(32)), b"abcdefghijklmnopqrstuvwxyz234567")


def _base32(data: bytes) -> str:
    # Every call and every trace record makes some. base64.b32encode takes five times as long (9 against 1.8
    # microseconds), because it goes through the bytes one group after the other.
    if len(data) > 40:
        return "b" + base64.b32encode(data).decode("ascii").rstrip("=").lower()
    number = int.from_bytes(data, "big") << (-8 * len(data) % 5)
    for low, high, shift in _CID_STEPS:
        number = (number & low) | ((number & high) << shift)
    return "b" + number.to_bytes(-(-8 * len(data) // 5), "big").translate(_BASE32).decode("ascii")


#: Multibase name -> encoder with its prefix character. base32 is done here because a key is made for every call.
CID_BASES: Mapping[str, Callable[[bytes], str]] = {
    "base32": _base32,
    "base16": lambda data: "f" + data.hex(),
    "base32upper": lambda data: "B" + base64.b32encode(data).decode("ascii").rstrip("="),
    "base36": _multiformats("base36"),
    "base58btc": _multiformats("base58btc"),
    "base64url": lambda data: "u" + base64.urlsafe_b64encode(data).decode("ascii").rstrip("="),
}

KEY_STRATEGIES = frozenset({"sha256", "cid"})


def cid_of(data: bytes, base: str = "base32") -> str:
    """The CIDv1 of ``data`` as one raw block."""
    return CID_BASES[base](_CID_PREFIX + hashlib.sha256(data).digest())


def response_document(
    identity: str,
    model: str | None,
    messages: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    json_schema: Mapping[str, Any] | None = None,
) -> bytes | None:
    """The canonical JSON that names a response, or None when something in it has no JSON form."""
    try:
        # The parts by themselves: the encoder is quick with texts and slow to start for all else, and a key is made
        # for every call.
        parts = (
            _ENCODE(identity),
            _ENCODE(model) if model is not None else "null",
            _messages(messages),
            _ENCODE(options) if options else "{}",
            _ENCODE(json_schema) if json_schema is not None else "null",
        )
        return f"[{','.join(parts)}]".encode("ascii")
    except (TypeError, ValueError, RecursionError):
        return None


def _messages(messages: Sequence[Mapping[str, Any]]) -> str:
    if len(messages) == 1 and messages[0].keys() == _OF_A_PROMPT:
        content, role = messages[0]["content"], messages[0]["role"]
        if isinstance(content, str) and isinstance(role, str):
            return f'[{{"content":{_ENCODE(content)},"role":{_ENCODE(role)}}}]'
    return _ENCODE(messages)


class KeyMaker:
    """Turns documents into keys, by the configured strategy and base."""

    def __init__(self, strategy: str = "sha256", base: str = "base32") -> None:
        self.strategy = strategy.strip().lower()
        self.base = base.strip().lower()
        if self.strategy not in KEY_STRATEGIES:
            raise ConfigurationError(
                f'the cache key must be "sha256" or "cid", not {strategy!r}{near_miss(strategy, KEY_STRATEGIES)}'
            )
        if self.base not in CID_BASES:
            raise ConfigurationError(
                f"the CID base must be one of {', '.join(CID_BASES)}, not {base!r}{near_miss(base, CID_BASES)}"
            )

    def __call__(self, document: bytes) -> str:
        if self.strategy == "cid":
            return cid_of(document, self.base)
        return hashlib.sha256(document).hexdigest()
