"""The JSON Schema of a configuration, so that editors complete and check the file while it is written.

``python -m config.schema`` writes ``config/schema.json``; a test keeps the file in step with the models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from config.descriptions import DESCRIPTIONS
from config.entries import BACKEND_TYPES
from config.models import Config
from config.providers import built_in_providers

__all__ = ["SCHEMA_FILE", "configuration_schema", "schema_text"]

SCHEMA_FILE = Path(__file__).with_name("schema.json")
_REFERENCE = {"type": "string", "pattern": r"\$\{|^env:", "description": "A reference to an environment variable."}
#: These name what the rest of the object is; a reference there would leave an editor without help.
_NO_REFERENCE = frozenset({"type", "id"})


def configuration_schema() -> dict[str, Any]:
    """The schema as data."""
    schema = Config.model_json_schema(mode="validation")
    for name, definition in schema["$defs"].items():
        if name in DESCRIPTIONS:
            _finish(name, definition)
    _finish("Config", schema)
    schema["properties"]["$schema"] = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of the complaint generator",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def schema_text() -> str:
    """The schema as the file has it."""
    return json.dumps(configuration_schema(), indent=1, sort_keys=True) + "\n"


def _finish(name: str, definition: dict[str, Any]) -> None:
    """Give the properties their descriptions, historical names and the right to be a reference."""
    texts = {**(DESCRIPTIONS[""] if name.endswith("Entry") else {}), **DESCRIPTIONS[name]}
    definition.pop("title", None)
    properties = definition["properties"]
    for key, shape in properties.items():
        shape.pop("title", None)
        if shape.get("default", {}) is None or isinstance(shape.get("default"), dict):
            del shape["default"]
        if key == "BACKENDS":
            shape["minItems"] = 1
        if key == "endpoints":
            listed = shape["anyOf"][0]
            listed["items"] = {"anyOf": [{"type": "string", "minLength": 1}, listed["items"]]}
        if key == "provider":
            shape["anyOf"] = [{"enum": sorted(built_in_providers())}, *shape.get("anyOf", [])]
        if key not in _NO_REFERENCE and name != "Config":
            shape = _or_reference(shape)  # stored below
        properties[key] = {**shape, "description": texts[key]}
    entry = next((kind for kind in BACKEND_TYPES.values() if kind.__name__ == name), None)
    for old, new in entry.renamed.items() if entry else ():
        properties[old] = {**properties[new], "deprecated": True, "description": f'The old name of "{new}".'}


def _or_reference(shape: dict[str, Any]) -> dict[str, Any]:
    """``shape``, or text with ``${NAME}`` in it where the shape does not take any text anyway."""
    rest = {"default": shape["default"]} if "default" in shape else {}
    choices = shape.get("anyOf", [{key: value for key, value in shape.items() if key != "default"}])
    words = [choice for choice in choices if "enum" in choice or "const" in choice]
    numbers = [choice for choice in choices if choice.get("type") in ("integer", "number", "boolean")]
    texts = [choice for choice in choices if choice.get("type") == "string" and choice not in words]
    return {"anyOf": [*choices, _REFERENCE], **rest} if (words or numbers) and not texts else shape


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
