"""The JSON Schema that editors use says what the loader does."""

from __future__ import annotations

import json

import jsonschema
import pytest

from config.descriptions import DESCRIPTIONS
from config.entries import BACKEND_TYPES
from config.reference import REFERENCE_FILE, reference_page
from config.schema import SCHEMA_FILE, configuration_schema, schema_text

from .conftest import DATA, ROOT

FILES = [
    ROOT / "config.llm_router.json",
    *sorted((ROOT / "config" / "examples").glob("*.json")),
    *sorted(DATA.glob("document-*.json")),
]


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(configuration_schema())


def messages(validator, document):
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_the_file_is_what_the_models_say():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m config.schema"


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(configuration_schema())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_editor_finds_nothing_wrong_in_a_good_file(validator, file):
    assert messages(validator, json.loads(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "openia"},
        {"type": "openai", "temprature": 1},
        {"type": "openai", "temperature": 3},
        {"type": "openai", "temperature": "hot"},
        {"type": "openai", "max_tokens": 0},
        {"type": "workstation", "n_threads": 0},
        {"type": "llm_router", "load_balancing": "any"},
        {"type": "llm_router", "trace": "yes"},
    ],
    ids=str,
)
def test_an_editor_marks_what_the_loader_refuses(validator, settings):
    document = {"BACKENDS": [{"id": "a", **settings}]}
    assert messages(validator, document) != []


@pytest.mark.parametrize("value", ["${CTX}", "${CTX:-4096}", "env:CTX", 4096])
def test_a_number_may_be_a_reference(validator, value):
    assert messages(validator, {"BACKENDS": [{"id": "a", "type": "workstation", "n_ctx": value}]}) == []


@pytest.mark.parametrize("file", [FILES[0], *FILES[1:3]], ids=lambda file: file.name)
def test_the_schema_that_a_file_names_is_there(file):
    document = json.loads(file.read_text(encoding="utf-8"))
    assert (file.parent / document["$schema"]).resolve() == SCHEMA_FILE


def test_no_description_is_left_over():
    definitions = configuration_schema()["$defs"]
    known = {key for definition in definitions.values() for key in definition.get("properties", {})}
    described = {key for name, table in DESCRIPTIONS.items() if name != "Config" for key in table}
    assert described <= known


def test_the_reference_page_is_what_the_schema_says():
    assert REFERENCE_FILE.read_text(encoding="utf-8") == reference_page(), "run: python -m config.reference"


def test_the_reference_page_names_every_key():
    page = reference_page()
    keys = {key for kind in BACKEND_TYPES.values() for key in kind.model_fields} - {"type"}
    assert [key for key in keys if f"| `{key}` |" not in page] == []
