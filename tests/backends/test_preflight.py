"""What a backend tells before anybody is asked: which key, file or memory is missing, and where text would go."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends import LLMRouterBackend, OpenAIBackend, WorkstationBackend
from backends.local.packaged_models import packaged_gguf


def test_an_api_without_its_key_names_the_variable_and_the_host():
    with OpenAIBackend(model="gpt-4o-mini", env={}) as backend:
        told = backend.preflight()

    assert (told.ok, told.local, told.host) == (False, False, "api.openai.com")
    assert "OPENAI_API_KEY" in told.detail


def test_an_api_with_its_key_names_the_host_and_never_the_key():
    with OpenAIBackend(model="gpt-4o-mini", api_key="sk-abcdefgh1234", env={}) as backend:
        told = backend.preflight()

    assert (told.ok, told.detail) == (True, "talks to api.openai.com")
    assert "abcdefgh" not in repr(told)


def test_a_key_that_no_header_can_carry_is_told_before_the_first_call():
    with OpenAIBackend(model="gpt-4o-mini", env={"OPENAI_API_KEY": "a key\nin two lines"}) as backend:
        told = backend.preflight()

    assert not told.ok
    assert "copy it again" in told.detail


def test_a_server_on_this_machine_needs_no_key_and_keeps_the_text():
    with OpenAIBackend(model="llama3.2", base_url="http://127.0.0.1:9/v1", env={}) as backend:
        told = backend.preflight()

    assert (told.ok, told.local) == (True, True)


def test_a_gguf_file_that_is_there_is_ready():
    with WorkstationBackend(model_path=packaged_gguf(), n_ctx=256, n_parallel=1) as backend:
        told = backend.preflight()

    assert (told.ok, told.local) == (True, True)
    assert packaged_gguf().name in told.detail


@pytest.mark.parametrize(
    "content",
    [b"this is no model, it is a letter to the landlord", packaged_gguf().read_bytes()[:100_000]],
    ids=["no GGUF", "cut short"],
)
def test_a_file_that_is_no_whole_model_is_told_without_loading_it(tmp_path: Path, content):
    file = tmp_path / "model.gguf"
    file.write_bytes(content)

    with WorkstationBackend(model_path=file) as backend:
        told = backend.preflight()

    assert not told.ok
    assert "not a usable GGUF model" in told.detail


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    with WorkstationBackend(model_path=tmp_path / "none.gguf") as backend:
        told = backend.preflight()

    assert not told.ok
    assert "there is no file" in told.detail


def test_a_model_that_does_not_fit_is_told_with_its_figures(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backends.local.memory_fit.available_memory", lambda: 10_000_000)

    with WorkstationBackend(model_path=packaged_gguf()) as backend:
        told = backend.preflight()

    assert not told.ok
    assert "10 MB are free" in told.detail


def test_the_router_passes_on_what_its_provider_tells():
    with LLMRouterBackend(id="r", provider="openrouter", env={}) as backend:
        told = backend.preflight()

    assert (told.ok, told.host) == (False, "openrouter.ai")
    assert "OPENROUTER_API_KEY" in told.detail


def test_endpoints_are_named_and_not_asked():
    with LLMRouterBackend(
        id="r", provider="backend_manager", endpoints=["http://127.0.0.1:9/v1"], model="m", env={}
    ) as backend:
        told = backend.preflight()

    assert (told.ok, told.local) == (True, True)
    assert "http://127.0.0.1:9/v1" in told.detail
