"""Hugging Face's hosted inference, through its OpenAI-compatible router. Local models are ``local_hf``."""

from __future__ import annotations

from backends.llm_router.providers.hosted import hosted_spec
from backends.llm_router.settings import names_of
from backends.openai import OPENAI_SETTINGS, OpenAICompatibleBackend

__all__ = ["SPEC", "HostedHuggingFaceBackend"]


class HostedHuggingFaceBackend(OpenAICompatibleBackend):
    """``model`` may name the inference provider too: ``org/model:provider``."""

    type = "huggingface"
    provider = "huggingface"
    base_url = "https://router.huggingface.co/v1"
    api_key_env = names_of("HUGGINGFACE_API_KEY")
    base_url_env = names_of("HUGGINGFACE_BASE_URL")
    key_hint = "HUGGINGFACE_API_KEY or HF_TOKEN"
    default_model = "meta-llama/Llama-3.1-8B-Instruct"


SPEC = hosted_spec(
    HostedHuggingFaceBackend,
    summary="Hugging Face's hosted inference",
    key="HUGGINGFACE_API_KEY",
    model="HUGGINGFACE_MODEL",
    base_url="HUGGINGFACE_BASE_URL",
    settings=OPENAI_SETTINGS,
)
