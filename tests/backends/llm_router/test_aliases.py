"""Names of providers: every name of the documents, in any case, leads to one provider."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.llm_router.aliases import ALIASES, canonical_name
from backends.llm_router.registry import AUTO_ORDER, BUILTIN_PROVIDERS, ProviderRegistry

#: Every provider name of the specification's documents.
DOCUMENTED = {
    "openrouter": "openrouter",
    "openai": "openai",
    "huggingface": "huggingface",
    "hf": "huggingface",
    "local_hf": "local_hf",
    "codex": "codex_cli",
    "codex_cli": "codex_cli",
    "copilot_cli": "copilot_cli",
    "copilot_sdk": "copilot_sdk",
    "gemini": "gemini_cli",
    "gemini_cli": "gemini_cli",
    "gemini_py": "gemini_py",
    "claude": "claude_code",
    "claude_code": "claude_code",
    "claude_py": "claude_py",
    "backend_manager": "backend_manager",
    "accelerate": "accelerate",
    "ipfs_accelerate_py": "accelerate",
    "ipfs_datasets_py": "ipfs_datasets_py",
    "ipfs_peer": "ipfs_peer",
    "ipfs_peers": "ipfs_peer",
    "workstation": "workstation",
    "mock": "mock",
}


@pytest.mark.parametrize(("name", "canonical"), DOCUMENTED.items())
def test_every_documented_name_leads_to_its_provider(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical


@given(st.sampled_from([*ALIASES, *BUILTIN_PROVIDERS]), st.randoms())
def test_names_do_not_know_case_dashes_or_outer_blanks(name: str, random: object) -> None:
    varied = "".join(random.choice((c.upper(), c.lower())) for c in name)  # type: ignore[attr-defined]

    assert canonical_name(f" {varied.replace('_', '-')}\t") == canonical_name(name)


@given(st.text())
def test_a_canonical_name_is_its_own_canonical_name(name: str) -> None:
    assert canonical_name(canonical_name(name)) == canonical_name(name)


def test_every_alias_leads_to_a_built_in_provider_and_hides_none() -> None:
    assert set(ALIASES.values()) <= set(BUILTIN_PROVIDERS)
    assert not set(ALIASES) & set(BUILTIN_PROVIDERS)


@pytest.mark.parametrize("name", BUILTIN_PROVIDERS)
def test_every_built_in_provider_has_its_file_and_its_declared_name(name: str) -> None:
    spec = ProviderRegistry().find(name).spec

    assert spec.name == name
    assert spec.summary


def test_the_automatic_choice_knows_every_provider_but_the_mock() -> None:
    assert set(AUTO_ORDER) == set(BUILTIN_PROVIDERS) - {"mock"}
