"""The examples: one for each provider and one for each way of use in document 004, all of them loading."""

from __future__ import annotations

import pytest

from backends.llm_router.registry import BUILTIN_PROVIDERS
from config import load_config
from config.entries import BACKEND_TYPES

from .conftest import ROOT

EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.json"))

#: "Backend Selection Strategy" of document 004.
USES = {
    "production", "development", "privacy", "cost", "research",
    "fastest", "best-quality", "most-economical", "most-reliable",
    "batch", "long-context", "function-calling", "fine-tuned",
}  # fmt: skip


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_loads_when_its_keys_are_there(file, keys):
    config = load_config(file, env=keys)
    assert config.used_ids == tuple(entry.id for entry in config.BACKENDS)


def test_there_is_an_example_for_every_provider():
    named = {file.stem.removeprefix("provider-") for file in EXAMPLES if file.stem.startswith("provider-")}
    assert named == {*BUILTIN_PROVIDERS, "auto"}


@pytest.mark.parametrize("name", BUILTIN_PROVIDERS)
def test_the_example_of_a_provider_uses_that_provider(name, keys):
    (entry,) = load_config(ROOT / "config" / "examples" / f"provider-{name}.json", env=keys).BACKENDS
    assert entry.provider == name


def test_there_is_an_example_for_every_way_of_use():
    assert {file.stem.removeprefix("use-") for file in EXAMPLES if file.stem.startswith("use-")} == USES


@pytest.mark.parametrize("kind", BACKEND_TYPES)
def test_there_is_an_example_for_every_type(kind, keys):
    assert kind in {entry.type for file in EXAMPLES for entry in load_config(file, env=keys).BACKENDS}


def test_the_private_example_refuses_what_leaves_the_machine(keys):
    config = load_config(ROOT / "config" / "examples" / "use-privacy.json", env=keys)
    assert config.MEDIATOR.privacy == "local_only"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_no_example_holds_a_key(file):
    text = file.read_text(encoding="utf-8")
    assert '"api_key": "' not in text.replace('"api_key": "${', "")
