"""A loaded GGUF model: its weights and its vocabulary. The state of a conversation lives elsewhere.

Promises: a file is checked before llama.cpp sees it, and refused with a reason; loading prints
nothing; text of any kind (control characters, lone surrogates) can be tokenised; text is data
unless the caller says that it may hold the model's control tokens.
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backends.exceptions import ConfigurationError, ModelNotFoundError, ProviderUnavailableError
from backends.local.gguf import GGUFError, GGUFHeader, read_gguf_header
from backends.local.llama_log import last_complaint, take_over_log
from backends.plain_text import clean_text

__all__ = ["LlamaModel", "check_gpu_layers", "checked_header"]

_SPECIAL_ATTRIBUTES = (1 << 0) | (1 << 3)  # LLAMA_TOKEN_ATTR_UNKNOWN, LLAMA_TOKEN_ATTR_CONTROL


def checked_header(path: Path) -> GGUFHeader:
    """The header of a GGUF file that a generation could use; raises our errors."""
    try:
        header = read_gguf_header(path)
    except FileNotFoundError as error:
        raise ModelNotFoundError(
            f"there is no file {path}; set model_path to a GGUF file, or leave it out to use the packaged model"
        ) from error
    except IsADirectoryError as error:
        raise ModelNotFoundError(f"{path} is a directory; set model_path to a GGUF file in it") from error
    except OSError as error:
        raise ModelNotFoundError(f"{path} cannot be read: {error.strerror or error}") from error
    except GGUFError as error:
        raise ConfigurationError(f"{path} is not a usable GGUF model: {error}") from error
    problem = _shape_problem(header)
    if problem:
        raise ConfigurationError(f"{path} is not a usable GGUF model: {problem}")
    return header


def check_gpu_layers(n_gpu_layers: int) -> None:
    """ConfigurationError when layers are wanted on a GPU and llama.cpp was built without; it would say nothing."""
    if n_gpu_layers == 0:
        return
    import llama_cpp

    if not llama_cpp.llama_supports_gpu_offload():
        raise ConfigurationError(
            f"n_gpu_layers is {n_gpu_layers} and this llama-cpp-python {llama_cpp.__version__} was built without GPU "
            "support; set n_gpu_layers to 0, or build it with make demo CMAKE_ARGS=-DGGML_CUDA=on in a fresh .venv"
        )


def _shape_problem(header: GGUFHeader) -> str:
    """What llama.cpp would stumble over, or nothing."""
    if header.architecture == "unknown":
        return "it does not say its architecture"
    if header.metadata.get("split.count", 1) != 1:
        return "it is one of several parts; join them with llama-gguf-split --merge"
    for key in ("block_count", "context_length", "embedding_length", "attention.head_count"):
        value = header.number(key)
        if value is None or value < 1:
            return f"its metadata has no sensible {header.architecture}.{key}"
    names = {tensor.name: tensor for tensor in header.tensors}
    if "token_embd.weight" not in names:
        return "it has no token embeddings (is it an adapter or a projector?)"
    if not header.vocabulary:
        return "it has no vocabulary"
    rows = names["token_embd.weight"].shape[-1]
    if rows < header.vocabulary:
        return f"its vocabulary has {header.vocabulary:,} tokens and its embeddings {rows:,}"
    return ""


class LlamaModel:
    """Weights and vocabulary. Reading methods may be called by many threads at once."""

    def __init__(self, path: Path, n_gpu_layers: int = 0) -> None:
        self.path = path
        self.header = checked_header(path)
        check_gpu_layers(n_gpu_layers)
        import llama_cpp

        self._api = llama_cpp
        take_over_log()
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = n_gpu_layers
        last_complaint()
        self.pointer = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.pointer:
            raise ConfigurationError(
                f"llama.cpp {llama_cpp.__version__} cannot load {path}: {last_complaint() or 'it gave no reason'}"
            )
        self._vocab = llama_cpp.llama_model_get_vocab(self.pointer)
        self.n_vocab: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self.context_length: int = llama_cpp.llama_model_n_ctx_train(self.pointer)
        self._pieces: dict[int, bytes] = {}
        self.end_tokens = frozenset(
            token for token in range(self.n_vocab) if llama_cpp.llama_vocab_is_eog(self._vocab, token)
        )
        self.special_text = self._special_pattern()

    @property
    def vocab(self) -> Any:
        """llama.cpp's pointer, for samplers."""
        if self._vocab is None:
            raise ProviderUnavailableError("this model was unloaded; call again to load it")
        return self._vocab

    @property
    def adds_beginning(self) -> bool:
        """Whether plain prompts of this model start with a token for the beginning."""
        return bool(self._api.llama_vocab_get_add_bos(self.vocab))

    def token_text(self, which: str) -> str:
        """The text of the ``bos`` or ``eos`` token, for chat templates."""
        token = getattr(self._api, f"llama_vocab_{which}")(self.vocab)
        return "" if token < 0 else self._raw_text(token)

    @functools.cached_property
    def longest_token(self) -> int:
        """No token stands for more bytes of text than this."""
        return max(len(self._api.llama_vocab_get_text(self.vocab, token)) for token in range(self.n_vocab))

    def tokenize(self, text: str, *, special: bool, beginning: bool = False) -> list[int]:
        """The tokens of ``text``. Only with ``special`` may it hold control tokens by their text."""
        raw = clean_text(text).encode("utf-8")
        room = len(raw) + 8
        while True:
            tokens = (self._api.llama_token * room)()
            count = self._api.llama_tokenize(self.vocab, raw, len(raw), tokens, room, beginning, special)
            if count >= 0:
                return list(tokens[:count])
            room = -count

    def piece(self, token: int) -> bytes:
        """The bytes that ``token`` adds to the text; none for control tokens."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._piece(token)
        return known

    def text(self, tokens: Sequence[int]) -> str:
        """The text of ``tokens``."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def close(self) -> None:
        """Free the memory. Nothing may use the model any more. May be called twice."""
        if self.pointer:
            self._api.llama_model_free(self.pointer)
            self.pointer = self._vocab = None

    def _piece(self, token: int) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = self._api.llama_token_to_piece(self.vocab, token, buffer, room, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def _raw_text(self, token: int) -> str:
        text: bytes = self._api.llama_vocab_get_text(self.vocab, token)
        return text.decode("utf-8", "replace")

    def _special_pattern(self) -> re.Pattern[str]:
        """Matches the text of every token that plain text must never turn into."""
        texts = {
            self._raw_text(token)
            for token in range(self.n_vocab)
            if self._api.llama_vocab_get_attr(self._vocab, token) & _SPECIAL_ATTRIBUTES
        }
        alternatives = [re.escape(text) for text in sorted(texts, key=len, reverse=True) if text]
        return re.compile("|".join(alternatives) or r"(?!)")
