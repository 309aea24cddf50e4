"""Builds what a configuration describes: backends, evidence store, mediator. Engines are imported when built."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.exceptions import ConfigurationError
from config.entries import BackendEntry, HuggingFaceEntry, LLMRouterEntry, OpenAIEntry, WorkstationEntry
from config.load import state_folder
from config.models import Config
from config.problems import ConfigProblems, Problem, nearest, show

if TYPE_CHECKING:
    from backends.base import Backend
    from backends.types import Health
    from mediator import Mediator
    from mediator.evidence import EvidenceStore
    from mediator.office import EngineSpec, Office
    from mediator.sealed_lines import LineSeal

__all__ = ["build_backend", "build_evidence_store", "build_mediator", "build_office", "preflight_backend"]


def build_backend(
    source: Config | BackendEntry, id: str | None = None, *, env: Mapping[str, str] | None = None
) -> Backend:
    """The backend of one entry, or of a whole configuration: the one of that ``id``, else the mediator's first.

    In a whole configuration the mediator's ``privacy``, ``timeout`` and ``max_retries`` hold for the backend too.
    """
    env = os.environ if env is None else env
    entry = _entry(source, source.used_ids[0] if id is None else id) if isinstance(source, Config) else source
    config = source if isinstance(source, Config) else None
    missing = _unset_problems(entry, config)
    if missing:
        raise ConfigProblems(missing)
    return _built(entry, {} if config is None else _inherited(config, entry), env)


def preflight_backend(config: Config, id: str, *, env: Mapping[str, str] | None = None) -> Health:
    """What the backend of that id would do, told from this machine alone; a variable that is not set is named.

    ``local`` tells whether text stays here whoever answers, the fallbacks included.
    """
    entry = _entry(config, id)
    # A key that is missing must not change who would be asked: Hugging Face without one means this machine.
    standing_in = {"api_key": "unset"} if any(path == "api_key" for path, _ in entry.unset) else {}
    env = os.environ if env is None else env
    with _built(entry, {**standing_in, **_inherited(config, entry)}, env) as backend:
        health = replace(backend.preflight(), local=backend.local)
    if entry.unset:
        return replace(health, ok=False, detail="; ".join(text for _, text in entry.unset))
    return health


def build_mediator(config: Config, *, env: Mapping[str, str] | None = None) -> Mediator:
    """The mediator with its backends in order. Its evidence store is opened when first needed; ``close`` closes all."""
    from mediator import Mediator

    env = os.environ if env is None else env
    entries = [_entry(config, name) for name in config.used_ids]
    missing = [problem for entry in entries for problem in _unset_problems(entry, config)]
    if missing:
        raise ConfigProblems(missing)
    with ExitStack() as opened:
        backends = []
        for entry in entries:
            backend = _built(entry, _inherited(config, entry), env)
            opened.callback(backend.close)
            backends.append(backend)
        settings = config.MEDIATOR
        mediator = Mediator(
            backends=backends,
            evidence=lambda: build_evidence_store(config, env=env),
            state_dir=settings.state_dir if settings and settings.state_dir else state_folder(env),
            user_id=settings.user_id if settings else None,
            privacy=settings.privacy if settings else None,
            read_answers=settings.read_answers if settings else True,
            session_seal=(lambda: _session_seal(config, env)) if settings and settings.encrypt_sessions else None,
        )
        opened.pop_all()
    return mediator


def _session_seal(config: Config, env: Mapping[str, str]) -> LineSeal:
    """What encrypts sessions: the key of the evidence store, which is asked for at the first session."""
    from mediator.sealed_lines import LineSeal

    settings = config.EVIDENCE
    assert settings.key is not None  # held by the check of the configuration
    store = state_folder(env) / "evidence" if settings.path is None else settings.path
    return LineSeal.with_evidence_key(store, settings.key, env)


def build_evidence_store(config: Config, *, env: Mapping[str, str] | None = None) -> EvidenceStore:
    """The evidence store that the configuration describes. The mediator's privacy holds for it too."""
    from mediator.evidence import EvidenceStore

    env = os.environ if env is None else env
    settings = config.EVIDENCE
    path = state_folder(env) / "evidence" if settings.path is None else settings.path
    return EvidenceStore(
        path,
        profile=settings.profile,
        catalog_url=None if settings.catalog is None else settings.catalog.get_secret_value(),
        replicas=settings.replicas,
        kubo_address=None if settings.kubo is None else settings.kubo.get_secret_value(),
        key_source=settings.key,
        privacy=settings.privacy or (config.MEDIATOR.privacy if config.MEDIATOR else None),
        env=env,
    )


