"""Importing the packages loads no engine, starts nothing, asks nobody."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "aiohttp",
    "torch",
    "transformers",
    "llama_cpp",
    "fastapi",
    "sqlalchemy",
    "multiformats",
    "opentelemetry",
    "numpy",
}


def loaded_by(code: str) -> dict[str, object]:
    """What a fresh interpreter has loaded and started after ``code``."""
    report = (
        "import json, sys, threading;"
        "print(json.dumps({'modules': sorted({name.partition('.')[0] for name in sys.modules}),"
        "'all': sorted(sys.modules), 'threads': threading.active_count()}))"
    )
    run = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    answer: dict[str, object] = json.loads(run.stdout)
    return answer


@pytest.mark.parametrize(
    "code",
    [
        "import backends",
        "from backends import LLMRouterBackend",
        "from backends import BackendError, Completion",
        "from backends.llm_router import generate_text",
        "import backends.retries, backends.rate_limit, backends.base",
    ],
)
def test_importing_loads_no_engine_and_starts_no_thread(code: str) -> None:
    report = loaded_by(code)

    assert not HEAVY & set(report["modules"])  # type: ignore[call-overload]
    assert report["threads"] == 1


def test_importing_the_package_alone_loads_nothing_of_ours() -> None:
    assert [name for name in loaded_by("import backends")["all"] if name.startswith("backends.")] == []  # type: ignore[attr-defined]


def test_importing_reads_no_environment_and_asks_no_network() -> None:
    code = """
import os, socket, sys
import pydantic
def refused(*_):
    raise AssertionError("importing must not do this")
socket.socket.connect = refused
socket.getaddrinfo = refused
class Watched(type(os.environ)):
    def __getitem__(self, key):
        if key.startswith(("COMPLAINT_", "IPFS_", "OPEN", "HF_", "ANTHROPIC", "GOOGLE", "GEMINI")):
            refused()
        return super().__getitem__(key)
os.environ.__class__ = Watched
import backends.llm_router_backend
"""
    loaded_by(code)


def test_importing_the_router_loads_no_provider() -> None:
    names = loaded_by("import backends.llm_router, backends.llm_router_backend")["all"]

    providers = {name for name in names if name.startswith("backends.llm_router.providers.")}  # type: ignore[attr-defined]
    assert providers == {"backends.llm_router.providers.base"}


def test_the_package_costs_next_to_nothing_beyond_what_it_stands_on() -> None:
    base = set(loaded_by("import httpx, pydantic")["all"])  # type: ignore[call-overload]
    ours = set(loaded_by("import httpx, pydantic, backends")["all"])  # type: ignore[call-overload]
    whole = set(loaded_by("import httpx, pydantic; from backends import LLMRouterBackend")["all"])  # type: ignore[call-overload]

    assert ours - base == {"backends"}
    # Of other packages, nothing comes along that was not there before.
    packages = [{name.partition(".")[0] for name in names} for names in (whole, base)]
    foreign = packages[0] - packages[1] - {"backends"} - set(sys.stdlib_module_names)
    assert {name for name in foreign if not name.startswith("_")} == set()
