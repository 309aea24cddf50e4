"""Lists the GGUF models that can be seen, from their headers, and measures one when asked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.exceptions import BackendError
from backends.local.gguf import GGUFHeader
from backends.local.jobs import Generation, Ticket
from backends.local.llama_model import checked_header
from backends.local.llama_runtime import RuntimeSettings, context_settings, open_llama
from backends.local.machine import available_memory, resident_memory
from backends.local.memory_fit import MemoryNeed, memory_need
from backends.local.packaged_models import packaged_gguf
from backends.local.sampling import Sampling

__all__ = ["LocalModel", "ModelSpeed", "list_models", "measure_model"]

_MEASURED_PROMPT = 256
_MEASURED_ANSWER = 48


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One GGUF file. ``problem`` says why it cannot be used; then what is unknown is None."""

    path: Path
    file_bytes: int
    name: str | None = None
    architecture: str | None = None
    parameters: int | None = None
    quantisation: str | None = None
    context_length: int | None = None
    chat_template: str | None = None
    licence: str | None = None
    #: With the default context.
    memory: MemoryNeed | None = None
    fits: bool = False
    packaged: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ModelSpeed:
    """What a model does on this machine now."""

    load_seconds: float
    prompt_tokens_per_second: float
    generated_tokens_per_second: float
    #: Memory that the process gained.
    resident_bytes: int


def list_models(paths: Iterable[str | Path] = ()) -> list[LocalModel]:
    """The packaged model and every ``*.gguf`` among ``paths``: files, or directories with all below them."""
    free = available_memory()
    try:
        packaged = packaged_gguf().resolve()
    except BackendError:
        packaged = None
    found = dict.fromkeys([*([packaged] if packaged else []), *_files(paths)])
    return [_described(path, free, packaged=path == packaged) for path in found]


def measure_model(path: str | Path | None = None, n_threads: int | None = None) -> ModelSpeed:
    """Load the model, read a prompt, write an answer; the packaged model without ``path``."""
    before, started = resident_memory(), time.perf_counter()
    shared = open_llama(RuntimeSettings(model_path=None if path is None else Path(path), n_threads=n_threads))
    try:
        with shared.use() as llama:
            loaded = time.perf_counter()
            prompt = tuple(100 + position % 400 for position in range(min(_MEASURED_PROMPT, llama.n_ctx // 2)))
            greedy = Sampling(temperature=0)
            llama.run(Ticket(Generation(prompt, 1, greedy))).result()
            read = time.perf_counter()
            # The prompt is remembered, so this measures the answer alone.
            answer = llama.run(Ticket(Generation(prompt, _MEASURED_ANSWER, greedy))).result()
            written = time.perf_counter()
            return ModelSpeed(
                load_seconds=loaded - started,
                prompt_tokens_per_second=len(prompt) / (read - loaded),
                generated_tokens_per_second=answer.completion_tokens / (written - read),
                resident_bytes=max(0, resident_memory() - before),
            )
    finally:
        shared.release()


def _files(paths: Iterable[str | Path]) -> Iterator[Path]:
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            yield from sorted(found.resolve() for found in path.rglob("*.gguf") if found.is_file())
        else:
            yield path.resolve()


def _described(path: Path, free: int, *, packaged: bool) -> LocalModel:
    try:
        header = checked_header(path)
    except BackendError as error:
        size = path.stat().st_size if path.is_file() else 0
        return LocalModel(path, size, packaged=packaged, problem=error.message)
    need = memory_need(header, context_settings(RuntimeSettings(), header))
    return LocalModel(
        path=path,
        file_bytes=header.file_bytes,
        name=header.text("general.name"),
        architecture=header.architecture,
        parameters=_parameters(header),
        quantisation=header.quantisation,
        context_length=header.context_length,
        chat_template=header.chat_template,
        licence=header.text("general.license"),
        memory=need,
        fits=need.total <= free,
        packaged=packaged,
    )


def _parameters(header: GGUFHeader) -> int:
    total = 0
    for tensor in header.tensors:
        count = 1
        for extent in tensor.shape:
            count *= extent
        total += count
    return total
