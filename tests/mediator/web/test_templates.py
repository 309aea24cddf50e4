"""Rules that every template keeps, read from their text."""

import re
from importlib import resources

import pytest

TEMPLATES = {
    entry.name: entry.read_text(encoding="utf-8")
    for entry in resources.files("mediator.interfaces.web").joinpath("templates").iterdir()
}
PAGES = {name for name, text in TEMPLATES.items() if "{% extends" in text} - {"case.html"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_is_marked_as_safe_and_escaping_is_never_switched_off(name):
    assert re.findall(r"\|\s*safe|autoescape", TEMPLATES[name]) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_script_and_no_style_stands_in_a_page(name):
    inline = r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:"
    assert re.findall(inline, TEMPLATES[name]) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_address_leads_to_another_site(name):
    assert re.findall(r"""(?:href|src|action)=["'](?:https?:|//)""", TEMPLATES[name]) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_form_that_changes_something_carries_the_token_first(name):
    forms = re.findall(r'<form[^>]*method="post"[^>]*>\s*(.{0,40})', TEMPLATES[name], re.DOTALL)
    assert [form for form in forms if not form.startswith("{{ token }}")] == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_page_says_that_it_is_no_legal_advice_by_its_frame(name):
    extended = re.search(r'{% extends "(base|case)\.html" %}', TEMPLATES[name])
    assert extended is not None
    assert "This is not legal advice." in TEMPLATES["base.html"]
    assert "{{ notice }}" in TEMPLATES["base.html"]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_page_has_a_title_of_its_own(name):
    assert "{% block title %}" in TEMPLATES[name]


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.endswith(".html")])
def test_text_fields_keep_their_first_line(name):
    # HTML drops a line break right after <textarea>, so one of ours stands there.
    assert re.findall(r"<textarea[^>]*>(?!\n)", TEMPLATES[name]) == []
