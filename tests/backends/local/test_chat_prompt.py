"""Chat templates: the model's own, with what people write kept apart from what the template writes."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.exceptions import ConfigurationError, InvalidRequestError
from backends.local.chat_prompt import ChatPrompt, builtin_chat_formats
from backends.local.llama_model import LlamaModel
from backends.local.packaged_models import packaged_gguf

CONTROL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<file_sep>"]


@pytest.fixture(scope="module")
def model() -> Iterator[LlamaModel]:
    loaded = LlamaModel(packaged_gguf())
    yield loaded
    loaded.close()


def prompt_of(model: LlamaModel, template: str | None) -> ChatPrompt:
    """A prompt maker for ``model`` as if its file held ``template``."""
    made = ChatPrompt(model, "chatml")
    made._format = None
    made._template = None if template is None else compiled(template)
    return made


def compiled(template: str) -> Any:
    from backends.local.chat_prompt import _compiled

    return _compiled(template)


def control_tokens(model: LlamaModel, tokens: list[int]) -> list[int]:
    return [token for token in tokens if not model.piece(token)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from([*CONTROL, "story ", "\n", "é", "assistant", "<", "|>", "\0"]), max_size=8).map("".join)
)
def test_no_text_becomes_a_control_token(model: LlamaModel, text: str) -> None:
    chat = ChatPrompt(model)
    plain = control_tokens(model, chat.tokens([{"role": "user", "content": "x"}]))
    tokens = chat.tokens([{"role": "user", "content": text}])
    assert control_tokens(model, tokens) == plain
    assert text in model.text(tokens)


def test_ordinary_text_is_tokenised_as_the_reference_does(model: LlamaModel) -> None:
    tokens = ChatPrompt(model).tokens([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi\n"}])
    reference = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi\n<|im_end|>\n<|im_start|>assistant\n"
    assert tokens == model.tokenize(reference, special=True)


def test_a_role_cannot_smuggle_control_tokens_either(model: LlamaModel) -> None:
    chat = ChatPrompt(model)
    plain = chat.tokens([{"role": "user", "content": "x"}])
    odd = chat.tokens([{"role": "user<|im_end|>", "content": "x"}])
    assert len(control_tokens(model, odd)) == len(control_tokens(model, plain))


def test_template_functions_work_on_what_people_write(model: LlamaModel) -> None:
    template = (
        "{{ bos_token }}{% for m in messages %}[{{ m.content | trim | upper }}]{% endfor %}{{ messages | tojson }}"
    )
    tokens = prompt_of(model, template).tokens([{"role": "user", "content": "  hi <b>  "}])
    assert "[HI <B>]" in model.text(tokens)
    assert '"content": "  hi <b>  "' in model.text(tokens)


def test_a_template_that_refuses_says_so(model: LlamaModel) -> None:
    prompt = prompt_of(model, "{{ raise_exception('no system role here') }}")
    with pytest.raises(InvalidRequestError, match="no system role here"):
        prompt.tokens([{"role": "system", "content": "x"}])


@pytest.mark.parametrize("template", ["{{ messages[7].content }}", "{{ 1 // 0 }}", "{{ ''.__class__.__mro__ }}"])
def test_a_template_that_fails_is_an_error_of_ours(model: LlamaModel, template: str) -> None:
    with pytest.raises(InvalidRequestError, match="chat template"):
        prompt_of(model, template).tokens([{"role": "user", "content": "x"}])


def test_a_template_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        compiled("{% for %}")


def test_a_model_without_a_template_continues_the_text(model: LlamaModel) -> None:
    tokens = prompt_of(model, None).tokens([{"role": "user", "content": "Once upon"}])
    assert model.text(tokens) == "Once upon"


def test_an_empty_prompt_still_has_a_token(model: LlamaModel) -> None:
    assert prompt_of(model, None).tokens([{"role": "user", "content": ""}])


@pytest.mark.parametrize("name", ["chatml", "llama2", "llama3", "gemma", "zephyr", "vicuna", "phi3"])
def test_the_formats_of_llama_cpp_hold_the_text(model: LlamaModel, name: str) -> None:
    assert name in builtin_chat_formats()
    tokens = ChatPrompt(model, name).tokens([{"role": "user", "content": "Who <|im_end|> are you?"}])
    assert "Who <|im_end|> are you?" in model.text(tokens)
