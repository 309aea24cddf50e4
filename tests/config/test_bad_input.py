"""Each kind of bad input and the exact line that a person sees for it."""

# ruff: noqa: E501  # a table with one case a line is easier to read than a wrapped one
from __future__ import annotations

import json

import pytest

from backends.exceptions import ConfigurationError
from config import ConfigProblems, load_config

GOOD = {"BACKENDS": [{"id": "a", "type": "workstation"}], "MEDIATOR": {"backends": ["a"]}}


def entry(**settings):
    """A configuration with one backend, on one line so that columns are easy to see."""
    return json.dumps({"BACKENDS": [{"id": "a", **settings}], "MEDIATOR": {"backends": ["a"]}})


def without_place(line):
    return line.split(": ", 1)[1]


# -- the file ---------------------------------------------------------------------------------


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigProblems) as caught:
        load_config(tmp_path / "none.json", env={})
    assert str(caught.value) == f"{tmp_path}/none.json: there is no such file"


def test_a_missing_file_with_a_neighbour_of_nearly_that_name(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigProblems) as caught:
        load_config(tmp_path / "confg.json", env={})
    assert str(caught.value) == f'{tmp_path}/confg.json: there is no such file (did you mean "config.json"?)'


def test_a_missing_folder(tmp_path):
    with pytest.raises(ConfigProblems, match="there is no such file"):
        load_config(tmp_path / "none" / "config.json", env={})


def test_a_directory(tmp_path):
    with pytest.raises(ConfigProblems) as caught:
        load_config(tmp_path, env={})
    assert str(caught.value) == f"{tmp_path}: this is a directory; name a JSON file in it"


def test_a_path_that_cannot_be_one(tmp_path):
    with pytest.raises(ConfigProblems, match="cannot be read"):
        load_config(f"{tmp_path}/a\0b", env={})


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "config.json: the file is empty; see config/examples/ for what it may say"),
        (" \n\n", "config.json: the file is empty; see config/examples/ for what it may say"),
        (b"\xff\xfe{\x00}\x00", "config.json:1:1: the file is UTF-16; save it as UTF-8"),
        (b'{"BACKENDS":\n  "\xe9"}', "config.json:2:4: the file is not UTF-8 (byte 0xe9 here)"),
        ("[]", 'config.json:1:1: the file must hold one JSON object with "BACKENDS" and "MEDIATOR"'),
        ("null", 'config.json:1:1: the file must hold one JSON object with "BACKENDS" and "MEDIATOR"'),
        ('{"a": 1,}', "config.json:1:9: the JSON is broken here: there is a comma before the closing bracket"),
        ('{"a": [1,\n]}', "config.json:2:1: the JSON is broken here: there is a comma before the closing bracket"),
        ("{\n  // no\n}", "config.json:2:3: the JSON is broken here: it may hold no comments"),
        ("{'a': 1}", 'config.json:1:2: the JSON is broken here: strings stand in double quotes ("), not single ones'),
        ('{"a": {', "config.json:1:8: the JSON is broken here: the file ends too early"),
        ('{"a" 1}', "config.json:1:6: the JSON is broken here: expecting ':' delimiter"),
        ('{"a": "b}', "config.json:1:7: the JSON is broken here: unterminated string"),
        ('{"a": 1} x', "config.json:1:10: the JSON is broken here: extra data"),
        ('{"a": NaN}', "config.json:1:7: a is NaN, which is no JSON number"),
        ('{"a": [1, -Infinity]}', "config.json:1:11: a[1] is -Infinity, which is no JSON number"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "config.json:1:24: b.c stands twice"),
        ("[" * 100_000, "config.json: the JSON is nested deeper than 32 levels"),
        (
            '{"a": ' + "[" * 40 + "]" * 40 + "}",
            "config.json:1:38: the JSON is nested deeper than 32 levels",
        ),
        ('{"a": ' + "1" * 5000 + "}", "config.json: the JSON holds a number of too many digits"),
    ],
)
def test_a_file_that_is_no_configuration(lines, content, line):
    assert lines(content) == [line]


def test_a_byte_order_mark_does_no_harm(load):
    assert load(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()).used_ids == ("a",)


