"""Random JSON Schemas of the kind that people write, bounded and with short names, so that a document ends soon.

A name of eight characters from all of Unicode is some thirty tokens that the grammar leaves no choice about: longer
names made the documents twice as long and showed nothing new.
"""

from typing import Any

from hypothesis import strategies as st

_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=3)
_ANNOTATIONS = st.fixed_dictionaries({}, optional={"title": _NAMES, "description": _NAMES, "default": st.none()})


_PATTERNS = [
    r"^[A-Z]{2}-\d{2,4}$",
    r"^(yes|no|not sure)$",
    r"^[^\s@]+@[a-z]+\.org$",
    r"\d{2}",
    r"^.?\w+",
    r"^(\d{4}-\d{2}|unknown)$",
    r"é+",
]


def _strings() -> st.SearchStrategy[dict[str, Any]]:
    lengths = st.tuples(st.integers(0, 4), st.integers(4, 8)).map(
        lambda pair: {"minLength": pair[0], "maxLength": pair[1]}
    )
    formats = st.sampled_from(["date", "time", "date-time", "uuid"]).map(lambda name: {"format": name})
    patterns = st.sampled_from(_PATTERNS).map(lambda pattern: {"pattern": pattern, "maxLength": 12})
    return (lengths | formats | patterns).map(lambda rest: {"type": "string", **rest})


def _integers() -> st.SearchStrategy[dict[str, Any]]:
    bounds = st.lists(st.integers(-2_000, 2_000), min_size=2, max_size=2, unique=True).map(sorted)
    return bounds.flatmap(
        lambda pair: st.sampled_from(
            [
                {"type": "integer", "minimum": pair[0], "maximum": pair[1]},
                {"type": "integer", "exclusiveMinimum": pair[0], "maximum": pair[1]},
                {"type": "integer", "minimum": pair[0]},
                {"type": "integer", "exclusiveMaximum": pair[1]},
                {"type": "number", "minimum": pair[0], "maximum": pair[1]},
                {"type": "number", "exclusiveMinimum": pair[0], "exclusiveMaximum": pair[1]},
                {"type": "number", "minimum": pair[0] + 0.5},
                {"type": "number"},
                {"type": "integer"},
                {"type": "integer", "multipleOf": 2 + abs(pair[0]) % 60},
                {"type": "integer", "multipleOf": 5, "minimum": pair[0], "maximum": pair[1] + 5},
                {"type": "number", "multipleOf": 0.25, "minimum": pair[0]},
            ]
        )
    )


def _constants() -> st.SearchStrategy[dict[str, Any]]:
    values = st.none() | st.booleans() | st.integers(-99, 99) | _NAMES | st.lists(st.integers(0, 9), max_size=2)
    return st.lists(values, min_size=1, max_size=4).map(lambda found: {"enum": found}) | values.map(
        lambda value: {"const": value}
    )


def _leaves() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        _strings(), _integers(), _constants(), st.just({"type": "boolean"}), st.just({"type": ["null", "boolean"]})
    )


def _objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(_NAMES, inner, min_size=1, max_size=3).flatmap(
        lambda properties: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.just(properties),
                "required": st.lists(st.sampled_from(sorted(properties)), unique=True),
            },
            optional={"additionalProperties": st.just(False)},
        )
    )


def _arrays(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    lengths = st.tuples(st.integers(0, 2), st.integers(2, 3))
    plain = st.tuples(inner, lengths).map(
        lambda found: {"type": "array", "items": found[0], "minItems": found[1][0], "maxItems": found[1][1]}
    )
    fixed = st.tuples(st.lists(inner, min_size=1, max_size=2), lengths).map(
        lambda found: {"type": "array", "prefixItems": found[0], "minItems": found[1][0], "maxItems": found[1][1]}
    )
    return plain | fixed.map(lambda schema: {**schema, "items": {"type": "boolean"}})


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Objects, arrays, alternatives and references, three levels deep at most."""
    inner = st.recursive(
        _leaves(),
        lambda smaller: st.one_of(
            _objects(smaller),
            _arrays(smaller),
            st.lists(smaller, min_size=1, max_size=2).map(lambda found: {"anyOf": found}),
        ),
        max_leaves=3,
    )
    annotated = st.tuples(_objects(inner), _ANNOTATIONS).map(lambda found: {**found[1], **found[0]})
    referring = st.tuples(inner, inner).map(
        lambda found: {
            "type": "object",
            "$defs": {"Thing/~1": found[0]},
            "properties": {"a": {"$ref": "#/$defs/Thing~1~01"}, "b": found[1]},
            "required": ["a"],
        }
    )
    return annotated | referring | inner