def build_office(config: Config, *, env: Mapping[str, str] | None = None, **settings: Any) -> Office:
    """What the server and the MCP server use: everybody's cases, and the engines that may be chosen."""
    from mediator.office import Office

    env = os.environ if env is None else env
    mediator = config.MEDIATOR
    return Office(
        mediator.state_dir if mediator and mediator.state_dir else state_folder(env),
        engines=[_engine(config, entry, env) for entry in config.BACKENDS],
        default=config.used_ids,
        evidence=lambda: build_evidence_store(config, env=env),
        offered=config.SERVER.engines,
        local_owner=mediator.user_id if mediator else None,
        read_answers=mediator.read_answers if mediator else True,
        session_seal=(lambda: _session_seal(config, env)) if mediator and mediator.encrypt_sessions else None,
        **settings,
    )


def _engine(config: Config, entry: BackendEntry, env: Mapping[str, str]) -> EngineSpec:
    from mediator.office import EngineSpec

    model = getattr(entry, "model", None) or getattr(entry, "model_path", None)
    return EngineSpec(
        entry.id,
        entry.type,
        getattr(entry, "provider", None),
        None if model is None else str(model),
        lambda: preflight_backend(config, entry.id, env=env),
        lambda: build_backend(config, entry.id, env=env),
    )


def _entry(config: Config, name: str) -> BackendEntry:
    for entry in config.BACKENDS:
        if entry.id == name:
            return entry
    near = nearest(name, [entry.id for entry in config.BACKENDS])
    problem = Problem(f"there is no backend {show(name)} in the configuration", file=_file(config), near_miss=near)
    raise ConfigProblems([problem])


def _inherited(config: Config, entry: BackendEntry) -> dict[str, Any]:
    """What the mediator's section sets for backends that are silent and know the setting."""
    settings = config.MEDIATOR
    if settings is None:
        return {}
    held = {"privacy": settings.privacy, "timeout": settings.timeout, "max_retries": settings.max_retries}
    return {name: value for name, value in held.items() if value is not None and name in type(entry).model_fields}


def _unset_problems(entry: BackendEntry, config: Config | None) -> list[Problem]:
    file = _file(config) if config else ""
    return [Problem(text, path, file) for path, text in entry.unset]


def _file(config: Config) -> str:
    return str(config.file) if config.file is not None else ""


def _built(entry: BackendEntry, inherited: Mapping[str, Any], env: Mapping[str, str]) -> Backend:
    arguments = {**inherited, **entry.arguments()}
    backend = _made(entry, arguments, env)
    if backend.privacy == "local_only" and not backend.local:
        backend.close()
        raise ConfigurationError(
            'sends text off this machine, and privacy is "local_only"; choose a local backend', provider=entry.id
        )
    return backend


def _made(entry: BackendEntry, arguments: dict[str, Any], env: Mapping[str, str]) -> Backend:
    match entry:
        case LLMRouterEntry():
            from backends.llm_router_backend import LLMRouterBackend

            return LLMRouterBackend(**arguments, env=env)
        case OpenAIEntry():
            from backends.openai import OpenAIBackend

            return OpenAIBackend(**arguments, env=env)
        case HuggingFaceEntry():
            from backends.huggingface import HuggingFaceBackend

            return HuggingFaceBackend(**arguments, env=env)
        case WorkstationEntry():
            from backends.workstation import WorkstationBackend

            return WorkstationBackend(**arguments)