# -- keys and values --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"type": "openia"}, 'BACKENDS[0].type must be one of "llm_router", "openai", "huggingface", "workstation", not "openia" (did you mean "openai"?)'),
        ({"type": 5}, 'BACKENDS[0].type must be one of "llm_router", "openai", "huggingface", "workstation", not 5'),
        ({}, 'BACKENDS[0].type is missing; it is one of "llm_router", "openai", "huggingface", "workstation"'),
        ({"type": "openai", "temprature": 1}, 'BACKENDS[0].temprature is not a known key (did you mean "temperature"?)'),
        ({"type": "openai", "n_ctx": 1}, 'BACKENDS[0].n_ctx is not a known key of this type; it belongs to "llm_router", "workstation"'),
        ({"type": "openai", "zzz": 1}, "BACKENDS[0].zzz is not a known key"),
        ({"type": "openai", "odd key": 1}, 'BACKENDS[0]["odd key"] is not a known key'),
        ({"type": "openai", "temperature": 2.5}, "BACKENDS[0].temperature must be between 0 and 2, not 2.5"),
        ({"type": "openai", "temperature": -0.1}, "BACKENDS[0].temperature must be between 0 and 2, not -0.1"),
        ({"type": "openai", "temperature": "hot"}, 'BACKENDS[0].temperature must be a number, between 0 and 2, not "hot"'),
        ({"type": "openai", "temperature": "1"}, 'BACKENDS[0].temperature must be a number, between 0 and 2, not "1"'),
        ({"type": "openai", "temperature": True}, "BACKENDS[0].temperature must be a number, between 0 and 2, not true"),
        ({"type": "openai", "max_tokens": 0}, "BACKENDS[0].max_tokens must be 1 or more, not 0"),
        ({"type": "openai", "max_tokens": -5}, "BACKENDS[0].max_tokens must be 1 or more, not -5"),
        ({"type": "openai", "max_tokens": 1.5}, "BACKENDS[0].max_tokens must be a whole number, 1 or more, not 1.5"),
        ({"type": "openai", "max_tokens": [1]}, "BACKENDS[0].max_tokens must be a whole number, 1 or more, not a list"),
        ({"type": "openai", "top_p": 1.1}, "BACKENDS[0].top_p must be between 0 and 1, not 1.1"),
        ({"type": "openai", "frequency_penalty": 3}, "BACKENDS[0].frequency_penalty must be between -2 and 2, not 3"),
        ({"type": "openai", "presence_penalty": -3}, "BACKENDS[0].presence_penalty must be between -2 and 2, not -3"),
        ({"type": "openai", "stop": [""]}, "BACKENDS[0].stop must be a non-empty string or a list of them, not a list"),
        ({"type": "openai", "timeout": 0}, "BACKENDS[0].timeout must be a number of seconds above 0, not 0"),
        ({"type": "openai", "rate_limit": 0}, "BACKENDS[0].rate_limit must be 1 or more, not 0"),
        ({"type": "openai", "rate_limit_window": 0}, "BACKENDS[0].rate_limit_window must be a number of seconds above 0, not 0"),
        ({"type": "openai", "max_retries": -1}, "BACKENDS[0].max_retries must be 0 or more, not -1"),
        ({"type": "openai", "retry_base_delay": -1}, "BACKENDS[0].retry_base_delay must be a number of seconds, 0 or more, not -1"),
        ({"type": "openai", "verbose": "yes"}, 'BACKENDS[0].verbose must be true or false, not "yes"'),
        ({"type": "openai", "model": 4}, "BACKENDS[0].model must be text, not 4"),
        ({"type": "openai", "model": ""}, "BACKENDS[0].model must not be empty"),
        ({"type": "openai", "engine": 4}, "BACKENDS[0].engine must be text, not 4"),
        ({"type": "openai", "engine": "a", "model": "b"}, 'BACKENDS[0].engine is the old name of "model"; keep one of them'),
        ({"type": "openai", "best_of": 3}, "BACKENDS[0].best_of can only be 1, not 3; leave it out"),
        ({"type": "openai", "api": "chats"}, 'BACKENDS[0].api must be one of "chat", "responses", not "chats" (did you mean "chat"?)'),
        ({"type": "openai", "api_key": 5}, "BACKENDS[0].api_key must be text, not [redacted]"),
        ({"type": "openai", "base_url": "api.example.com"}, 'BACKENDS[0].base_url must be an address that begins with http:// or https://, not "api.example.com"'),
        ({"type": "openai", "base_url": "http://x:port/"}, 'BACKENDS[0].base_url must be an address that begins with http:// or https://, not "http://x:port/"'),
        ({"type": "openai", "base_url": "https://me:pw@x/"}, "BACKENDS[0].base_url must not hold a user or password; use api_key or headers"),
        ({"type": "openai", "headers": {"X": 5}}, "BACKENDS[0].headers.X must be text, not [redacted]"),
        ({"type": "openai", "headers": ["x"]}, "BACKENDS[0].headers must be an object, not a list"),
        ({"type": "openai", "privacy": "local"}, 'BACKENDS[0].privacy must be "local_only", not "local" (did you mean "local_only"?)'),
        ({"type": "openai", "model": "${"}, 'BACKENDS[0].model: a "${" begins no reference; write ${NAME} or ${NAME:-default}, or $${ for a literal ${'),
        ({"type": "workstation", "n_threads": 0}, "BACKENDS[0].n_threads must be 1 or more, not 0"),
        ({"type": "workstation", "n_ctx": -1}, "BACKENDS[0].n_ctx must be 1 or more, not -1"),
        ({"type": "workstation", "n_gpu_layers": -2}, "BACKENDS[0].n_gpu_layers must be -1 or more, not -2"),
        ({"type": "workstation", "model_path": 5}, "BACKENDS[0].model_path must be a path, not 5"),
        ({"type": "workstation", "model_path": "a\0b"}, 'BACKENDS[0].model_path must be a path, not "a\\u0000b"'),
        ({"type": "llm_router", "provider": "openruter"}, 'BACKENDS[0].provider must be the name of a provider, not "openruter" (did you mean "openrouter"?)'),
        ({"type": "llm_router", "provider": 1}, "BACKENDS[0].provider must be a provider's name, not 1"),
        ({"type": "llm_router", "fallback_providers": ["openai", "gemni"]}, 'BACKENDS[0].fallback_providers[1] must be the name of a provider, not "gemni" (did you mean "gemini"?)'),
        ({"type": "llm_router", "fallback_providers": 5}, "BACKENDS[0].fallback_providers must be a list, not 5"),
        ({"type": "llm_router", "load_balancing": "round_robbin"}, 'BACKENDS[0].load_balancing must be one of "round_robin", "least_loaded", "best_performance", "power_of_two", not "round_robbin" (did you mean "round_robin"?)'),
        ({"type": "llm_router", "budget": {"usd": -1}}, "BACKENDS[0].budget.usd must be 0 or more, not -1"),
        ({"type": "llm_router", "budget": {"eur": 1}}, "BACKENDS[0].budget.eur is not a known key"),
        ({"type": "llm_router", "endpoints": [{"ulr": "http://x"}]}, ["BACKENDS[0].endpoints[0].url is missing", 'BACKENDS[0].endpoints[0].ulr is not a known key (did you mean "url"?)']),
        ({"type": "llm_router", "claude_output_format": "xml"}, 'BACKENDS[0].claude_output_format must be one of "text", "json", "stream-json", not "xml"'),
        ({"type": "llm_router", "copilot_sdk_port": 70000}, "BACKENDS[0].copilot_sdk_port must be 65535 or less, not 70000"),
    ],
)  # fmt: skip
def test_a_wrong_backend(lines, settings, line):
    told = [without_place(text) for text in lines(entry(**settings))]
    assert told == (line if isinstance(line, list) else [line])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"MEDIATOR": {"backends": ["b"]}}, 'MEDIATOR.backends[0] names the backend "b", which BACKENDS does not have'),
        ({"BACKENDS": [{"id": "embedded", "type": "workstation"}], "MEDIATOR": {"backends": "embeded"}}, 'MEDIATOR.backends names the backend "embeded", which BACKENDS does not have (did you mean "embedded"?)'),
        ({"MEDIATOR": {"backends": ["a", "a"]}}, 'MEDIATOR.backends[1] names the backend "a" twice'),
        ({"MEDIATOR": {"backends": []}}, "MEDIATOR.backends must be a name or a list of names, not a list"),
        ({"MEDIATOR": {"backends": [5]}}, "MEDIATOR.backends must be a name or a list of names, not a list"),
        ({"MEDIATOR": {}}, "MEDIATOR.backends is missing"),
        ({"MEDIATOR": "a"}, 'MEDIATOR must be an object, not "a"'),
        ({"MEDIATOR": {"backends": ["a"], "privcy": "local_only"}}, 'MEDIATOR.privcy is not a known key (did you mean "privacy"?)'),
        ({"BACKENDS": [{"id": "a", "type": "workstation"}, {"id": "a", "type": "openai"}]}, 'BACKENDS[1].id "a" is the id of BACKENDS[0] too'),
        ({"BACKENDS": []}, "BACKENDS must not be empty"),
        ({"BACKENDS": {}}, "BACKENDS must be a list, not an object"),
        ({"BACKENDS": [{"id": "a", "type": "workstation"}, 7]}, "BACKENDS[1] must be an object, not 7"),
        ({"BACKENDS": "${NOT_SET}"}, ["BACKENDS needs the environment variable NOT_SET, which is not set"]),
        ({"APPLICATION": {"type": "clii"}}, 'APPLICATION.type names "clii", which is no application; there are cli, server'),
        ({"APPLICATION": {"type": []}}, "APPLICATION.type must name cli or server, alone or in a list, not a list"),
        ({"APPLICATION": {"port": -1}}, "APPLICATION.port must be 0 or more, not -1"),
        ({"LOG": {"level": "DEBG"}}, 'LOG.level must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not "DEBG" (did you mean "DEBUG"?)'),
        ({"LOG": {"file": 5}}, "LOG.file must be a path, not 5"),
        ({"EVIDENCE": {"path": ""}}, 'EVIDENCE.path must be a path, not ""'),
        ({"EVIDENCE": {"profile": "kubo"}}, 'EVIDENCE.profile must be one of "unixfs-v1-2025", "kubo-v1", "kubo-legacy", not "kubo" (did you mean "kubo-v1"?)'),
        ({"EVIDENCE": {"replicas": ["local", "cubo"]}}, 'EVIDENCE.replicas names "cubo", which is no replica; there are local, kubo'),
        ({"EVIDENCE": {"replicas": ["kubo"]}}, 'EVIDENCE.replicas must begin with "local" and name each once, not a list'),
        ({"EVIDENCE": {"replicas": ["local", "kubo"], "privacy": "local_only"}}, 'EVIDENCE.replicas names "kubo", and privacy is "local_only"; remove one of the two'),
        ({"EVIDENCE": {"replicas": ["local", "kubo"]}, "MEDIATOR": {"backends": "a", "privacy": "local_only"}}, 'EVIDENCE.replicas names "kubo", and privacy is "local_only"; remove one of the two'),
        ({"EVIDENCE": {"kubo": "127.0.0.1:5001"}}, "EVIDENCE.kubo must be an address such as /ip4/127.0.0.1/tcp/5001 or http://127.0.0.1:5001, not [redacted]"),
        ({"EVIDENCE": {"key": "secret"}}, 'EVIDENCE.key must say where the key is: "env:NAME", "keyring" or "passphrase"; a key has no place here, not [redacted]'),
        ({"mediator": {"backends": ["a"]}}, 'mediator is not a known key (did you mean "MEDIATOR"?)'),
    ],
)  # fmt: skip
def test_a_wrong_section(lines, change, line):
    told = [without_place(text) for text in lines({**GOOD, **change})]
    assert told == (line if isinstance(line, list) else [line])


