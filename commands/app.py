"""What the commands share: the configuration, and the parts made from it, each made at its first use."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.base import Backend
    from config import Config
    from mediator import Mediator
    from mediator.evidence import EvidenceStore
    from mediator.office import Office

__all__ = ["App"]


@dataclass
class App:
    """One run of the command line."""

    config_file: Path | None
    env: Mapping[str, str]
    verbose: bool = False
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)

    @property
    def config_path(self) -> Path:
        """The file that is used: the argument, the variable, or the one beside run.py."""
        from config import default_config_path

        return default_config_path(self.env) if self.config_file is None else self.config_file.expanduser()

    @cached_property
    def config(self) -> Config:
        """The checked configuration; logging is set up as it says."""
        from config import load_config

        config = load_config(self.config_path, env=self.env)
        self._set_up_logging(config)
        return config

    def backend(self, id: str | None = None) -> Backend:
        """The backend of that id; without one, the first that the mediator uses."""
        from config import build_backend

        backend = build_backend(self.config, id, env=self.env)
        self._open.callback(backend.close)
        return backend

    @cached_property
    def mediator(self) -> Mediator:
        """The mediator with its backends and its evidence store."""
        from config import build_mediator

        mediator = build_mediator(self.config, env=self.env)
        self._open.callback(mediator.close)
        return mediator

    def open_store(self) -> EvidenceStore:
        """The evidence store alone; no backend is made for it."""
        from config import build_evidence_store

        store = build_evidence_store(self.config, env=self.env)
        self._open.callback(store.close)
        return store

    @cached_property
    def office(self) -> Office:
        """Everybody's cases, as the server and the MCP server use them."""
        from config import build_office

        office = build_office(self.config, env=self.env)
        self._open.callback(office.close)
        return office

    def at_end(self, close: Callable[[], None]) -> None:
        """Call that when the command ends."""
        self._open.callback(close)

    def close(self) -> None:
        """Close what was opened, last first."""
        self._open.close()

    def _set_up_logging(self, config: Config) -> None:
        level = "DEBUG" if self.verbose else config.LOG.level
        handlers: list[logging.Handler] = [logging.StreamHandler()]
        if config.LOG.file is not None:
            config.LOG.file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(config.LOG.file, encoding="utf-8"))
        logging.getLogger("asyncio").setLevel(logging.WARNING)  # the loop's own debugging is about itself
        logging.basicConfig(
            level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=handlers, force=True
        )
