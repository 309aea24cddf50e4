"""Where a local model comes from: folders, GGUF files, the hub's cache, the hub; and what is said when it is not there.

The hub is a small server on this machine that speaks the part of its protocol that is used.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from backends.exceptions import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
)
from backends.huggingface import HuggingFaceBackend
from backends.local import transformers_find
from backends.local.shared import SharedModels
from backends.local.transformers_find import ModelFiles, Wanted, find_files, is_here
from backends.local.transformers_memory import weight_bytes
from tests.support.http_server import Act, Received, Reply, ScriptedServer, closed_port, json_reply
from tests.support.tiny_transformers import make_tiny_model

# Importing torch alone takes seconds.
pytestmark = pytest.mark.slow

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the model to damage."""
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def local(model: str | Path, env: Mapping[str, str] | None = None, **settings: Any) -> HuggingFaceBackend:
    return HuggingFaceBackend(
        "hf", model=str(model), local=True, env=env or {}, models=SharedModels(), max_tokens=3, **settings
    )


def failure(backend: HuggingFaceBackend) -> BackendError:
    with backend, pytest.raises(BackendError) as caught:
        backend.generate("hello")
    return caught.value


# -- folders and files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("/nowhere/at/all", "there is no folder"),
        ("./nowhere", "there is no folder"),
        ("../nowhere", "there is no folder"),
        ("~/nowhere-at-all", "there is no folder"),
        ("no/such/depth", "there is no folder"),
        ("nowhere.gguf", "there is no GGUF file nowhere.gguf"),
        ("", "there is no folder"),
    ],
)
def test_a_path_that_does_not_exist_says_what_could_be_named(model: str, said: str) -> None:
    error = failure(local(model))

    assert isinstance(error, ModelNotFoundError)
    assert said in error.message
    assert error.provider == "hf"
    assert not error.retryable


def test_a_folder_without_a_configuration_is_no_model(folder: Path) -> None:
    (folder / "config.json").unlink()

    assert "no config.json" in failure(local(folder)).message


def test_a_folder_with_a_gguf_file_says_how_to_name_it(tmp_path: Path) -> None:
    (tmp_path / "some.gguf").write_bytes(b"GGUF")

    assert 'set gguf_file, for example "some.gguf"' in failure(local(tmp_path)).message


def test_pickled_weights_are_never_read(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    error = failure(local(folder))

    assert isinstance(error, ModelNotFoundError)
    assert "pickled" in error.message


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "one.safetensors"}}')

    assert "1 of 1 weight files are missing, one.safetensors first" in failure(local(folder)).message


def test_damaged_weights_are_an_error_of_the_family(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])

    assert isinstance(failure(local(folder)), ModelNotFoundError)


def test_code_of_a_repository_is_never_run(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    (folder / "evil.py").write_text(f"open({str(trace)!r}, 'w')")
    (folder / "config.json").write_text(
        '{"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}'
    )

    error = failure(local(folder))

    assert isinstance(error, ConfigurationError | ModelNotFoundError)
    assert not trace.exists()


def test_a_model_that_does_not_complete_text_is_refused(folder: Path) -> None:
    from transformers import T5Config

    T5Config(d_model=8, num_layers=1, d_ff=8, num_heads=1).save_pretrained(folder)

    assert isinstance(failure(local(folder)), ModelNotFoundError | ConfigurationError)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + b"\xff" * 100, b"PK\x03\x04" + b"\0" * 100])