def test_a_file_without_backends(lines):
    assert lines({"MEDIATOR": {"backends": ["a"]}}) == ["config.json:1:1: BACKENDS is missing"]


def test_all_problems_are_told_at_once_in_the_order_of_the_file(lines):
    text = """{
  "BACKENDS": [
    {"id": "a", "type": "openai", "temperature": 9, "modle": "x"},
    {"id": "a", "type": "workstation", "n_threads": 0}
  ],
  "MEDIATOR": {"backends": ["a", "b"]},
  "LOG": {"level": "LOUD"}
}"""
    assert lines(text) == [
        "config.json:3:50: BACKENDS[0].temperature must be between 0 and 2, not 9",
        'config.json:3:62: BACKENDS[0].modle is not a known key (did you mean "model"?)',
        'config.json:4:12: BACKENDS[1].id "a" is the id of BACKENDS[0] too',
        "config.json:4:53: BACKENDS[1].n_threads must be 1 or more, not 0",
        'config.json:6:34: MEDIATOR.backends[1] names the backend "b", which BACKENDS does not have',
        'config.json:7:20: LOG.level must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not "LOUD"',
    ]  # fmt: skip


def test_a_problem_can_be_read_by_programs(load):
    with pytest.raises(ConfigProblems) as caught:
        load(entry(type="openia"))
    (problem,) = caught.value.problems
    assert (problem.path, problem.value, problem.near_miss) == ("BACKENDS[0].type", '"openia"', "openai")
    assert (problem.line, problem.column) == (1, 35)


