"""The documents' examples run as they are, and so do those of our own page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import backends
import backends.llm_router as router
from backends.llm_router import RouterDeps, get_default_router_deps, register_llm_provider, set_default_router_deps
from backends.llm_router.cache_key import CID_BASES
from backends.llm_router.inference_backend_manager import get_backend_manager
from backends.llm_router.providers.mock import MockBackend
from backends.router_deps import RouterDeps as RouterDepsByItsOldName
from tests.support import wire
from tests.support.http_server import ScriptedServer

EXAMPLES = Path(__file__).parent / "documented_examples.md"
PAGE = Path(backends.__file__).parent.parent / "docs" / "LLM_ROUTER.md"
#: The real programs have tests of their own; here the examples' use of the router is what counts.
STAND_INS = ("codex_cli", "copilot_cli", "copilot_sdk", "gemini_cli", "claude_code", "local_hf")


def blocks(page: Path) -> list[Any]:
    """Every Python block, named by the heading above it."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^#+ ([^\n]+)$|^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    titles: list[str] = []
    params = []
    for title, code in found:
        titles += [title] * bool(title)
        params += [pytest.param(code, id=titles[-1].replace(" ", "-"))] * bool(code)
    return params


class Peers:
    """The seam of the documents: an IPFS backend with a peer manager."""

    @property
    def peer_manager(self) -> Peers:
        return self

    def route_llm_request(self, *, prompt: str, model: str | None, **options: Any) -> dict[str, str]:
        return {"text": f"a peer's answer to {prompt}"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A machine with a key for OpenRouter (a server of ours) and stand-ins for the programs."""
    previous = get_default_router_deps()
    monkeypatch.chdir(tmp_path)
    # Set and deleted, so that whatever an example sets is taken back.
    for name in ("ROUTER_RESPONSE_CACHE", "ENABLE_BACKEND_MANAGER", "ROUTER_CACHE_KEY"):
        monkeypatch.setenv(f"IPFS_ACCELERATE_PY_{name}", "")
    set_default_router_deps(RouterDeps())
    with ScriptedServer(always=wire.CHAT.answers("an answer")) as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", "k-0123456789")
        monkeypatch.setenv("OPENROUTER_BASE_URL", f"{server.url}/v1")
        get_backend_manager().register_backend("one", MockBackend("one"))
        get_default_router_deps().backend_manager = get_backend_manager()
        for name in STAND_INS:
            register_llm_provider(name, lambda name=name: MockBackend(name))  # type: ignore[misc]
        yield {
            "generate_text": router.generate_text,
            "your_ipfs_backend": Peers(),
            "prompt": "Your prompt",
            "server": server,
        }
        for name in (*STAND_INS, "my_provider", "shouting"):
            router.unregister_llm_provider(name)
        get_default_router_deps().close()
    set_default_router_deps(previous)


@pytest.mark.parametrize("code", blocks(EXAMPLES))
def test_an_example_of_the_documents_runs(code: str, world: dict[str, Any]) -> None:
    exec(compile(code, "example", "exec"), world)

    answers = [world[name] for name in ("response", "response1", "response2", "text") if name in world]
    assert all(isinstance(answer, str) and answer for answer in answers)


@pytest.mark.parametrize("code", blocks(PAGE))
def test_an_example_of_our_page_runs(code: str, world: dict[str, Any]) -> None:
    exec(compile(code, "example", "exec"), world)


def test_the_examples_are_all_there() -> None:
    assert len(blocks(EXAMPLES)) == 20
    assert len(blocks(PAGE)) >= 8


def test_the_second_call_of_the_caching_example_is_a_hit(world: dict[str, Any]) -> None:
    first = router.complete_text("What is 2+2?", provider="openrouter")
    second = router.complete_text("What is 2+2?", provider="openrouter")

    assert (first.cached, second.cached) == (False, True)
    assert len(world["server"].requests) == 1


def test_the_cid_example_names_its_entries_by_cids(world: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from multiformats import CID

    monkeypatch.setenv("IPFS_ACCELERATE_PY_ROUTER_CACHE_KEY", "cid")
    for base in CID_BASES:
        monkeypatch.setenv("IPFS_ACCELERATE_PY_ROUTER_CACHE_CID_BASE", base)
        router.generate_text(f"in {base}", provider="openrouter")

    assert [CID.decode(key).base.name for key in get_default_router_deps().router_cache] == list(CID_BASES)


def test_clearing_clears(world: dict[str, Any]) -> None:
    """`clear_llm_router_caches()` cleared nothing."""
    deps = get_default_router_deps()
    before = router.get_llm_provider("openrouter")
    router.generate_text("hi", provider="openrouter")
    assert len(deps.router_cache) == 1

    router.clear_llm_router_caches()

    assert len(deps.router_cache) == 0
    assert router.get_llm_provider("openrouter") is not before
    assert not router.complete_text("hi", provider="openrouter").cached
    assert len(world["server"].requests) == 2


def test_old_names_lead_to_the_same_things() -> None:
    assert RouterDepsByItsOldName is RouterDeps
    assert get_backend_manager() is get_backend_manager()