def test_a_broken_gguf_file_is_an_error_before_anything_is_loaded(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.gguf").write_bytes(content)

    error = failure(local(tmp_path / "broken.gguf"))

    assert isinstance(error, ModelNotFoundError)
    assert "broken.gguf" in error.message


def test_a_model_that_would_not_fit_in_memory_is_refused_with_the_figures(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backends.local import transformers_memory

    monkeypatch.setattr(transformers_memory, "available_memory", lambda: 100_000)

    error = failure(local(tiny))

    assert isinstance(error, ConfigurationError)
    assert "0 MB are free on cpu" in error.message


@pytest.mark.parametrize(("dtype", "width"), [("float32", 4), ("bfloat16", 2), ("auto", 4)])
def test_the_memory_of_the_weights_is_known_before_they_are_read(tiny: Path, dtype: str, width: int) -> None:
    from transformers import AutoModelForCausalLM

    weights = AutoModelForCausalLM.from_pretrained(tiny).num_parameters()

    assert weight_bytes(ModelFiles(tiny), dtype) == weights * width


def test_health_tells_the_same_without_raising(tmp_path: Path, tiny: Path) -> None:
    with local(tmp_path) as missing, local(tiny) as there, local("some/name") as remote:
        assert (missing.health().ok, there.health().ok, remote.health().ok) == (False, True, True)
        assert "no config.json" in missing.health().detail
        assert "will be fetched" in remote.health().detail
        assert remote.preflight() == remote.health()


@pytest.mark.parametrize(
    ("model", "here"),
    [
        ("org/name", False),
        ("name", False),
        ("a/b/c", True),
        ("./a", True),
        ("x.gguf", True),
        ("/a", True),
        (None, False),
    ],
)
def test_a_path_is_told_from_a_name_of_the_hub(model: str | None, here: bool) -> None:
    assert is_here(model) is here


# -- packages -------------------------------------------------------------------------------------


def test_a_missing_package_says_which_extra_to_install(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.local import transformers_model

    # A package cannot be uninstalled for one test; what is shown is what the finder says of it.
    monkeypatch.setattr(transformers_model.importlib.util, "find_spec", lambda name: None)

    error = failure(local(tiny))

    assert isinstance(error, ConfigurationError)
    assert 'torch and transformers: pip install -e ".[huggingface]"' in error.message


def test_health_tells_of_a_missing_package(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.local import transformers_model

    with local(tiny) as backend:
        monkeypatch.setattr(transformers_model.importlib.util, "find_spec", lambda name: None)

        assert not backend.health().ok
        assert "pip install" in backend.health().detail


# -- the hub --------------------------------------------------------------------------------------


class Hub:
    """Serves the files of a folder as the model ``org/tiny``."""

    def __init__(self, folder: Path) -> None:
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        #: Files that are listed and do not come.
        self.hidden: set[str] = set()

    def __call__(self, request: Received) -> Reply:
        self.asked.append(f"{request.method} {request.path}")
        self.tokens.add(request.headers.get("authorization"))
        if request.path.startswith("/api/models/org/tiny"):
            names = [
                {"rfilename": name}
                for name in (*self.files, *self.hidden, "pytorch_model.bin", "evil.py", "onnx/model.onnx")
            ]
            return json_reply({"id": "org/tiny", "sha": COMMIT, "siblings": names})
        if request.path.startswith("/api/models/org/gated"):
            return Reply(403, {"X-Error-Code": "GatedRepo"}, [b"no"])
        if request.path.startswith("/api/models/org/broken"):
            return Reply(500, {}, [b"no"])
        revision, _, name = request.path.removeprefix("/org/tiny/resolve/").partition("/")
        content = self.files.get(name) if revision in (COMMIT, "main") else None
        if content is None:
            return Reply(404, {"X-Error-Code": "RepoNotFound"}, [])
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        if request.method == "HEAD":
            return Reply(200, headers, [], length=len(content))
        return Reply(200, headers, [content])


@pytest.fixture
def hub(tiny: Path) -> Iterator[tuple[Hub, str]]:
    model = Hub(tiny)
    with ScriptedServer(always=model) as server:
        yield model, server.url


@pytest.fixture
def hub_env(hub: tuple[Hub, str], tmp_path: Path) -> dict[str, str]:
    return {"HF_ENDPOINT": hub[1], "HF_HUB_CACHE": str(tmp_path / "cache")}


def test_a_model_of_the_hub_is_fetched_once_and_then_found_in_the_cache(
    hub: tuple[Hub, str], hub_env: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    with local("org/tiny", hub_env) as backend:
        first = backend.generate("hello", temperature=0)
    asked = len(hub[0].asked)

    with local("org/tiny", hub_env, offline=True) as again:
        assert again.health().ok
        assert again.generate("hello", temperature=0) == first

    assert len(hub[0].asked) == asked
    assert capfd.readouterr() == ("", "")


def test_neither_pickled_weights_nor_code_are_fetched(hub: tuple[Hub, str], hub_env: dict[str, str]) -> None:
    with local("org/tiny", hub_env) as backend:
        backend.generate("hello")

    fetched = {line.rsplit("/", 1)[1] for line in hub[0].asked if line.startswith("GET /org/")}
    assert "model.safetensors" in fetched
    assert not {name for name in fetched if name.endswith((".bin", ".py", ".onnx"))}


def test_all_files_but_the_last_are_those_of_one_commit(hub: tuple[Hub, str], hub_env: dict[str, str]) -> None:
    with local("org/tiny", hub_env) as backend:
        backend.generate("hello")

    fetched = [line for line in hub[0].asked if line.startswith("GET /org/")]
    assert fetched[-1] == "GET /org/tiny/resolve/main/config.json"
    assert all(f"/resolve/{COMMIT}/" in line for line in fetched[:-1])


def test_the_key_is_sent_to_the_hub_when_there_is_one(hub: tuple[Hub, str], hub_env: dict[str, str]) -> None:
    with local("org/tiny", {**hub_env, "HF_TOKEN": "hf_abcdefghijkl"}) as backend:
        backend.generate("hello")

    assert "Bearer hf_abcdefghijkl" in hub[0].tokens


@pytest.mark.parametrize(
    ("settings", "env", "reason"),
    [
        ({"offline": True}, {}, "offline is set"),
        ({}, {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ({}, {"TRANSFORMERS_OFFLINE": "true"}, "TRANSFORMERS_OFFLINE is set"),
        ({"privacy": "local_only"}, {}, "privacy is local_only"),
    ],
)
def test_nobody_is_asked_when_offline_or_private(
    hub: tuple[Hub, str], hub_env: dict[str, str], settings: dict[str, Any], env: dict[str, str], reason: str
) -> None:
    backend = local("org/tiny", {**hub_env, **env}, **settings)
    assert not backend.health().ok

    error = failure(backend)

    assert isinstance(error, ModelNotFoundError)
    assert reason in error.message
    assert "hf download org/tiny" in error.message
    assert hub[0].asked == []


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("org/unknown", ModelNotFoundError, "knows no model org/unknown"),
        ("org/gated", PermissionDeniedError, "gated"),
        ("org/broken", ProviderUnavailableError, "did not give org/broken"),
    ],
)
def test_a_refusal_of_the_hub_is_told_in_our_words(
    hub_env: dict[str, str], name: str, kind: type[BackendError], said: str
) -> None:
    error = failure(local(name, hub_env))

    assert isinstance(error, kind)
    assert said in error.message


def test_a_model_without_safe_weights_is_refused_before_anything_is_fetched(
    hub: tuple[Hub, str], hub_env: dict[str, str]
) -> None:
    del hub[0].files["model.safetensors"]

    error = failure(local("org/tiny", hub_env))

    assert "has no safetensors weights" in error.message
    assert len(hub[0].asked) == 1


def test_a_hub_that_cannot_be_reached_is_told_with_what_to_do(tmp_path: Path) -> None:
    env = {"HF_ENDPOINT": f"http://127.0.0.1:{closed_port()}", "HF_HUB_CACHE": str(tmp_path)}

    error = failure(local("org/tiny", env))

    assert isinstance(error, ModelNotFoundError)
    assert "cannot be reached" in error.message
    assert error.retryable


def test_a_hub_that_says_nothing_is_not_waited_for_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers_find, "_CONNECT_SECONDS", 0.2)
    with ScriptedServer(always=Reply(instead=Act.HANG)) as server:
        error = failure(local("org/tiny", {"HF_ENDPOINT": server.url, "HF_HUB_CACHE": str(tmp_path)}))

    assert isinstance(error, ModelNotFoundError)


def test_a_deadline_stops_the_fetching_between_two_files(hub: tuple[Hub, str], hub_env: dict[str, str]) -> None:
    wanted = Wanted("org/tiny", None, None, True, "", hub_env)

    with pytest.raises(BackendTimeoutError, match="hf download org/tiny"):
        find_files(wanted, deadline=0.0)


@pytest.mark.parametrize("lost", ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"])
def test_a_download_that_was_cut_short_is_not_taken_for_a_model_and_goes_on(
    hub: tuple[Hub, str], hub_env: dict[str, str], lost: str
) -> None:
    content = hub[0].files.pop(lost)
    hub[0].hidden = {lost}
    assert failure(local("org/tiny", hub_env))
    assert isinstance(failure(local("org/tiny", hub_env, offline=True)), ModelNotFoundError)

    hub[0].files[lost] = content
    hub[0].hidden = set()

    with local("org/tiny", hub_env) as backend:
        assert backend.generate("hello")


def test_a_key_is_in_no_message_and_no_repr(tmp_path: Path) -> None:
    wanted = Wanted("org/tiny", None, None, True, "", {"HF_TOKEN": "hf_secretsecret"}, "hf_secretsecret")
    env = {"HF_ENDPOINT": f"http://127.0.0.1:{closed_port()}", "HF_TOKEN": "hf_secretsecret"}

    error = failure(local("org/tiny", {**env, "HF_HUB_CACHE": str(tmp_path)}))

    assert "secretsecret" not in repr(wanted) + str(error) + repr(error)
