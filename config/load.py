"""Reads a configuration file. Everything that can be wrong with it is a ConfigProblems."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from config.check import check_document
from config.document import read_document
from config.models import Config

__all__ = ["default_config_path", "load_config", "state_folder"]

_HOME = Path(__file__).resolve().parent.parent


def default_config_path(env: Mapping[str, str]) -> Path:
    """The file of ``COMPLAINT_GENERATOR_CONFIG``, else ``config.llm_router.json`` beside ``run.py``."""
    named = env.get("COMPLAINT_GENERATOR_CONFIG")
    return Path(named).expanduser() if named else _HOME / "config.llm_router.json"


def state_folder(env: Mapping[str, str]) -> Path:
    """Where sessions, evidence and traces live by default: ``statefiles`` of the checkout.

    One place for every configuration file, so that changing the file never hides what was stored. Without a
    checkout it is the user's data folder.
    """
    if (_HOME / "run.py").is_file():
        return _HOME / "statefiles"
    data = env.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "complaint-generator"


def load_config(path: str | os.PathLike[str] | None = None, *, env: Mapping[str, str] | None = None) -> Config:
    """Return the configuration in ``path``, by default the one of :func:`default_config_path`.

    ConfigProblems (a ConfigurationError) holds all problems, one line each.
    """
    env = os.environ if env is None else env
    file = default_config_path(env) if path is None else Path(path).expanduser()
    document = read_document(file)
    config = check_document(document, env, file.resolve().parent, state_folder(env) / "evidence")
    config._file = file
    return config
