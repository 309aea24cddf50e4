"""References to environment variables: what they become, and that what a variable holds stays data."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.expand import Expanded, ReferenceFormError, UnsetVariableError, expand

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
WORDS = st.text(alphabet=string.ascii_letters + string.digits + " /.:-", max_size=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${KEY}", "value"),
        ("Bearer ${KEY}", "Bearer value"),
        ("${KEY}${KEY}", "valuevalue"),
        ("env:KEY", "value"),
        ("${KEY:-default}", "value"),
        ("${NOT_SET:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("env:EMPTY", ""),
        ("${NOT_SET:-}", ""),
        ("${NOT_SET:-${KEY}}", "value"),
        ("${NOT_SET:-${ALSO_NOT:-last}}/x", "last/x"),
        ('${NOT_SET:-{"a":{}}}', '{"a":{}}'),
        ("$${KEY}", "${KEY}"),
        ("$$${KEY}", "$${KEY}"),
        ("${NOT_SET:-$${KEY}}", "${KEY}"),
        ("${KEY:-$${OTHER}}/x", "value/x"),
        ("${NOT_SET:-env:KEY}", "env:KEY"),
        ("${REFERENCE}", "${KEY}"),
    ],
)
def test_references_become_what_they_stand_for(text, expected):
    env = {"KEY": "value", "EMPTY": "", "REFERENCE": "${KEY}"}
    assert expand(text, env) == expected


@pytest.mark.parametrize("text", ["", "$", "$KEY", "{KEY}", "env: KEY", "see env:KEY", "costs $5 {or} so", "a}b"])
def test_what_is_no_reference_stays_the_same_object(text):
    assert expand(text, {"KEY": "value"}) is text


@pytest.mark.parametrize(
    "text",
    ["${", "${}", "${1A}", "${A", "${A-b}", "${A:b}", "${A:-b", "${ A}", "${A:-${B}", "env:", "env:1", "env:A-B"],
)
def test_a_broken_reference_is_told_apart_from_text(text):
    with pytest.raises(ReferenceFormError):
        expand(text, {"A": "a", "B": "b"})


def test_all_unset_variables_of_a_text_are_named_once():
    with pytest.raises(UnsetVariableError) as caught:
        expand("${A}/${B}/${A}/${C:-c}/${D:-${E}}", {})
    assert caught.value.names == ("A", "B", "D or E")


def test_an_unused_default_may_name_what_is_not_set():
    assert expand("${A:-${B}}", {"A": "a"}) == "a"


def test_references_nested_without_end_are_refused():
    with pytest.raises(ReferenceFormError, match="nested deeper"):
        expand("${A:-" * 5000 + "}" * 5000, {})


def test_an_expansion_remembers_what_stood_in_the_file():
    text = expand("Bearer ${KEY}", {"KEY": "value"})
    assert isinstance(text, Expanded)
    assert text.source == "Bearer ${KEY}"


@given(st.text().filter(lambda text: "${" not in text and not text.startswith("env:")))
def test_text_without_references_never_changes(text):
    assert expand(text, {}) is text


@given(NAMES, st.text())
def test_what_a_variable_holds_is_never_expanded_again(name, value):
    assert expand(f"${{{name}}}", {name: value}) == value
    assert expand(f"env:{name}", {name: value}) == value


@given(st.text().filter(lambda text: not text.startswith("env:")))
def test_an_escaped_text_comes_back_as_it_was(text):
    assert expand(text.replace("${", "$${"), {}) == text


@given(NAMES, WORDS, WORDS, WORDS)
def test_a_default_is_used_exactly_when_the_variable_is_unset_or_empty(name, before, default, value):
    text = f"x{before}${{{name}:-{default}}}"
    assert expand(text, {}) == f"x{before}{default}"
    assert expand(text, {name: value}) == f"x{before}{value or default}"


@given(st.text(alphabet="${}:-AB_ env", max_size=24))
def test_no_text_is_a_crash(text):
    try:
        result = expand(text, {"A": "a"})
    except (ReferenceFormError, UnsetVariableError):
        return
    assert isinstance(result, str)
