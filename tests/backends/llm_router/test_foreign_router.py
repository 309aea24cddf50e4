"""Routing through another package: found without importing it, and its failures are ours to name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backends.exceptions import ConfigurationError, MalformedResponseError, ProviderUnavailableError
from backends.llm_router.providers.accelerate import SPEC as ACCELERATE
from backends.llm_router.providers.base import ProviderContext
from backends.llm_router.providers.ipfs_datasets_py import SPEC as DATASETS

CONTEXT = ProviderContext(env={}, model="m")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a real package and puts it on the path."""

    def write(package: str, router: str | None, init: str = "") -> None:
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").write_text(init)
        if router is not None:
            (folder / "llm_router.py").write_text(router)

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in ("ipfs_datasets_py", "ipfs_accelerate_py")]:
        del sys.modules[name]


def test_a_package_that_is_not_there_is_unavailable_and_says_so():
    assert DATASETS.available(CONTEXT).reason == "the package ipfs_datasets_py is not installed"
    with DATASETS.create(CONTEXT) as backend, pytest.raises(ConfigurationError, match="is not installed"):
        backend.generate("x")


def test_a_release_without_a_router_is_unavailable(install):
    install("ipfs_datasets_py", None)
    assert DATASETS.available(CONTEXT).reason == "the installed ipfs_datasets_py has no llm_router"


def test_looking_does_not_import_the_package(install):
    install("ipfs_accelerate_py", "", init="raise RuntimeError('imported')")
    assert ACCELERATE.available(CONTEXT).ok


def test_a_call_goes_through_with_the_model_and_only_the_options_that_were_set(install):
    install(
        "ipfs_datasets_py",
        "def generate_text(prompt, *, model_name=None, **options):\n    return f'{prompt}|{model_name}|{options}'\n",
    )
    with DATASETS.create(CONTEXT) as backend:
        assert backend.generate("hi", temperature=0) == "hi|m|{'temperature': 0}"
        assert list(backend.stream("hi")) == ["hi|m|{}"]


def test_its_failures_become_ours_with_their_cause(install):
    install("ipfs_datasets_py", "def generate_text(prompt, **options):\n    raise ValueError('key sk-abcdefgh1234')\n")
    with DATASETS.create(CONTEXT) as backend, pytest.raises(ProviderUnavailableError) as caught:
        backend.generate("x")
    assert isinstance(caught.value.__cause__, ValueError)
    assert "sk-abcdefgh" not in str(caught.value)


def test_an_answer_that_is_no_text_is_malformed(install):
    install("ipfs_datasets_py", "def generate_text(prompt, **options):\n    return None\n")
    with DATASETS.create(CONTEXT) as backend, pytest.raises(MalformedResponseError, match="NoneType"):
        backend.generate("x")
