"""From a document to a Config: expand, check every part, and tell all problems together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.document import Document
from config.entries import BACKEND_TYPES
from config.expand import Expanded, ReferenceFormError, UnsetVariableError, expand, variables_of
from config.faults import path_of, problem_of
from config.models import Config
from config.problems import ConfigProblems, Path, Problem, is_secret, nearest, path_text, show

__all__ = ["check_document"]

#: Says where a key is, in words of its own; expanding it would put the key itself there.
_NOT_EXPANDED: Path = ("EVIDENCE", "key")


def check_document(document: Document, env: Mapping[str, str], folder: FilePath, evidence: FilePath) -> Config:
    """Return the checked configuration, or raise ConfigProblems with everything that is wrong.

    ``folder`` is what relative paths are relative to; ``evidence`` is where the store is when the file is silent.
    """
    return _Check(document, env).result(folder, evidence)


class _Check:
    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self._document = document
        self._env = env
        self._problems: list[Problem] = []
        self._renamed: dict[Path, Path] = {}
        #: What was left out because a variable is not set: the path and the sentence that says so.
        self._unset: dict[Path, str] = {}
        #: Places that need no second complaint.
        self._told: set[Path] = set()

    def result(self, folder: FilePath, evidence: FilePath) -> Config:
        given = self._document.data.items()
        data = {key: self._section((key,), value) for key, value in given if key != "$schema" and value is not None}
        self._check_ids(data)
        self._check_privacy(data)
        self._check_session_key(data)
        self._check_engines(data)
        self._check_certificate(data)
        self._tell_unset(data)
        section = data.setdefault("EVIDENCE", {})
        if isinstance(section, dict):
            section.setdefault("path", str(evidence))
        config, errors = _validated(data, folder)
        self._told |= set(self._unset)
        self._problems += [
            problem_of(error, self._document, self._renamed)
            for error in errors
            if not {path_of(error), (*path_of(error), "type")} & self._told
        ]
        if self._problems or config is None:
            raise ConfigProblems(sorted(self._problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
        for index, entry in enumerate(config.BACKENDS):
            entry._unset = tuple(
                (path_text(path[2:]), text) for path, text in self._unset.items() if path[:2] == ("BACKENDS", index)
            )
        return config

    # -- expansion ----------------------------------------------------------------------------

    def _section(self, path: Path, value: Any) -> Any:
        """A section with its references expanded; a setting whose variable is not set is left out."""
        if path == ("BACKENDS",) and isinstance(value, list):
            return [self._section((*path, index), item) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            try:
                return self._expanded(path, value)
            except UnsetVariableError as error:
                self._note(path, f"{path_text(path)} {error}")
                self._told.add(path)
                return value
        kept = {}
        for key, item in value.items():
            if item is None:
                continue
            try:
                kept[key] = self._expanded((*path, key), item)
            except UnsetVariableError as error:
                self._unset[*path, key] = f"{path_text((*path, key))} {error}"
        return self._modern(path, kept) if path[0] == "BACKENDS" else kept

    def _expanded(self, path: Path, value: Any) -> Any:
        if path == _NOT_EXPANDED:
            return value
        if isinstance(value, dict):
            return {key: self._expanded((*path, key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._expanded((*path, index), item) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        try:
            text = expand(value, self._env)
        except ReferenceFormError as error:
            self._note(path, f"{path_text(path)}: {error}")
            return value
        if text == "" and isinstance(text, Expanded) and is_secret(path):
            raise UnsetVariableError((" or ".join(variables_of(text.source)),), empty=True)
        return text

    def _modern(self, path: Path, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry with today's keys in place of the historical ones."""
        kind = BACKEND_TYPES.get(str(entry.get("type")))
        for old, new in kind.renamed.items() if kind else ():
            if old not in entry:
                continue
            if new in entry:
                self._note((*path, old), f'{path_text((*path, old))} is the old name of "{new}"; keep one of them')
            self._renamed[*path, new] = (*path, old)
            entry = {(new if key == old else key): value for key, value in entry.items()}
        if entry.get("type") == "openai" and "best_of" in entry:
            if (asked := entry["best_of"]) not in (1, None):
                where = path_text((*path, "best_of"))
                self._note((*path, "best_of"), f"{where} can only be 1, not {show(asked)}; leave it out")
            entry = {key: value for key, value in entry.items() if key != "best_of"}
        return entry

    # -- what no single part can know ---------------------------------------------------------

    def _check_ids(self, data: dict[str, Any]) -> None:
        first: dict[str, int] = {}
        for index, name in _ids(data):
            path: Path = ("BACKENDS", index, "id")
            if name in first:
                self._note(path, f"{path_text(path)} {show(name)} is the id of BACKENDS[{first[name]}] too")
            first.setdefault(name, index)
        seen: set[str] = set()
        for path, name in _named(data):
            if name in seen:
                self._note(path, f"{path_text(path)} names the backend {show(name)} twice")
            elif name not in first and first:
                message = f"{path_text(path)} names the backend {show(name)}, which BACKENDS does not have"
                self._note(path, message, value=show(name), near_miss=nearest(name, first))
            seen.add(name)

    def _check_engines(self, data: dict[str, Any]) -> None:
        """What people may choose must be there."""
        server = data.get("SERVER")
        named = server.get("engines") if isinstance(server, dict) else None
        known = {name for _, name in _ids(data)}
        for index, name in enumerate([named] if isinstance(named, str) else named if isinstance(named, list) else []):
            if isinstance(name, str) and known and name not in known:
                path: Path = ("SERVER", "engines") if isinstance(named, str) else ("SERVER", "engines", index)
                message = f"{path_text(path)} names the backend {show(name)}, which BACKENDS does not have"
                self._note(path, message, value=show(name), near_miss=nearest(name, known))

    def _check_certificate(self, data: dict[str, Any]) -> None:
        """A certificate and its key go together."""
        server = data.get("SERVER")
        given = [name for name in ("certificate", "certificate_key") if isinstance(server, dict) and name in server]
        if len(given) == 1:
            path: Path = ("SERVER", given[0])
            other = "certificate_key" if given[0] == "certificate" else "certificate"
            self._note(path, f"{path_text(path)} needs SERVER.{other} too")

    def _check_privacy(self, data: dict[str, Any]) -> None:
        """A node announces what it holds, so privacy leaves evidence with one copy, here."""
        evidence, mediator = (data.get(name) for name in ("EVIDENCE", "MEDIATOR"))
        private = any(isinstance(part, dict) and part.get("privacy") == "local_only" for part in (evidence, mediator))
        replicas = evidence.get("replicas") if isinstance(evidence, dict) else None
        if private and isinstance(replicas, list) and "kubo" in replicas:
            path: Path = ("EVIDENCE", "replicas")
            self._note(path, f'{path_text(path)} names "kubo", and privacy is "local_only"; remove one of the two')

    def _check_session_key(self, data: dict[str, Any]) -> None:
        """Sessions are sealed with the evidence store's key, so there must be one."""
        evidence, mediator = (data.get(name) for name in ("EVIDENCE", "MEDIATOR"))
        wanted = isinstance(mediator, dict) and mediator.get("encrypt_sessions") is True
        if wanted and not (isinstance(evidence, dict) and evidence.get("key") is not None):
            path: Path = ("MEDIATOR", "encrypt_sessions")
            self._note(path, f"{path_text(path)} needs a key; set EVIDENCE.key to env:NAME, keyring or passphrase")

    def _tell_unset(self, data: dict[str, Any]) -> None:
        """An unset variable is a problem, except in a backend that the mediator does not use."""
        ids = dict(_ids(data))
        mediator = data.get("MEDIATOR")
        used = [name for _, name in _named(data)]
        if isinstance(mediator, dict) and mediator.get("fallback") is False:
            used = used[:1]
        for path, text in self._unset.items():
            if not self._is_idle(path, ids, used):
                self._note(path, text)

    @staticmethod
    def _is_idle(path: Path, ids: Mapping[int, str], used: Sequence[str]) -> bool:
        """Whether ``path`` is a setting of a backend that the mediator does not use."""
        match path:
            case ("BACKENDS", int(index), str(key), *_):
                return key not in ("id", "type") and ids.get(index) not in used
        return False

    def _note(self, path: Path, message: str, **details: str | None) -> None:
        self._problems.append(self._document.problem(path, message, **details))


def _validated(data: dict[str, Any], folder: FilePath) -> tuple[Config | None, list[ErrorDetails]]:
    """Either the configuration or the errors; pydantic's exception, which holds the values, stays in here."""
    try:
        return Config.model_validate(data, context={"folder": folder}), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _ids(data: dict[str, Any]) -> Iterator[tuple[int, str]]:
    entries = data.get("BACKENDS")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            yield index, entry["id"]


def _named(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    mediator = data.get("MEDIATOR")
    names = mediator.get("backends") if isinstance(mediator, dict) else None
    if isinstance(names, str):
        yield ("MEDIATOR", "backends"), names
    elif isinstance(names, list):
        for index, name in enumerate(names):
            if isinstance(name, str):
                yield ("MEDIATOR", "backends", index), name
