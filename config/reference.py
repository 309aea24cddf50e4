"""The reference page of the configuration: every key, what it takes, what it means.

``python -m config.reference`` writes ``docs/reference/configuration.md``; a test keeps the page in step.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.entries import BACKEND_TYPES
from config.schema import configuration_schema

__all__ = ["REFERENCE_FILE", "reference_page"]

REFERENCE_FILE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "configuration.md"

_HEAD = """# The configuration file

Written from `config/` by `python -m config.reference`; a test holds it. Editors complete the file when its first line
is `"$schema": "config/schema.json"`. Examples: `config/examples/`. What the words mean where that is not plain:
`docs/decisions/0011-configuration-meaning.md`.

Any text may hold `${NAME}` or `${NAME:-default}`, or be `env:NAME`; `$${` is a literal `${`. Keys and tokens are never
shown. Relative paths are relative to the file's folder. `null` and leaving a key out are the same.
"""
_SECTIONS = {
    "MEDIATOR": "Mediator",
    "APPLICATION": "Application",
    "LOG": "Log",
    "EVIDENCE": "Evidence",
    "SERVER": "Server",
}
_PARTS = ("Budget", "Price", "Fallback", "Endpoint")


def reference_page() -> str:
    """The page as text."""
    schema = configuration_schema()
    lines = [_HEAD, *_table("Sections", schema)]
    for section, name in _SECTIONS.items():
        lines += _table(f"`{section}`", schema["$defs"][name])
    common = set.intersection(*(set(kind.model_fields) for kind in BACKEND_TYPES.values())) - {"type"}
    entries = {word: schema["$defs"][kind.__name__] for word, kind in BACKEND_TYPES.items()}
    lines += _table("Every entry of `BACKENDS`", entries["openai"], only=common)
    for word, definition in entries.items():
        lines += _table(f'An entry of type `"{word}"` also takes', definition, without=common)
    for name in _PARTS:
        lines += _table(f"`{name.lower()}`", schema["$defs"][name])
    return "\n".join(lines) + "\n"


def _table(
    title: str, definition: dict[str, Any], *, only: set[str] | None = None, without: set[str] | None = None
) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| key | takes | meaning |"
    yield "| --- | --- | --- |"
    required = set(definition.get("required", []))
    for key, shape in definition["properties"].items():
        if key == "$schema" or (only is not None and key not in only) or (without is not None and key in without):
            continue
        need = " **(needed)**" if key in required else ""
        yield f"| `{key}` | {_takes(shape)} | {shape['description']}{need} |"
    yield ""


def _takes(shape: dict[str, Any]) -> str:
    """What a value may be, in words."""
    if "enum" in shape:
        # The aliases of providers fill a page; the router's own page lists them.
        return "name" if len(shape["enum"]) > 12 else ", ".join(f"`{value}`" for value in shape["enum"])
    if "const" in shape:
        return f"`{shape['const']}`"
    if "anyOf" in shape:
        choices = [choice for choice in shape["anyOf"] if choice.get("type") != "null" and "pattern" not in choice]
        return " or ".join(dict.fromkeys(_takes(choice) for choice in choices)) or "anything"
    if "$ref" in shape:
        return "object" if not shape["$ref"].endswith("JsonValue") else "anything"
    return _plain(shape)


def _plain(shape: dict[str, Any]) -> str:
    kind = shape.get("type")
    if kind in ("integer", "number"):
        word = "whole number" if kind == "integer" else "number"
        low, high = shape.get("minimum"), shape.get("maximum")
        if "exclusiveMinimum" in shape:
            return f"{word} above {shape['exclusiveMinimum']:g}"
        if low is not None and high is not None:
            return f"{word}, {low:g} to {high:g}"
        return word if low is None else f"{word}, {low:g} or more"
    names = {"string": "text", "boolean": "`true`, `false`", "object": "object", "array": "list"}
    return names.get(str(kind), "anything")


if __name__ == "__main__":
    REFERENCE_FILE.parent.mkdir(parents=True, exist_ok=True)
    REFERENCE_FILE.write_text(reference_page(), encoding="utf-8")
