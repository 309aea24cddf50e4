"""The names of providers: one canonical name each, and every other name that people use, in any case.

The table holds the names of all systems whose configurations are read here. ``-`` and ``_`` are the same.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ALIASES", "canonical_name"]

#: Other name -> canonical name. A canonical name is its provider's file in ``providers/``.
ALIASES: Mapping[str, str] = {
    "open_router": "openrouter",
    "open_ai": "openai",
    "gpt": "openai",
    "hf": "huggingface",
    "hugging_face": "huggingface",
    "huggingface_local": "local_hf",
    "hf_local": "local_hf",
    "transformers": "local_hf",
    "codex": "codex_cli",
    "openai_codex": "codex_cli",
    "copilot": "copilot_cli",
    "github_copilot": "copilot_cli",
    "copilotcli": "copilot_cli",
    "copilotsdk": "copilot_sdk",
    "gemini": "gemini_cli",
    "gemini_sdk": "gemini_py",
    "gemini_python": "gemini_py",
    "google": "gemini_py",
    "claude": "claude_code",
    "claude_cli": "claude_code",
    "claude_python": "claude_py",
    "anthropic": "claude_py",
    "inference_backend_manager": "backend_manager",
    "ipfs_accelerate_py": "accelerate",
    "ipfs_accelerate": "accelerate",
    "ipfs_datasets": "ipfs_datasets_py",
    "ipfs_peers": "ipfs_peer",
    "peer": "ipfs_peer",
    "peers": "ipfs_peer",
    "llama_cpp": "workstation",
    "llamacpp": "workstation",
    "gguf": "workstation",
}


def canonical_name(name: str) -> str:
    """The canonical name; an unknown name only loses its case, dashes and outer blanks."""
    plain = name.strip().lower().replace("-", "_")
    return ALIASES.get(plain, plain)
