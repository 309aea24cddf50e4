"""Which engine answers, and the hosted one against a scripted server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backends.exceptions import AuthenticationError, ConfigurationError, InvalidRequestError, RateLimitError
from backends.huggingface import HuggingFaceBackend
from backends.llm_router.providers.base import ProviderContext
from backends.llm_router.providers.local_hf import SPEC as LOCAL_HF
from backends.types import Completion
from tests.support import wire
from tests.support.http_server import Received, ScriptedServer, json_reply

KEY = "hf_test0123456789"


def made(env: Mapping[str, str] | None = None, **settings: Any) -> HuggingFaceBackend:
    return HuggingFaceBackend("hf", env=env or {}, **settings)


def is_local(backend: HuggingFaceBackend) -> bool:
    with backend:
        return backend.local


# -- which engine ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": KEY},
        {"api_key": KEY, "model": "org/name"},
        {"env": {"HUGGINGFACE_API_KEY": KEY}},
        {"env": {"HF_TOKEN": KEY}},
        {"env": {"HUGGINGFACE_HUB_TOKEN": KEY}},
        {"base_url": "https://endpoint.example/v1"},
        {"local": False},
    ],
)
def test_a_key_or_an_address_means_hosted(settings: dict[str, Any]) -> None:
    assert not is_local(made(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"model": "org/name"},
        {"env": {"HF_TOKEN": "  "}},
        {"env": {"HF_TOKEN": KEY}, "privacy": "local_only"},
        {"env": {"HF_TOKEN": KEY}, "local": True},
        {"api_key": KEY, "local": True},
        {"env": {"HF_TOKEN": KEY}, "model": "./folder"},
        {"env": {"HF_TOKEN": KEY}, "gguf_file": "some.gguf"},
        {"api_key": KEY, "model": "models/some.gguf"},
    ],
)
def test_without_a_key_or_with_a_file_the_text_stays_here(settings: dict[str, Any]) -> None:
    assert is_local(made(**settings))


def test_a_folder_is_used_here_though_there_is_a_key(tmp_path: Path) -> None:
    assert is_local(made(model=str(tmp_path), api_key=KEY))


def test_without_anything_the_embedded_model_is_named() -> None:
    with made() as backend:
        assert backend.model is not None
        assert backend.model.endswith(".gguf")
        assert backend.health().ok


@pytest.mark.parametrize("settings", [{"api_key": KEY}, {"local": False, "env": {"HF_TOKEN": KEY}}])
def test_hosted_inference_is_refused_when_text_must_stay_here(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="local_only"):
        made(privacy="local_only", **settings)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"local": True, "base_url": "http://x/v1"}, "base_url"),
        ({"local": True, "headers": {"a": "b"}}, "headers"),
        ({"local": False, "device": "cpu"}, "device"),
        ({"api_key": KEY, "dtype": "float32"}, "dtype"),
        ({"base_url": "http://x/v1", "gguf_file": "x.gguf"}, "gguf_file"),
        ({"gguf_file": "/models/x.gguf", "model": "org/name"}, "gguf_file"),
        ({"api_key": KEY, "type": "openai"}, "openai"),
        ({"local": True, "max_tokenz": 3}, "max_tokens"),
        ({"api_key": KEY, "max_tokenz": 3}, "max_tokens"),
        ({"local": True, "temperature": -1}, "temperature"),
    ],
)
def test_a_setting_without_a_meaning_is_refused_by_name(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        made(**settings)


def test_what_has_nothing_to_do_on_this_machine_may_be_set() -> None:
    assert is_local(made(local=True, max_retries=3, retry_base_delay=1.0, retry_max_delay=2.0, verbose=True))


def test_the_options_known_are_those_of_the_engine() -> None:
    with made(local=True) as local, made(api_key=KEY) as hosted:
        assert "tools" in hosted.known_options
        assert "tools" not in local.known_options
        assert local.constrains_json


def test_the_key_is_in_no_repr() -> None:
    with made(api_key=KEY) as backend:
        assert KEY not in repr(backend) + repr(vars(backend)) + repr(vars(backend._engine))


def test_importing_and_making_loads_no_engine() -> None:
    check = (
        "import sys; from backends.huggingface import HuggingFaceBackend; HuggingFaceBackend(local=True, env={}); "
        "print(sorted({'torch', 'transformers', 'huggingface_hub', 'llguidance', 'gguf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"


# -- the hosted engine ----------------------------------------------------------------------------


def test_a_hosted_call_is_a_chat_completion_with_the_key() -> None:
    with (
        ScriptedServer(always=wire.CHAT.answers("Paris.")) as server,
        made(
            base_url=f"{server.url}/v1", api_key=KEY, model="org/name:provider", max_tokens=50, temperature=0
        ) as backend,
    ):
        completion = backend.complete("What is the capital of France?")

    request = server.requests[0]
    assert completion.text == "Paris."
    assert completion.provider == "hf"
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json["model"] == "org/name:provider"
    assert (request.json["max_tokens"], request.json["temperature"]) == (50, 0)


def test_the_router_of_hugging_face_is_the_home_of_hosted_calls() -> None:
    with made(api_key=KEY) as backend:
        assert backend._engine.base_url == "https://router.huggingface.co/v1"  # type: ignore[attr-defined]


def test_all_faces_of_the_hosted_engine_answer() -> None:
    with (
        ScriptedServer(always=wire.CHAT.answers("Paris.")) as server,
        made(base_url=f"{server.url}/v1", api_key=KEY, model="m") as backend,
    ):
        *pieces, last = backend.stream_items("?")
        texts = [
            backend.generate("?"),
            backend("?"),
            "".join(backend.stream("?")),
            "".join(map(str, pieces)),
            asyncio.run(backend.agenerate("?")),
            *backend.batch_generate(["?", "?"]),
        ]

    assert texts == ["Paris."] * 7
    assert isinstance(last, Completion)


def test_a_schema_is_sent_and_the_answer_is_checked() -> None:
    from tests.backends.conformance import Word

    with (
        ScriptedServer(always=wire.CHAT.answers('{"word": "hello"}')) as server,
        made(base_url=f"{server.url}/v1", api_key=KEY, model="m") as backend,
    ):
        assert backend.generate_json("?", Word) == Word(word="hello")
        assert asyncio.run(backend.agenerate_json("?", Word)) == Word(word="hello")

    assert server.requests[0].json["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (429, RateLimitError), (422, InvalidRequestError)]
)
def test_a_refusal_is_an_error_of_the_family_without_the_key(status: int, kind: type[Exception]) -> None:
    def refuse(received: Received) -> Any:
        return json_reply({"error": f"no: {received.headers['authorization']}"}, status)

    with (
        ScriptedServer(always=refuse) as server,
        made(base_url=f"{server.url}/v1", api_key=KEY, model="m", max_retries=0) as backend,
        pytest.raises(kind) as caught,
    ):
        backend.generate("?")

    assert KEY not in str(caught.value)


def test_hosted_without_a_key_says_which_variable_to_set() -> None:
    with made(local=False) as backend, pytest.raises(AuthenticationError, match="HUGGINGFACE_API_KEY"):
        backend.generate("?")


# -- the provider local_hf ------------------------------------------------------------------------


def test_the_provider_local_hf_keeps_text_here_whatever_the_environment_holds(tmp_path: Path) -> None:
    context = ProviderContext(env={"HF_TOKEN": KEY, "COMPLAINT_GENERATOR_LOCAL_HF_MODEL": str(tmp_path)})

    with LOCAL_HF.create(context) as backend:
        assert backend.local
        assert backend.id == "local_hf"
        assert getattr(backend, "model", None) == tmp_path.name
    assert LOCAL_HF.local


def test_the_model_of_the_call_goes_before_that_of_the_environment() -> None:
    env = {"COMPLAINT_GENERATOR_LOCAL_HF_MODEL": "org/other"}

    with LOCAL_HF.create(ProviderContext(env=env, model="org/name", settings={"offline": True})) as backend:
        assert getattr(backend, "model", None) == "org/name"
        assert not backend.health().ok


def test_the_provider_local_hf_is_there_when_its_packages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.local import transformers_model

    assert LOCAL_HF.available(ProviderContext(env={})).ok
    # A package cannot be uninstalled for one test; what is shown is what the finder says of it.
    monkeypatch.setattr(transformers_model.importlib.util, "find_spec", lambda name: None)

    missing = LOCAL_HF.available(ProviderContext(env={}))

    assert not missing.ok
    assert ".[huggingface]" in missing.reason
