"""Differences between drafts: by section, in words, as text and as a page."""

from __future__ import annotations

from mediator.draft import Details, diff_drafts, diff_html, diff_text
from tests.mediator.draft.matters import ANSWER, STORY, draft_of
from tests.mediator.draft.test_html import HOSTILE, read


def test_a_draft_does_not_differ_from_itself() -> None:
    changes = diff_drafts(draft_of(), draft_of())

    assert changes.changes == ()
    assert "The two drafts say the same." in diff_text(changes)
    assert "The two drafts say the same." in diff_html(changes)


def test_a_changed_fact_is_one_change_with_both_sides() -> None:
    after = draft_of(story=STORY.replace("$900", "$950"))
    facts = [change for change in diff_drafts(draft_of(), after).changes if change.section == "Facts"]

    assert [change.kind for change in facts] == ["changed"]
    assert "$900" in facts[0].before
    assert "$950" in facts[0].after


def test_a_new_paragraph_in_front_changes_only_itself() -> None:
    """The others get another number and other offsets; neither is a change of what is said."""
    after = draft_of(story="It began on April 2, 2025. " + STORY)
    facts = [change for change in diff_drafts(draft_of(), after).changes if change.section == "Facts"]

    assert [(change.kind, "April 2" in change.after) for change in facts] == [("added", True)]


def test_a_removed_answer_and_a_new_court_are_told() -> None:
    before, after = draft_of(), draft_of(answer="", details=Details(court="Court of Claims"))
    changes = diff_drafts(before, after).changes

    assert any(c.kind == "removed" and ANSWER in c.before for c in changes if c.section == "Facts")
    assert any(c.section == "Caption" and "Court of Claims" in c.after for c in changes)


def test_a_count_that_came_is_a_section_of_its_own_in_its_place() -> None:
    changes = diff_drafts(draft_of(), draft_of("security_deposit", "wage_and_hour")).changes
    added = [c for c in changes if c.section.startswith("Count 2")]

    assert added
    assert all(c.kind == "added" for c in added)
    sections = list(dict.fromkeys(c.section for c in changes))
    assert sections.index(added[0].section) < sections.index("Prayer for relief")


def test_a_count_that_went_is_told_too() -> None:
    changes = diff_drafts(draft_of("security_deposit", "wage_and_hour"), draft_of()).changes

    assert any(c.section.startswith("Count 2") and c.kind == "removed" for c in changes)


def test_the_text_names_both_drafts_and_marks_its_lines() -> None:
    text = diff_text(diff_drafts(draft_of(), draft_of(story=STORY.replace("$900", "$950")), names=("old", "new")))

    assert text.startswith("--- old\n+++ new\n\n")
    assert "\n- Plaintiff states: “He kept my $900.”" in text
    assert "\n+ Plaintiff states: “He kept my $950.”" in text
    assert "not legal advice" in text


def test_the_page_marks_what_came_and_went_and_runs_nothing() -> None:
    text = " ".join(HOSTILE)
    page = diff_html(diff_drafts(draft_of(), draft_of(story=STORY + f" He kept $12 {text}."), names=("<a>", "<b>")))
    plain = read(diff_html(diff_drafts(draft_of(), draft_of(story=STORY + " He kept $12 too."))))

    assert set(read(page).tags) <= set(plain.tags) | {"del"}
    assert "<ins>" in page
    assert "default-src 'none'" in page
    assert "not legal advice" in page
