"""Loads a transformers model and its tokenizer from files, quietly, and says in our words what went wrong.

Custom code of a repository is never run, pickled weights are never read, and nothing is fetched from here.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import importlib.util
import inspect
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from backends.exceptions import BackendError, ConfigurationError, ModelNotFoundError, ProviderUnavailableError
from backends.local.transformers_find import ModelFiles, quiet_hub
from backends.local.transformers_json import constraint_vocabulary
from backends.local.transformers_memory import check_memory
from backends.local.transformers_prompt import encode_prompt, encode_text
from backends.local.transformers_sampling import Sampling
from backends.types import Request

__all__ = ["DTYPES", "LoadedModel", "choose_device", "free_model", "load_model", "load_with", "require_packages"]

T = TypeVar("T")

DTYPES = ("auto", "float32", "float16", "bfloat16")
_NEEDED = ("torch", "transformers")
_NEEDED_FOR_GGUF = ("gguf", "accelerate")
_quiet_lock = threading.RLock()


@dataclass(slots=True)
class LoadedModel:
    """A model in memory. Its locks are held for one forward step or one tokenizer call, never for a whole answer."""

    model: Any
    tokenizer: Any
    device: str
    context: int | None
    eos: frozenset[int]
    pad: int
    advice: Sampling
    takes: frozenset[str]
    step_lock: threading.Lock = field(default_factory=threading.Lock)
    tokenizer_lock: threading.Lock = field(default_factory=threading.Lock)
    _vocabulary: Any = None

    @property
    def vocabulary(self) -> Any:
        """What constrained decoding knows of the tokenizer, made at the first use."""
        with self.tokenizer_lock:
            if self._vocabulary is None:
                size = self.model.config.get_text_config().vocab_size
                try:
                    self._vocabulary = constraint_vocabulary(self.tokenizer, size, self.eos)
                except (ValueError, RuntimeError) as error:
                    raise ConfigurationError(
                        f"this model's tokenizer cannot be used to hold answers to a json_schema: {error}"
                    ) from error
            return self._vocabulary

    def encode(self, request: Request, owner: str) -> list[int]:
        """The ids of the prompt."""
        with self.tokenizer_lock:
            return encode_prompt(self.tokenizer, request, owner)

    def encode_text(self, text: str) -> list[int]:
        """The ids of plain text, which continues something."""
        with self.tokenizer_lock:
            return encode_text(self.tokenizer, text)

    def forward(self, ids: Any, mask: Any, positions: Any, cache: Any, kept: int = 1) -> Any:
        """Evaluate a step of some rows; return the scores after each one's last ``kept`` tokens."""
        import torch

        arguments = {
            "input_ids": ids,
            "past_key_values": cache,
            "use_cache": True,
            "position_ids": positions,
            "attention_mask": mask,
            "logits_to_keep": kept,
        }
        known = {name: value for name, value in arguments.items() if name in self.takes}
        # Some models update buffers in forward (rotary scaling), so callers take turns, a step at a time.
        with self.step_lock, torch.inference_mode():
            return self.model(**known).logits[:, -kept:]

    def decode(self, ids: list[int]) -> str:
        """The text of the ids, without special tokens."""
        with self.tokenizer_lock:
            return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def require_packages(name: str, *, gguf: bool) -> None:
    """Raise ConfigurationError unless the packages of the extra are installed; imports none of them."""
    needed = _NEEDED + (_NEEDED_FOR_GGUF if gguf else ())
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigurationError(
            f"running {name} on this machine needs the package{'s' if len(missing) > 1 else ''} "
            f'{" and ".join(missing)}: pip install -e ".[huggingface]"'
        )


def choose_device(device: str | None) -> str:
    """The torch device to use: what was named if this machine has it, else a GPU if there is one, else the CPU."""
    import torch

    if device in (None, "auto"):
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        told = str(error).split("\n", 1)[0]
        raise ConfigurationError(f'device "{device}" cannot be used here: {told}; use "auto" or "cpu"') from error
    return kind if ":" not in str(device) else str(device)


def load_model(files: ModelFiles, device: str | None, dtype: str | None, name: str) -> LoadedModel:
    """Load a model that writes onto ``device`` in ``dtype``; ``name`` is for messages."""
    return load_with(_load, files, device, dtype, name)


