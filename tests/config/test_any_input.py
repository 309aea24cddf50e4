"""Whatever stands in the file: a configuration or problems, each on one line that has a place. Never a crash."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import ConfigProblems, load_config
from config.entries import BACKEND_TYPES
from config.models import Application, Config, Evidence, Log, Mediator

KEYS = sorted({
    *(key for kind in BACKEND_TYPES.values() for key in (*kind.model_fields, *kind.renamed)),
    *(key for section in (Application, Config, Evidence, Log, Mediator) for key in section.model_fields),
    "url", "usd", "best_of", "$schema",
})  # fmt: skip
WORDS = st.sampled_from([
    *BACKEND_TYPES, "a", "b", "", "local_only", "openai", "workstation", "${SET}", "${NOT_SET}", "${NOT_SET:-1}",
    "env:SET", "${", "$${", "true", "0", "http://x", "sqlite:///x", "kubo", "local", "cli", "DEBUG", "./x", "\0", "\n",
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4),
    max_leaves=12,
)
ENTRIES = st.builds(
    lambda name, kind, rest: {**rest, "id": name, "type": kind},
    st.sampled_from(["a", "b", "${SET}", 5]),
    st.sampled_from([*BACKEND_TYPES, "openia", None]),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4),
)
FILES = st.fixed_dictionaries(
    {"BACKENDS": st.lists(ENTRIES, max_size=3) | VALUES},
    optional={
        name: st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5) | VALUES
        for name in ("MEDIATOR", "APPLICATION", "LOG", "EVIDENCE")
    },
)


def told(tmp_path_factory, content: str | bytes) -> list[str]:
    """The lines about a file; none when it is good."""
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        config = load_config(file, env={"SET": "7"})
    except ConfigProblems as error:
        return [str(problem) for problem in error.problems]
    for entry in config.BACKENDS:
        entry.arguments()
    return []


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(FILES)
def test_any_json_of_nearly_the_right_shape(tmp_path_factory, content):
    for line in told(tmp_path_factory, json.dumps(content)):
        assert line.isprintable()
        assert "any.json:" in line


@settings(deadline=None)
@given(VALUES)
def test_any_json(tmp_path_factory, content):
    told(tmp_path_factory, json.dumps(content))


@settings(deadline=None)
@given(st.binary() | st.text(alphabet='{}[],:"\\ \n1eE-.tfnulrs', max_size=40).map(str.encode))
def test_any_bytes(tmp_path_factory, content):
    assert told(tmp_path_factory, content) != []
