"""Writes small GGUF files, right ones and wrong ones."""

import struct
from typing import Any

MODEL: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.license": "apache-2.0",
    "llama.block_count": 1,
    "llama.context_length": 128,
    "llama.embedding_length": 32,
    "llama.feed_forward_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
    "tokenizer.chat_template": "{{ messages }}",
}
TENSORS: dict[str, tuple[tuple[int, ...], int, int]] = {"token_embd.weight": ((32, 3), 8, 102)}


def gguf_bytes(
    metadata: dict[str, Any] | None = None,
    tensors: dict[str, tuple[tuple[int, ...], int, int]] | None = None,
    version: int = 3,
) -> bytes:
    """A file with ``tensors`` of (shape, type, bytes)."""
    metadata = MODEL if metadata is None else metadata
    tensors = TENSORS if tensors is None else tensors
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += _text(key) + _value(value)
    offset, data = 0, b""
    for name, (shape, kind, size) in tensors.items():
        head += _text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", kind, offset)
        padded = -(-size // 32) * 32
        data += bytes(padded)
        offset += padded
    return head + bytes(-len(head) % 32) + data


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Any) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<Iq", 11, value)
        case float():
            return struct.pack("<Id", 12, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
        case list():
            return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
    raise TypeError(value)
