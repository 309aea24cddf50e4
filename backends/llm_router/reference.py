"""The reference pages of the router: environment variables and providers.

``python -m backends.llm_router.reference`` writes them into ``docs/reference``; tests keep them in step.
"""

from __future__ import annotations

from pathlib import Path

from backends.exceptions import BackendError
from backends.llm_router.aliases import ALIASES
from backends.llm_router.providers.base import ProviderContext, ProviderSpec
from backends.llm_router.registry import AUTO_ORDER, BUILTIN_PROVIDERS, ProviderRegistry
from backends.llm_router.route import ROUTE_KEYS
from backends.llm_router.settings import MODEL_VARIABLES, PREFIXES, VARIABLES
from backends.options import GENERATION_OPTIONS

__all__ = ["PAGES", "REFERENCE_FOLDER", "environment_page", "provider_page"]

REFERENCE_FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "reference"

_ELSEWHERE = ROUTE_KEYS | GENERATION_OPTIONS.keys() | {"rate_limit", "rate_limit_window"}


def environment_page() -> str:
    """Every variable that the backends and the router read."""
    lines = [
        "# Environment variables",
        "",
        "Written from the table in `backends/llm_router/settings.py` by `python -m backends.llm_router.reference`.",
        "",
        "A setting comes from the call's arguments, then the configuration file, then the environment. A name below",
        "is looked for with each of these prefixes, in this order: "
        + ", ".join(f"`{prefix}`" for prefix in PREFIXES)
        + ".",
        "Then the plain names, where there are some. A blank value counts as unset.",
        "",
        "| name | plain names | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for variable in VARIABLES.values():
        plain = ", ".join(f"`{name}`" for name in variable.plain)
        default = f"`{variable.default}`" if variable.default else ""
        secret = " (secret: never logged)" if variable.secret else ""
        lines.append(f"| `{variable.name}` | {plain} | {default} | {variable.meaning}{secret} |")
    return "\n".join([*lines, ""])


def provider_page() -> str:
    """Every built-in provider: its names, needs and keys."""
    specs = {name: ProviderRegistry().find(name).spec for name in BUILTIN_PROVIDERS}
    lines = [
        "# Providers",
        "",
        "Written from the providers' declarations by `python -m backends.llm_router.reference`.",
        "",
        "Names are taken in any case, with `-` or `_`. *Local* means that text stays on this machine; an API at a",
        "loopback address is local too. `huggingface` without a key is `local_hf`. Without a named provider they are",
        "asked in this order, as far as they are there, `workstation` before `local_hf` when no model is named:",
        ", ".join(f"`{name}`" for name in AUTO_ORDER) + ".",
        "",
        "| provider | also called | what it is | local | needs | variable of its model |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, spec in specs.items():
        aliases = ", ".join(f"`{alias}`" for alias, target in ALIASES.items() if target == name)
        model = f"`{MODEL_VARIABLES[name]}`" if name in MODEL_VARIABLES else ""
        needs = "; ".join(spec.needs)
        lines.append(f"| `{name}` | {aliases} | {spec.summary} | {'yes' if spec.local else ''} | {needs} | {model} |")
    lines += ["", "## Keys of each provider", "", "Beside the options of a call and the router's own keys.", ""]
    for name, spec in specs.items():
        lines.append(f"- `{name}`: " + (", ".join(f"`{key}`" for key in _keys(spec)) or "none"))
    return "\n".join([*lines, ""])


def _keys(spec: ProviderSpec) -> list[str]:
    try:
        with spec.create(ProviderContext(env={})) as backend:
            options = backend.known_options
    except BackendError:
        options = frozenset()  # made only where its package is; its settings are declared
    return sorted((spec.settings | options) - _ELSEWHERE)


PAGES = {"environment.md": environment_page, "providers.md": provider_page}

if __name__ == "__main__":
    REFERENCE_FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE_FOLDER / name).write_text(page(), encoding="utf-8")
