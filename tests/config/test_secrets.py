"""A key that went into a configuration comes out for the backend's constructor and nowhere else."""

from __future__ import annotations

import json
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import ConfigProblems, load_config

SECRET = "hunter2-Zx81Qpw9"
ROUTER = {"id": "r", "type": "llm_router"}

#: Every place where a secret is expected, as a whole configuration.
PLACES = [
    {"BACKENDS": [{"id": "a", "type": "openai", "api_key": "${K}"}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "api_key": "env:K"}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "api_key": SECRET}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "headers": {"Authorization": "Bearer ${K}"}}]},
    {"BACKENDS": [{"id": "a", "type": "huggingface", "api_key": "${NOT_SET:-${K}}"}]},
    {"BACKENDS": [{**ROUTER, "api_key": "${K}"}]},
    {"BACKENDS": [{**ROUTER, "peer_token": "${K}"}]},
    {"BACKENDS": [{**ROUTER, "copilot_sdk_github_token": "${K}"}]},
    {"BACKENDS": [{**ROUTER, "settings": {"region": "${K}"}}]},
    {"BACKENDS": [{**ROUTER, "settings": {"region_key": SECRET}}]},
    {"BACKENDS": [{**ROUTER, "copilot_sdk_provider": {"api_key": "${K}"}}]},
    {"BACKENDS": [{**ROUTER, "program_env": {"ANY": "${K}"}}]},
    {"BACKENDS": [{**ROUTER, "fallback_providers": [{"provider": "openai", "api_key": "${K}"}]}]},
    {"BACKENDS": [{**ROUTER, "endpoints": [{"url": "http://x", "api_key": "${K}"}]}]},
    {"BACKENDS": [ROUTER], "APPLICATION": {"token": "${K}"}},
    {"BACKENDS": [ROUTER], "EVIDENCE": {"catalog": "postgresql://u:${K}@host/db"}},
    {"BACKENDS": [ROUTER], "EVIDENCE": {"kubo": "https://u:${K}@host"}},
]

#: Every way that a secret can be in the wrong place, or beside something wrong.
MISTAKES = [
    {"BACKENDS": [{"id": "a", "type": "openai", "apikey": "${K}"}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "apikey": SECRET}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "api_key": {"value": SECRET}}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "api_key": [SECRET]}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "api_key": SECRET, "temperature": 9}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "headers": SECRET}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "headers": {"X": [SECRET]}}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "temperature": "${K}"}]},
    {"BACKENDS": [{"id": "a", "type": "openai", "api": "${K}"}]},
    {"BACKENDS": [{"id": "a", "type": "${K}"}]},
    {"BACKENDS": [{"id": "${K}", "type": "openai"}, {"id": "${K}", "type": "openai"}]},
    {"BACKENDS": [{**ROUTER, "provider": "${K}"}]},
    {"BACKENDS": [{**ROUTER, "base_url": "https://u:${K}@host"}]},
    {"BACKENDS": [{**ROUTER, "base_url": f"https://u:{SECRET}@host"}]},
    {"BACKENDS": [{**ROUTER, "endpoints": [f"https://u:{SECRET}@host"]}]},
    {"BACKENDS": [ROUTER], "MEDIATOR": {"backends": ["${K}"]}},
    {"BACKENDS": [ROUTER], "MEDIATOR": {"backends": "${K}"}},
    {"BACKENDS": [ROUTER], "EVIDENCE": {"key": SECRET}},
    {"BACKENDS": [ROUTER], "EVIDENCE": {"catalog": SECRET}},
    {"BACKENDS": [ROUTER], "LOG": {"level": "${K}"}},
    {"BACKENDS": [ROUTER], "APPLICATION": {"type": "${K}"}},
    {"BACKENDS": [ROUTER], "APPLICATION": {"token": [SECRET]}},
]


def everything_shown(error):
    """All that a person, a log or a debugger may see of an error."""
    return "\n".join(
        [
            str(error),
            repr(error),
            repr(error.problems),
            repr(error.args),
            "".join(traceback.format_exception(error)),
            repr(error.__cause__),
            repr(error.__context__),
        ]
    )


@pytest.mark.parametrize("content", PLACES, ids=str)
def test_a_configuration_never_shows_a_secret(load, content):
    config = load(content, K=SECRET)
    shown = [repr(config), str(config), str(config.model_dump()), config.model_dump_json(), str(list(config))]
    shown += [repr(entry) for entry in config.BACKENDS]
    assert [text for text in shown if SECRET in text] == []


@pytest.mark.parametrize("content", PLACES[:14], ids=str)
def test_the_constructor_gets_the_secret_in_clear(load, content):
    assert SECRET in json.dumps(load(content, K=SECRET).BACKENDS[0].arguments())


@pytest.mark.parametrize("content", MISTAKES, ids=str)
def test_an_error_never_shows_a_secret(load, content):
    with pytest.raises(ConfigProblems) as caught:
        load(content, K=SECRET)
    assert SECRET not in everything_shown(caught.value)
    assert SECRET not in everything_shown(pickle.loads(pickle.dumps(caught.value)))


@pytest.mark.parametrize("text", ['{"api_key": "%s",}', '{"api_key": "%s"', '{"api_key": "%s" "x"}', '["%s"]'])
def test_a_broken_file_never_shows_a_secret(load, text):
    with pytest.raises(ConfigProblems) as caught:
        load(text % SECRET)
    assert SECRET not in everything_shown(caught.value)


def test_a_file_in_another_encoding_never_shows_a_secret(load):
    with pytest.raises(ConfigProblems) as caught:
        load(b'{"api_key": "' + SECRET.encode() + b'\xe9"}')
    assert SECRET not in everything_shown(caught.value)


def test_nothing_is_logged_about_a_secret(load, caplog):
    with caplog.at_level(logging.DEBUG):
        load(PLACES[0], K=SECRET)
    assert SECRET not in caplog.text


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=6))
def test_no_secret_whatever_its_letters_is_shown(tmp_path_factory, secret):
    file = tmp_path_factory.getbasetemp() / "property.json"
    # A mistake beside the key, so that there is an error to look into. The id is not part of a secret's text.
    file.write_text(
        '{"BACKENDS": [{"id": "\u2400", "type": "openai", "api_key": "env:K", "temperature": "env:K", "x": 0}]}'
    )
    with pytest.raises(ConfigProblems) as caught:
        load_config(file, env={"K": secret + "\u2401"})
    assert secret + "\u2401" not in everything_shown(caught.value)
