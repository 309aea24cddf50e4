"""The real programs against a model server on the loopback. ``make test-cli`` installs them and runs these tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.cli.model_server import ModelServer
from tests.real.cli.programs import BIN, Bench, installed_versions


def pytest_report_header() -> list[str]:
    return [f"agent programs: {', '.join(f'{name} {version}' for name, version in installed_versions().items())}"]


@pytest.fixture(autouse=True)
def _real_programs_only() -> None:
    if not BIN.is_dir():
        pytest.fail(f"the agent programs are not installed in {BIN}; run: make test-cli", pytrace=False)


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copilot unpacks 190 MB into its cache at its first start; once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def bench(server: ModelServer, tmp_path: Path, unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Makes backends that see this test's home, folders and server, and nothing of this machine's owner."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    made = Bench(server, tmp_path, unpacked)
    yield made
    made.close()
