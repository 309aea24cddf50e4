"""The names that others may rely on."""

from __future__ import annotations

import config


def test_the_public_names_are_these():
    assert sorted(config.__all__) == [
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


def test_every_public_name_is_there():
    assert [name for name in config.__all__ if not hasattr(config, name)] == []
