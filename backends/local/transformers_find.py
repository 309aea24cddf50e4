"""Finds the files of a transformers model: a directory, a GGUF file, the hub's cache, the hub itself.

Nothing is loaded here. The hub is asked only when that is allowed, and every wait for it is bounded. Only safetensors
and GGUF weights count as weights: pickled ones can run code.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends.exceptions import (
    BackendError,
    BackendTimeoutError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
    redact,
)
from backends.local.gguf import GGUFError, read_gguf_header

__all__ = ["ModelFiles", "Wanted", "find_files", "hub_offline", "is_here", "looks_like_hub_name", "quiet_hub"]

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")
_CONNECT_SECONDS = 10.0
# No *.bin, *.pt, *.pkl and no *.py: neither pickled weights nor a repository's own code is ever fetched.
_WANTED_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
# How a sentence model's parts are put together.
_MODULE_FILE = re.compile(r"\d+_[A-Za-z]+/config\.json")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings name. ``may_download`` is False when offline or when privacy forbids it."""

    model: str
    gguf_file: str | None
    revision: str | None
    may_download: bool
    #: Why not, for the message.
    why_not: str
    env: Mapping[str, str] = field(repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def is_gguf(self) -> bool:
        return self.gguf_file is not None or Path(self.model).suffix.lower() == ".gguf"

    @property
    def is_here(self) -> bool:
        """Whether a file or folder is meant, rather than a name on the hub."""
        return is_here(self.model)

    @property
    def name(self) -> str:
        """What people see as the model's name: of a path, its last part."""
        name = (Path(self.model).expanduser().resolve().name or self.model) if self.is_here else self.model
        return f"{name}/{self.gguf_file}" if self.gguf_file else name


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A directory that holds a whole model; with ``gguf_file``, the one file in it that is the model."""

    directory: Path
    gguf_file: str | None = None


def hub_offline(env: Mapping[str, str]) -> str | None:
    """The variable that says to stay off the network, if one does."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if env.get(name, "").strip().upper() in {"1", "ON", "YES", "TRUE"}:
            return name
    return None


def is_here(model: str | None) -> bool:
    """Whether ``model`` names a directory or a GGUF file, rather than a name on the hub."""
    if not model:
        return False
    path = Path(model).expanduser()
    return path.is_dir() or path.suffix.lower() == ".gguf" or not looks_like_hub_name(model)


def looks_like_hub_name(model: str) -> bool:
    """Whether ``model`` could be a repository's name: ``org/name`` or ``name``."""
    return _HUB_NAME.fullmatch(model) is not None and ".." not in model


def find_files(wanted: Wanted, deadline: float | None = None) -> ModelFiles:
    """The model's files, or ModelNotFoundError that says what to do."""
    path = Path(wanted.model).expanduser()
    if wanted.gguf_file is None and path.suffix.lower() == ".gguf" and not path.is_dir():
        return _checked(ModelFiles(path.parent, path.name), wanted)
    if path.is_dir() and wanted.model.strip():
        return _checked(ModelFiles(path, wanted.gguf_file), wanted)
    if not looks_like_hub_name(wanted.model):
        raise ModelNotFoundError(
            f"there is no folder {wanted.model!r}; name a folder with config.json and *.safetensors, a GGUF file, "
            "or a model of the Hugging Face hub (org/name)",
            model=wanted.name,
        )
    cached = _cached(wanted)
    if cached is not None:
        return cached
    if not wanted.may_download:
        raise ModelNotFoundError(
            f"{wanted.model} is not on this machine and it may not be fetched ({wanted.why_not}); fetch it once with "
            f'"hf download {wanted.model}" where that is allowed, or name a folder or a GGUF file',
            model=wanted.name,
        )
    with quiet_hub():
        return _checked(_downloaded(wanted, deadline), wanted)


def _checked(files: ModelFiles, wanted: Wanted) -> ModelFiles:
    problem = _problem(files)
    if problem:
        raise ModelNotFoundError(f"{files.directory}: {problem}", model=wanted.name)
    return files


def _problem(files: ModelFiles) -> str | None:
    """What is missing in the directory, for people; None when it is whole."""
    if files.gguf_file is not None:
        return _gguf_problem(files.directory / files.gguf_file)
    if not (files.directory / "config.json").is_file():
        ggufs = sorted(path.name for path in files.directory.glob("*.gguf"))
        if ggufs:
            return f'there is no config.json; to use a GGUF file, set gguf_file, for example "{ggufs[0]}"'
        return "there is no config.json, so this is not a transformers model"
    index = files.directory / "model.safetensors.index.json"
    if index.is_file():
        return _shard_problem(index)
    if any(path.is_file() for path in files.directory.glob("*.safetensors")):
        return None
    if any(files.directory.glob("*.bin")):
        return "there are only pickled weights (*.bin), which can run code; convert them to safetensors"
    return "there are no weights (*.safetensors)"


def _gguf_problem(path: Path) -> str | None:
    if not path.is_file():
        return f"there is no GGUF file {path.name}"
    try:
        read_gguf_header(path)
    except (GGUFError, OSError) as error:
        return f"{path.name} cannot be used: {error}"
    return None


def _shard_problem(index: Path) -> str | None:
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return f"{index.name} cannot be read"
    missing = sorted(str(name) for name in shards if not (index.parent / str(name)).is_file())
    return f"{len(missing)} of {len(shards)} weight files are missing, {missing[0]} first" if missing else None


# -- the hub ----------------------------------------------------------------------------------


def _cache_directory(env: Mapping[str, str]) -> str | None:
    if env.get("HF_HUB_CACHE"):
        return env["HF_HUB_CACHE"]
    return str(Path(env["HF_HOME"]).expanduser() / "hub") if env.get("HF_HOME") else None


def _marker(wanted: Wanted) -> str:
    """The file whose presence in the cache says that all are there; it is fetched last."""
    return wanted.gguf_file or "config.json"


def _cached(wanted: Wanted) -> ModelFiles | None:
    from huggingface_hub import try_to_load_from_cache

    marker = _marker(wanted)
    found = try_to_load_from_cache(
        wanted.model, marker, cache_dir=_cache_directory(wanted.env), revision=wanted.revision
    )
    if not isinstance(found, str):
        return None
    files = ModelFiles(Path(found).parents[len(Path(marker).parts) - 1], wanted.gguf_file)
    # A download that was cut short is fetched on, or told as missing.
    return None if _problem(files) else files


@contextlib.contextmanager
def quiet_hub() -> Iterator[None]:
    """No progress bars of the hub's client on standard error inside the block."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


def _downloaded(wanted: Wanted, deadline: float | None) -> ModelFiles:
    from huggingface_hub import HfApi, hf_hub_download

    endpoint = wanted.env.get("HF_ENDPOINT") or None
    cache = _cache_directory(wanted.env)
    directory = Path()
    try:
        info = HfApi(endpoint=endpoint, token=wanted.token).model_info(
            wanted.model, revision=wanted.revision, timeout=_CONNECT_SECONDS
        )
        for name in _needed([sibling.rfilename for sibling in info.siblings or []], wanted):
            _not_too_late(deadline, wanted)
            path = hf_hub_download(
                wanted.model,
                name,
                # The last file is asked for by the revision's name, which makes the cache remember that name: a
                # download that was cut short is never found by it.
                revision=wanted.revision if name == _marker(wanted) else info.sha,
                cache_dir=cache,
                endpoint=endpoint,
                token=wanted.token,
                etag_timeout=_CONNECT_SECONDS,
            )
            directory = Path(path).parents[len(Path(name).parts) - 1]
    except BackendError:
        raise
    except Exception as error:  # the hub's client lets its HTTP library's errors through, and that library has changed
        raise _hub_failure(error, wanted) from error
    return ModelFiles(directory, wanted.gguf_file)


def _hub_failure(error: Exception, wanted: Wanted) -> BackendError:
    from huggingface_hub import errors

    name = wanted.model
    told = redact(" ".join(str(error).split())[:200] or type(error).__name__, wanted.token)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return PermissionDeniedError(
            f"{name} is gated: accept its terms on its page and set HF_TOKEN", model=wanted.name, status=status
        )
    if isinstance(error, errors.RepositoryNotFoundError | errors.RevisionNotFoundError | errors.HFValidationError):
        revision = f" with revision {wanted.revision}" if wanted.revision else ""
        return ModelNotFoundError(
            f"the hub knows no model {name}{revision}, or it is private and HF_TOKEN is not set; check the name",
            model=wanted.name,
            status=status,
        )
    if isinstance(error, errors.HfHubHTTPError):
        return ProviderUnavailableError(f"the hub did not give {name}: {told}", model=wanted.name, status=status)
    return ModelNotFoundError(
        f"{name} is not on this machine and the hub cannot be reached ({told}); name a folder or a GGUF file, "
        "or try again online",
        model=wanted.name,
        retryable=True,
    )


def _needed(names: list[str], wanted: Wanted) -> list[str]:
    if wanted.gguf_file is not None:
        needed = [name for name in names if name == wanted.gguf_file]
    else:
        # Weights of other formats and variants live in folders; the model itself is at the top.
        needed = [
            name
            for name in names
            if ("/" not in name and any(Path(name).match(wish) for wish in _WANTED_FILES))
            or _MODULE_FILE.fullmatch(name)
        ]
    if not needed or (wanted.gguf_file is None and not any(name.endswith(".safetensors") for name in needed)):
        raise ModelNotFoundError(
            f"{wanted.model} has no {wanted.gguf_file or 'safetensors weights'} on the hub; choose another model",
            model=wanted.name,
        )
    return sorted(needed, key=lambda name: (name == _marker(wanted), name))


def _not_too_late(deadline: float | None, wanted: Wanted) -> None:
    if deadline is not None and time.monotonic() > deadline:
        raise BackendTimeoutError(
            f'{wanted.model} was still being fetched when the deadline came; run "hf download {wanted.model}" once',
            model=wanted.name,
        )
