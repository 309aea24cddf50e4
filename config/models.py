"""What a configuration file may say: its six sections, typed and frozen."""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, PrivateAttr, ValidationInfo
from pydantic.json_schema import WithJsonSchema

from config.entries import BackendEntry
from config.fields import Flag, Names, NotNegative, NotOneOfError, Option, Part, Place, Port, Secret, Text
from config.problems import show
from config.server import Server

__all__ = ["Application", "Config", "Evidence", "Log", "Mediator", "Server"]

_APPLICATIONS = ("cli", "server")
_REPLICAS = ("local", "kubo")
_NODE_ADDRESS = re.compile(r"https?://\S+|/(?:ip4|ip6|dns|dns4|dns6)/[^/\s]+/tcp/\d{1,5}(?:/https?)?/?")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LEVEL_NAMES = {**{level: level for level in _LEVELS}, "WARN": "WARNING", "FATAL": "CRITICAL"}


class Mediator(Part):
    """Which backends are used, in which order, and for whom."""

    backends: Names
    privacy: Literal["local_only"] | None = None
    #: Whether the next backend is tried when one fails.
    fallback: Flag = True
    #: Defaults for the backends that do not set their own.
    timeout: Annotated[float | None, Option("timeout")] = None
    max_retries: NotNegative | None = None
    user_id: Text | None = None
    #: Where interviews and what was learned are kept.
    state_dir: Place | None = None
    #: Whether sessions are encrypted with the evidence store's key.
    encrypt_sessions: Flag = False
    #: Whether a backend that earned it says if an answer answers its question: one call for each answer.
    read_answers: Flag = True


def _application_types(value: Any) -> Any:
    """A list, one name, or the historical object ``{"server": "server"}``."""
    if isinstance(value, dict):
        named = [(key, name) for key, name in value.items() if name not in (None, False)]
        value = [name if isinstance(name, str) else key for key, name in named]
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not items or not all(isinstance(item, str) for item in items):
        raise ValueError(f"must name {' or '.join(_APPLICATIONS)}, alone or in a list")
    for item in items:
        if item.lower() not in _APPLICATIONS:
            raise NotOneOfError(f"names {show(item)}, which is no application; there are {', '.join(_APPLICATIONS)}")
    return tuple(item.lower() for item in items)


_APPLICATION_NAMES = {"enum": list(_APPLICATIONS)}


class Application(Part):
    """What ``run.py`` starts, and where a server listens."""

    type: Annotated[
        tuple[str, ...],
        BeforeValidator(_application_types),
        WithJsonSchema(
            {
                "anyOf": [
                    _APPLICATION_NAMES,
                    {"type": "array", "items": _APPLICATION_NAMES, "minItems": 1},
                    {"type": "object", "description": "The historical form."},
                ]
            }
        ),
    ] = ("cli",)
    host: Text = "127.0.0.1"
    port: Port = 8000
    #: A program that shows it is the local person.
    token: Secret | None = None


def _level(value: Any) -> Any:
    if not isinstance(value, str) or value.upper() not in _LEVEL_NAMES:
        raise NotOneOfError(f"must be one of {', '.join(_LEVELS)}", _LEVEL_NAMES)
    return _LEVEL_NAMES[value.upper()]


class Log(Part):
    """How much is logged, and where to beside standard error."""

    level: Annotated[str, BeforeValidator(_level), WithJsonSchema({"enum": sorted(_LEVEL_NAMES)})] = "WARNING"
    file: Place | None = None


def _key_source(value: Any) -> Any:
    known = isinstance(value, str) and re.fullmatch(r"keyring|passphrase|env:[A-Za-z_][A-Za-z0-9_]*", value)
    if not known:
        raise ValueError('must say where the key is: "env:NAME", "keyring" or "passphrase"; a key has no place here')
    return str(value)


def _catalog(value: Any, info: ValidationInfo) -> Any:
    """A database URL; the file of an SQLite one is relative to the configuration's folder, like every path."""
    if not isinstance(value, str) or "://" not in value:
        raise ValueError('must be a database URL such as "sqlite:///catalog.db" or "postgresql+psycopg://host/name"')
    folder = (info.context or {}).get("folder")
    scheme, _, rest = value.partition("://")
    if folder is None or not scheme.startswith("sqlite") or not rest.startswith("/"):
        return str(value)
    return f"{scheme}:///{FilePath(folder, rest[1:])}" if rest[1:] not in ("", ":memory:") else str(value)


def _replicas(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if name not in _REPLICAS:
            raise NotOneOfError(f"names {show(name)}, which is no replica; there are {', '.join(_REPLICAS)}")
    if value[0] != "local" or len(set(value)) != len(value):
        raise ValueError('must begin with "local" and name each once')
    return value


def _node(value: Any) -> Any:
    if not isinstance(value, str) or not _NODE_ADDRESS.fullmatch(value):
        raise ValueError("must be an address such as /ip4/127.0.0.1/tcp/5001 or http://127.0.0.1:5001")
    return str(value)


class Evidence(Part):
    """Where evidence lives and who else keeps a copy."""

    path: Place | None = None
    profile: Literal["unixfs-v1-2025", "kubo-v1", "kubo-legacy"] = "unixfs-v1-2025"
    replicas: Annotated[Names, AfterValidator(_replicas)] = ("local",)
    #: The RPC address of an IPFS node (Kubo or Cluster).
    kubo: Annotated[Secret, BeforeValidator(_node)] | None = None
    catalog: Annotated[Secret, BeforeValidator(_catalog)] | None = None
    #: Where the key for encryption at rest comes from; the key itself never stands in the file.
    key: Annotated[str, BeforeValidator(_key_source), WithJsonSchema({"type": "string"})] | None = None
    privacy: Literal["local_only"] | None = None


def _some(value: Any) -> Any:
    if isinstance(value, list | tuple) and not value:
        raise ValueError("must not be empty")
    return value


class Config(Part):
    """A whole configuration, checked. Paths are absolute once it comes from a file."""

    BACKENDS: Annotated[tuple[BackendEntry, ...], BeforeValidator(_some)]
    MEDIATOR: Mediator | None = None
    APPLICATION: Application = Application()
    LOG: Log = Log()
    EVIDENCE: Evidence = Evidence()
    SERVER: Server = Server()

    _file: FilePath | None = PrivateAttr(default=None)

    @property
    def file(self) -> FilePath | None:
        """The file that this was read from."""
        return self._file

    @property
    def used_ids(self) -> tuple[str, ...]:
        """The ids of the backends that the mediator tries, in order: all of them when the file names none."""
        if self.MEDIATOR is None:
            return tuple(entry.id for entry in self.BACKENDS)
        return self.MEDIATOR.backends if self.MEDIATOR.fallback else self.MEDIATOR.backends[:1]