def load_with(
    load: Callable[[ModelFiles, str, str], T], files: ModelFiles, device: str | None, dtype: str | None, name: str
) -> T:
    """What ``load`` makes of files, device and dtype, quietly, once it is sure to fit; failures in our words."""
    require_packages(name, gguf=files.gguf_file is not None)
    place = choose_device(device)
    # Half precision is slow or missing on many CPUs; on a GPU the checkpoint's own is what its author meant.
    chosen = dtype if dtype not in (None, "auto") else "float32" if place == "cpu" else "auto"
    check_memory(files, place, chosen, name)
    with _quiet():
        try:
            return load(files, place, chosen)
        except BackendError:
            raise
        except MemoryError as error:
            raise ProviderUnavailableError(f"there is not enough memory to load {name}", model=name) from error
        except Exception as error:  # loading runs a great deal of library code with no common error class
            raise _load_failure(error, name) from error


def _load_failure(error: Exception, name: str) -> BackendError:
    told = " ".join(str(error).split())[:300] or type(error).__name__
    if type(error).__name__ == "OutOfMemoryError":
        return ProviderUnavailableError(f"there is not enough memory to load {name}: {told}", model=name)
    if isinstance(error, ImportError):
        return ConfigurationError(f"loading {name} needs another package: {told}", model=name)
    if "trust_remote_code" in told:
        return ConfigurationError(
            f"{name} needs code from its own repository, which is never run here; choose a model that "
            "transformers knows by itself",
            model=name,
        )
    return ModelNotFoundError(f"{name} cannot be loaded: {told}", model=name)


def _load(files: ModelFiles, device: str, dtype: str) -> LoadedModel:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    common: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if files.gguf_file is not None:
        common["gguf_file"] = files.gguf_file
    tokenizer = AutoTokenizer.from_pretrained(str(files.directory), **common)
    model = AutoModelForCausalLM.from_pretrained(str(files.directory), dtype=dtype, use_safetensors=True, **common)
    model.eval().requires_grad_(False).to(device)
    takes = _forward_arguments(model)
    if "past_key_values" not in takes:
        raise ConfigurationError(
            f"models of the kind {model.config.model_type} keep no key/value cache and cannot be used here"
        )
    eos = _end_tokens(model, tokenizer)
    pad = tokenizer.pad_token_id
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        device=device,
        context=_context(model, tokenizer),
        eos=eos,
        pad=pad if pad is not None else min(eos, default=0),
        advice=_advice(model),
        takes=takes,
    )


def _forward_arguments(model: Any) -> frozenset[str]:
    return frozenset(inspect.signature(model.forward).parameters)


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    told = getattr(model.generation_config, "eos_token_id", None)
    tokens = told if isinstance(told, list | tuple) else [told]
    return frozenset(int(token) for token in (*tokens, tokenizer.eos_token_id) if token is not None)


def _context(model: Any, tokenizer: Any) -> int | None:
    config = model.config.get_text_config()
    limits = [getattr(config, "max_position_embeddings", None), tokenizer.model_max_length]
    # Tokenizers without a limit say 10**30.
    known = [int(limit) for limit in limits if isinstance(limit, int) and 0 < limit < 10**9]
    return min(known, default=None)


def _advice(model: Any) -> Sampling:
    """How the model's author says to draw; the best token where nothing is said."""
    config = model.generation_config
    if not getattr(config, "do_sample", False):
        return Sampling()

    def told(name: str, otherwise: float) -> Any:
        value = getattr(config, name, None)
        return otherwise if value is None else value

    return Sampling(
        temperature=told("temperature", 1.0),
        top_p=told("top_p", 1.0),
        top_k=told("top_k", 0),
        min_p=told("min_p", 0.0),
        repeat_penalty=told("repetition_penalty", 1.0),
    )


class _Holding(Protocol):
    """What holds a model in memory."""

    model: Any
    tokenizer: Any
    device: str


def free_model(loaded: _Holding) -> None:
    """Let go of the memory."""
    loaded.model = loaded.tokenizer = None
    if isinstance(loaded, LoadedModel):
        loaded._vocabulary = None
    gc.collect()
    if loaded.device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars, notes or warnings of transformers on standard error inside the block."""
    from transformers.utils import logging

    with _quiet_lock, quiet_hub(), _quiet_gguf(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity(logging.CRITICAL)
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()


@contextlib.contextmanager
def _quiet_gguf() -> Iterator[None]:
    """The reader of GGUF files has a progress bar of its own, which no setting of transformers reaches."""
    try:
        reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    except ImportError:  # another version keeps it elsewhere; then its bar shows
        yield
        return
    bar = getattr(reader, "tqdm", None)
    if bar is not None:
        reader.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    finally:
        if bar is not None:
            reader.tqdm = bar
