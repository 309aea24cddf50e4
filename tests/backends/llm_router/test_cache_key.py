"""The name of a response: all that shapes the answer and nothing else; a cid key is a CID."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multiformats import CID

from backends.exceptions import ConfigurationError
from backends.llm_router.cache_key import CID_BASES, KeyMaker, cid_of, response_document

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "system"]), "content": st.text()}), min_size=1
)
options = st.dictionaries(st.text(min_size=1), json_values, max_size=4)
calls = st.tuples(st.text(), st.none() | st.text(), messages, options)


def _shape(value: Any) -> Any:
    """Equality as JSON has it: 1, 1.0 and true differ; a mapping's order does not count."""
    if isinstance(value, dict):
        return frozenset((key, _shape(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(_shape(item) for item in value)
    return (type(value).__name__, repr(value))


@settings(max_examples=60)
@given(calls, calls)
def test_two_calls_share_a_key_exactly_when_they_are_the_same(one: Any, other: Any) -> None:
    same = response_document(*one) == response_document(*other)

    assert same == (_shape(list(one)) == _shape(list(other)))


@settings(max_examples=40)
@given(calls, st.randoms())
def test_the_order_of_options_does_not_count(call: Any, random: Any) -> None:
    identity, model, said, opts = call
    shuffled = list(opts.items())
    random.shuffle(shuffled)

    assert response_document(identity, model, said, dict(shuffled)) == response_document(*call)


@settings(max_examples=60)
@given(calls, st.none() | st.dictionaries(st.text(), json_values, max_size=2), st.dictionaries(st.text(), json_values))
def test_a_document_is_canonical_json(call: Any, schema: Any, message: dict[str, Any]) -> None:
    identity, model, said, opts = call
    said = (*said, message) if message else said

    canonical = json.dumps([identity, model, said, opts, schema], sort_keys=True, separators=(",", ":"))
    assert response_document(identity, model, said, opts, schema) == canonical.encode("ascii")


BASE = ("openai", "gpt-4", [{"role": "user", "content": "hi"}], {"temperature": 0, "max_tokens": 5}, None)


@pytest.mark.parametrize(
    "changed",
    [
        ("openrouter", *BASE[1:]),
        (BASE[0], "gpt-5", *BASE[2:]),
        (BASE[0], None, *BASE[2:]),
        (*BASE[:2], [{"role": "system", "content": "hi"}], *BASE[3:]),
        (*BASE[:3], {"temperature": 0.0, "max_tokens": 5}, None),
        (*BASE[:3], {"max_tokens": 5}, None),
        (*BASE[:4], {"type": "object"}),
    ],
    ids=["provider", "model", "no model", "role", "zero as float", "option left out", "schema"],
)
def test_an_entry_never_crosses_what_shapes_the_answer(changed: Any) -> None:
    assert response_document(*changed) != response_document(*BASE)


def test_what_has_no_json_form_has_no_name() -> None:
    assert response_document("p", None, [{"role": "user", "content": "x"}], {"tool": object()}) is None
    assert response_document("p", None, [{"role": "user", "content": "x"}], {"top_p": float("nan")}) is None


@given(st.binary())
def test_a_sha256_key_is_the_whole_hash(document: bytes) -> None:
    """The historical keys had 64 bits."""
    assert KeyMaker("sha256")(document) == hashlib.sha256(document).hexdigest()


@pytest.mark.parametrize("base", CID_BASES)
@given(document=st.binary())
def test_a_cid_key_is_a_cid(base: str, document: bytes) -> None:
    """Two of the three historical systems wrote something else and called it a CID."""
    cid = CID.decode(KeyMaker("cid", base)(document))

    assert (cid.version, cid.codec.name, cid.hashfun.name) == (1, "raw", "sha2-256")
    assert cid.raw_digest == hashlib.sha256(document).digest()
    assert cid.base.name == base


@given(st.binary(max_size=60))
def test_base32_is_the_standards(data: bytes) -> None:
    assert CID_BASES["base32"](data) == "b" + base64.b32encode(data).decode().rstrip("=").lower()


def test_the_cid_of_known_bytes_is_the_known_one() -> None:
    # `printf hello | ipfs add --cid-version=1 --raw-leaves -Q`
    assert cid_of(b"hello") == "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"


@pytest.mark.parametrize(("strategy", "base"), [("md5", "base32"), ("cid", "base31")])
def test_an_unknown_strategy_or_base_is_refused(strategy: str, base: str) -> None:
    with pytest.raises(ConfigurationError, match="must be"):
        KeyMaker(strategy, base)


def test_strategies_are_named_in_any_case() -> None:
    assert KeyMaker(" CID ", "BASE32").strategy == "cid"
