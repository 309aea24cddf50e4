"""Finding providers: built in, registered, installed; whatever a third party offers becomes a Backend."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends.exceptions import (
    ConfigurationError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderUnavailableError,
    RateLimitError,
)
from backends.llm_router import (
    ProviderContext,
    RouterDeps,
    agenerate_text,
    complete_text,
    generate_text,
    get_llm_provider,
    list_llm_providers,
    register_llm_provider,
    stream_text,
    unregister_llm_provider,
)
from backends.llm_router.providers.mock import MockBackend
from backends.llm_router.registry import ENTRY_POINT_GROUP, ProviderRegistry
from backends.types import Completion


class Echo:
    """The least that a third party must write."""

    def generate(self, prompt: str, *, model_name: str | None = None, **kwargs: Any) -> str:
        return f"{prompt}|{model_name}|{sorted(kwargs.items())}"


def test_an_object_with_generate_is_a_provider(deps: RouterDeps) -> None:
    deps.registry.register("echo", Echo)

    text = generate_text("hi", provider="Echo", model_name="m", deps=deps, temperature=0, own_option=1)

    assert text == "hi|m|[('own_option', 1), ('temperature', 0)]"


def test_a_provider_without_kwargs_gets_only_what_it_takes(deps: RouterDeps) -> None:
    class Narrow:
        def generate(self, prompt: str, *, max_tokens: int = 1) -> str:
            return f"{prompt} {max_tokens}"

    deps.registry.register("narrow", Narrow)

    assert generate_text("hi", provider="narrow", deps=deps, max_tokens=7, temperature=0.5) == "hi 7"
    with pytest.raises(InvalidRequestError, match="unknown option"):
        generate_text("hi", provider="narrow", deps=deps, own_option=1)


def test_a_plain_function_is_a_provider(deps: RouterDeps) -> None:
    deps.registry.register("shout", lambda: lambda prompt, **_: prompt.upper())

    assert generate_text("hi", provider="shout", deps=deps) == "HI"


def test_an_asynchronous_provider_answers(deps: RouterDeps) -> None:
    class Slow:
        async def generate(self, prompt: str, **_: Any) -> dict[str, str]:
            return {"text": f"async {prompt}"}

    deps.registry.register("slow", Slow)

    assert generate_text("hi", provider="slow", deps=deps) == "async hi"


def test_a_backend_is_taken_as_it_is(deps: RouterDeps) -> None:
    backend = MockBackend("own", mock_response="mine")
    deps.registry.register("own", lambda: backend)

    assert get_llm_provider("own", deps=deps) is backend


def test_a_factory_may_ask_for_the_context(deps: RouterDeps) -> None:
    seen: list[ProviderContext] = []

    def factory(context: ProviderContext) -> Echo:
        seen.append(context)
        return Echo()

    deps.registry.register("asks", factory)
    generate_text("hi", provider="asks", model_name="m", deps=deps)

    assert (seen[0].model, seen[0].deps) == ("m", deps)


def test_messages_reach_who_wants_them_and_text_all_others(deps: RouterDeps) -> None:
    class Wants:
        accepts_messages = True

        def generate(self, prompt: Any, **_: Any) -> str:
            return str(prompt[0]["role"])

    deps.registry.register("wants", Wants)
    deps.registry.register("echo", Echo)
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]

    assert generate_text(messages, provider="wants", deps=deps) == "system"
    assert generate_text(messages, provider="echo", deps=deps).startswith("System: be brief\n\nUser: hi|")


def test_a_third_partys_answer_streams_in_one_piece(deps: RouterDeps) -> None:
    deps.registry.register("echo", Echo)

    assert list(stream_text("hi", provider="echo", deps=deps)) == ["hi|None|[]"]


async def test_asynchronous_callers_reach_it_too(deps: RouterDeps) -> None:
    deps.registry.register("echo", Echo)

    assert await agenerate_text("hi", provider="echo", deps=deps) == "hi|None|[]"


def test_a_strangers_exception_becomes_one_of_the_family_without_its_key(deps: RouterDeps) -> None:
    class Broken:
        def generate(self, prompt: str, **_: Any) -> str:
            raise KeyError("api_key sk-abcdefghijklmnop")

    deps.registry.register("broken", Broken)

    with pytest.raises(ProviderUnavailableError, match="KeyError") as caught:
        generate_text("hi", provider="broken", deps=deps)
    assert "sk-abcdefgh" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_error_of_the_family_passes_as_it_is(deps: RouterDeps) -> None:
    class Limited:
        def generate(self, prompt: str, **_: Any) -> str:
            raise RateLimitError("slow down", retryable=False)

    deps.registry.register("limited", Limited)

    with pytest.raises(RateLimitError, match="slow down"):
        generate_text("hi", provider="limited", deps=deps)


def test_an_answer_that_is_no_text_is_malformed(deps: RouterDeps) -> None:
    class Odd:
        def generate(self, prompt: str, **_: Any) -> Any:
            return 42

    deps.registry.register("odd", Odd)

    with pytest.raises(MalformedResponseError, match="returned int"):
        generate_text("hi", provider="odd", deps=deps)


@pytest.mark.parametrize("factory", ["no factory", lambda: object()])
def test_what_is_no_provider_is_refused(deps: RouterDeps, factory: Any) -> None:
    def use() -> None:
        deps.registry.register("bad", factory)
        generate_text("hi", provider="bad", deps=deps)

    with pytest.raises(ConfigurationError, match=r"factory|generate"):
        use()


def test_a_registered_name_wins_over_a_built_in_one(deps: RouterDeps) -> None:
    deps.registry.register("mock", Echo)
    assert generate_text("hi", provider="mock", deps=deps) == "hi|None|[]"

    deps.registry.unregister("MOCK")

    assert generate_text("again", provider="mock", deps=deps) == "Mock answer to: again"


def test_an_unknown_name_is_refused_with_the_near_miss(deps: RouterDeps) -> None:
    with pytest.raises(ConfigurationError, match=r'no provider "opnrouter".*did you mean "openrouter"'):
        generate_text("hi", provider="opnrouter", deps=deps)


SHOUTING = """
class Shouting:
    local = True

    def generate(self, prompt, *, model_name=None, **options):
        return prompt.upper()