def test_problems_are_a_configuration_error_without_a_hidden_cause(load):
    with pytest.raises(ConfigurationError) as caught:
        load(entry(type="openia"))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


# -- variables --------------------------------------------------------------------------------

TWO = {
    "BACKENDS": [
        {"id": "used", "type": "openai", "api_key": "${FIRST_KEY}"},
        {"id": "idle", "type": "openai", "api_key": "${SECOND_KEY}"},
    ],
    "MEDIATOR": {"backends": ["used"]},
}


def test_an_unset_variable_matters_for_a_backend_in_use_only(lines):
    (line,) = lines(TWO)
    assert without_place(line) == "BACKENDS[0].api_key needs the environment variable FIRST_KEY, which is not set"


def test_an_idle_backend_remembers_what_it_waits_for(load):
    config = load(TWO, FIRST_KEY="x")
    assert config.BACKENDS[0].unset == ()
    assert config.BACKENDS[1].unset == (
        ("api_key", "BACKENDS[1].api_key needs the environment variable SECOND_KEY, which is not set"),
    )


def test_a_backend_after_the_first_is_idle_without_fallback(load):
    both = {**TWO, "MEDIATOR": {"backends": ["used", "idle"], "fallback": False}}
    assert load(both, FIRST_KEY="x").used_ids == ("used",)


