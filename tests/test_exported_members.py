"""The public names of the public packages. A change here is a change for users: CHANGELOG.md says so."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
PUBLIC = {
    "backends": """
        AllProvidersFailedError Attempt AuthenticationError Backend BackendError BackendTimeoutError BatchError
        BudgetExceededError Completion ConfigurationError ContentFilteredError ContextLengthError Health
        HuggingFaceBackend InvalidRequestError LLMRouterBackend MalformedResponseError ModelNotFoundError OpenAIBackend
        PermissionDeniedError PrivacyError ProviderUnavailableError RateLimitError Usage WorkstationBackend""",
    "backends.base": "AsyncBackend Backend ThreadedBackend check_messages",
    "backends.exceptions": """
        AllProvidersFailedError AuthenticationError BackendError BackendTimeoutError BatchError
        BudgetExceededError ConfigurationError ContentFilteredError ContextLengthError InvalidRequestError
        MalformedResponseError ModelNotFoundError PermissionDeniedError PrivacyError ProviderUnavailableError
        RateLimitError redact""",
    "backends.openaibackend": "OpenAIBackend",
    "backends.llm_router": """Availability ProviderContext ProviderInfo ProviderSpec RouterDeps acomplete_text
        agenerate_text astream_text clear_llm_router_caches complete_text generate_text get_default_router_deps
        get_llm_provider list_llm_providers register_llm_provider set_default_router_deps stream_text
        unregister_llm_provider""",
    "config": """Config ConfigProblems Problem build_backend build_evidence_store build_mediator build_office
        default_config_path load_config preflight_backend state_folder""",
    "mediator": """CaseView ClaimReport Mediator MediatorError NotFoundError NothingToReadError SessionBusyError
        SessionError SessionKeyError SetupError""",
    "mediator.office": "Case CaseBook CaseInfo EngineInfo EngineSpec Office RenderedFile",
}
#: Test runners and tools look at these by name; they offer nothing to import.
NO_NAMES = {"__main__.py", "__init__.py"}


@pytest.mark.parametrize("package", PUBLIC)
def test_the_public_names_are_these(package):
    assert sorted(importlib.import_module(package).__all__) == sorted(PUBLIC[package].split())


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_there(package):
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_every_public_module_says_what_it_offers():
    modules = [
        file
        for root in ("backends", "config", "mediator", "commands")
        for file in sorted((HOME / root).rglob("*.py"))
        if file.name not in NO_NAMES and not file.name.startswith("_") and "migrations" not in file.parts
    ]
    silent = [str(file.relative_to(HOME)) for file in modules if not says_what_it_offers(file)]
    assert modules
    assert silent == []


def test_every_module_says_what_it_is_for():
    files = [file for root in ("backends", "config", "mediator", "commands") for file in (HOME / root).rglob("*.py")]
    written = [file for file in files if file.read_bytes().strip()]
    assert [str(file) for file in written if ast.get_docstring(ast.parse(file.read_bytes())) is None] == []


def says_what_it_offers(file: Path) -> bool:
    assigned = [node for node in ast.parse(file.read_bytes()).body if isinstance(node, ast.Assign)]
    return any(getattr(target, "id", "") == "__all__" for node in assigned for target in node.targets)