"""


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., Path]:
    """Installs a package of somebody's with pip, offering what its ``source`` defines; the folder that it is in."""

    def install(name: str, source: str, value: str) -> Path:
        wheel = tmp_path / "somebodys_llm-1.0-py3-none-any.whl"
        info = "somebodys_llm-1.0.dist-info"
        with zipfile.ZipFile(wheel, "w") as file:
            file.writestr("somebodys_llm.py", source)
            file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: somebodys-llm\nVersion: 1.0\n")
            file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            file.writestr(f"{info}/entry_points.txt", f"[{ENTRY_POINT_GROUP}]\n{name} = somebodys_llm:{value}\n")
            file.writestr(f"{info}/RECORD", "")
        target = tmp_path / "site"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target)]
        subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
        return target

    return install


def test_an_installed_package_offers_a_provider_by_entry_point(
    installed: Callable[..., Path],
) -> None:
    target = installed("Shouting-LLM", SHOUTING, "Shouting")
    command = [sys.executable, "-m", "backends.llm_router", "generate", "--provider", "shouting_llm", "hello"]

    done = subprocess.run(
        command, env={"PATH": "", "PYTHONPATH": os.pathsep.join((str(target), *sys.path))}, capture_output=True
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"HELLO\n", b"")


@pytest.mark.parametrize(
    ("source", "match"),
    [("Shouting = 'not a factory'", "is no provider"), ("import not_there_at_all", "cannot be loaded")],
)
def test_an_entry_point_that_cannot_be_loaded_is_told(
    installed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, source: str, match: str
) -> None:
    monkeypatch.syspath_prepend(installed("broken", source, "Shouting"))
    monkeypatch.delitem(sys.modules, "somebodys_llm", raising=False)

    with pytest.raises(ConfigurationError, match=match):
        ProviderRegistry().find("broken")
    assert "openai" in ProviderRegistry().names()


def test_registering_for_the_process_is_seen_by_every_container() -> None:
    deps = RouterDeps(env={})
    register_llm_provider("of_this_test", Echo)
    try:
        assert generate_text("hi", provider="of_this_test", deps=deps) == "hi|None|[]"
    finally:
        unregister_llm_provider("of_this_test")
        deps.close()

    with pytest.raises(ConfigurationError):
        generate_text("hi", provider="of_this_test", deps=deps)


def test_a_new_registration_under_the_name_answers_at_once_and_never_from_the_old_ones_cache(deps: RouterDeps) -> None:
    deps.registry.register("p", lambda: MockBackend("p", mock_response="old"))
    old = generate_text("hi", provider="p", deps=deps)

    deps.registry.register("p", lambda: MockBackend("p", mock_response="new"))

    assert (old, generate_text("hi", provider="p", deps=deps)) == ("old", "new")


def test_the_list_of_providers_says_who_is_there_and_why_not(deps: RouterDeps) -> None:
    listed = {info.name: info for info in list_llm_providers(deps)}

    assert listed["mock"].available
    assert not listed["openrouter"].available
    assert "OPENROUTER_API_KEY" in listed["openrouter"].reason
    assert listed["workstation"].local
    assert "copilot" in listed["copilot_cli"].aliases


def test_a_given_object_answers_and_is_never_closed(deps: RouterDeps) -> None:
    closed: list[bool] = []

    class Own(Echo):
        def close(self) -> None:
            closed.append(True)

    own = Own()

    assert generate_text("hi", provider_instance=own, deps=deps) == "hi|None|[]"
    deps.clear_caches()
    deps.close()
    assert closed == []


def test_the_completion_names_who_answered(deps: RouterDeps) -> None:
    deps.registry.register("echo", Echo)

    completion: Completion = complete_text("hi", provider="echo", model_name="m", deps=deps)

    assert (completion.provider, completion.model) == ("echo", "m")
    assert completion.usage.estimated