def test_an_empty_key_is_as_good_as_none(lines):
    (line,) = lines(TWO, FIRST_KEY="")
    assert without_place(line) == "BACKENDS[0].api_key needs the environment variable FIRST_KEY, which is empty"


def test_every_variable_that_could_have_held_the_key_is_named(lines):
    (line,) = lines(entry(type="openai", api_key="${A:-${B}}"), A="", B="")
    assert without_place(line) == "BACKENDS[0].api_key needs the environment variable A or B, which is empty"
    (line,) = lines(entry(type="openai", api_key="${A:-${B}}"))
    assert without_place(line) == "BACKENDS[0].api_key needs the environment variable A or B, which is not set"


def test_an_id_is_needed_from_every_backend(lines):
    told = lines({**TWO, "BACKENDS": [*TWO["BACKENDS"], {"id": "${ID}", "type": "openai"}]}, FIRST_KEY="x")
    assert [without_place(line) for line in told] == [
        "BACKENDS[2].id needs the environment variable ID, which is not set"
    ]


def test_a_variable_counts_as_a_number_or_boolean_where_one_is_wanted(load):
    config = load(
        {
            "BACKENDS": [
                {"id": "a", "type": "workstation", "n_ctx": "${CTX}", "temperature": "${T:-0}", "verbose": "env:V"}
            ]
        },
        CTX="4096",
        V="true",
    )
    assert config.BACKENDS[0].arguments() == {
        "id": "a", "type": "workstation", "n_ctx": 4096, "temperature": 0, "verbose": True,
    }  # fmt: skip


def test_a_wrong_number_from_a_variable_is_named_by_its_reference(lines):
    (line,) = lines(entry(type="workstation", n_ctx="${CTX}"), CTX="many")
    assert without_place(line) == 'BACKENDS[0].n_ctx must be a whole number, not what "${CTX}" stands for'
