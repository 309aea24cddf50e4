"""What the configuration file may say, and what is built from it. ``load_config`` tells all problems at once."""

from __future__ import annotations

from config.factory import build_backend, build_evidence_store, build_mediator, build_office, preflight_backend
from config.load import default_config_path, load_config, state_folder
from config.models import Config
from config.problems import ConfigProblems, Problem

__all__ = [
    "Config",
    "ConfigProblems",
    "Problem",
    "build_backend",
    "build_evidence_store",
    "build_mediator",
    "build_office",
    "default_config_path",
    "load_config",
    "preflight_backend",
    "state_folder",
]
