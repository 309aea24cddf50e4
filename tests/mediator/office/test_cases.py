"""Cases as a person has them: told, read, answered, put away, deleted, and there again after a kill."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mediator import Mediator
from mediator.draft import Details
from mediator.evidence import LegalHoldError
from mediator.exceptions import (
    MediatorError,
    NotFoundError,
    NothingToReadError,
    SessionBusyError,
    SessionKeyError,
    StepChangedError,
)
from mediator.interview import Question, Tell
from mediator.office import Office
from mediator.office.readings import Readings
from mediator.sealed_lines import LineSeal
from tests.mediator.conftest import ScriptedBackend, failing
from tests.mediator.office.conftest import STORY, engine, open_office

HOME = Path(__file__).resolve().parents[3]


def told(office: Office, owner: str = "ana"):
    """A case whose story is read."""
    case = office.person(owner).create("Work")
    case.tell(STORY)
    assert case.wait_read(60)
    return case


def test_a_new_case_asks_for_the_story(office):
    case = office.person("ana").create("My work")

    assert isinstance(case.step, Tell)
    assert case.info.title == "My work"


def test_a_case_without_a_title_is_called_by_its_date(office):
    assert office.person("ana").create().info.title.startswith("Case of ")


def test_a_title_is_one_line_of_readable_text(office):
    case = office.person("ana").create("a\nb\x1b[31m\u202ec" + "x" * 500)

    assert case.info.title.startswith("a b [31m c")
    assert len(case.info.title) == 200


def test_the_case_that_was_changed_last_comes_first(office):
    book = office.person("ana")
    first, second = book.create("first"), book.create("second")
    os.utime(first._folder / f"{first.id}.session.jsonl", (2e9, 2e9))

    assert [info.id for info in book.cases()] == [first.id, second.id]


def test_a_story_is_read_and_questions_follow(office):
    case = told(office)

    assert {claim.id for claim in case.state.report.claims} >= {"wage_and_hour"}
    assert isinstance(case.step, Question)
    assert not case.reading


def test_telling_returns_before_the_story_is_read(state_dir):
    gate = threading.Event()

    def slow(_prompt: str) -> str:
        gate.wait(60)
        return failing(_prompt)

    with open_office(state_dir, engine("slow", slow)) as office:
        case = office.person("ana").create()
        case.tell(STORY)

        assert case.reading
        assert case.state.story == STORY
        assert isinstance(case.step, Tell)
        gate.set()
        assert case.wait_read(60)
        assert isinstance(case.step, Question)


def test_what_is_told_while_the_story_is_read_is_read_too(state_dir):
    gate, reached = threading.Event(), threading.Event()

    def slow(_prompt: str) -> str:
        reached.set()
        gate.wait(60)
        return failing(_prompt)

    with open_office(state_dir, engine("slow", slow)) as office:
        case = office.person("ana").create()
        case.tell("They never paid me for overtime, about 12 hours every week at the warehouse.")
        assert reached.wait(60)
        case.tell("My landlord kept my security deposit of $1,200 and never sent a list of damages.")
        gate.set()
        assert case.wait_read(60)

        assert [amount.value for amount in case.state.report.amounts] == [1200.0]
        assert [event.kind for event in case.events()].count("found") == 1


def test_a_story_that_is_taken_back_while_it_is_read_stays_away(state_dir):
    gate, reached = threading.Event(), threading.Event()

    def slow(_prompt: str) -> str:
        reached.set()
        gate.wait(60)
        return failing(_prompt)

    with open_office(state_dir, engine("slow", slow)) as office:
        case = office.person("ana").create()
        case.tell(STORY)
        assert reached.wait(60)
        case.undo()
        gate.set()
        assert case.wait_read(60)

        assert case.state.report is None
        assert isinstance(case.step, Tell)


def test_undo_takes_back_an_answer_given_while_the_story_was_read(office):
    case = told(office)
    step = case.step
    case.answer(step.claim, step.element, "since May")
    later = {"claim": step.claim, "element": step.element, "answer": "text", "text": "June"}
    with case._at() as running:
        running.import_events("story", {"text": "More happened at work."})
        running.import_events("answer", later)
        running.import_events("found", {"report": running.state.report.model_dump(mode="json")})
    case.undo()

    assert case.state.answers[(step.claim, step.element)].text == "since May"
    assert case.state.story.endswith("More happened at work.")


def test_an_answer_goes_to_the_question_that_it_names(office):
    case = told(office)
    first = case.step
    case.skip(first.key)
    case.answer(first.claim, first.element, "from an older page")

    assert case.state.answers[(first.claim, first.element)].text == "from an older page"


@pytest.mark.parametrize(
    ("claim", "element"), [("no_such", "x"), ("wage_and_hour", "no_such"), ("defamation", "false_fact")]
)
def test_what_the_case_does_not_ask_cannot_be_answered(office, claim, element):
    case = told(office)
    with pytest.raises(NotFoundError):
        case.answer(claim, element, "text")


@pytest.mark.parametrize("text", ["", "   ", "x" * 50_001])
def test_an_answer_that_cannot_be_kept_is_refused_in_one_line(office, text):
    case = told(office)
    step = case.step
    with pytest.raises(MediatorError) as refused:
        case.answer(step.claim, step.element, text)
    assert "\n" not in str(refused.value)
    assert case.state.answers == {}


@pytest.mark.parametrize("text", ["", " \n ", "?!...", "a" * 500_001])
def test_a_story_that_cannot_be_kept_is_refused_and_nothing_is_written(office, text):
    case = office.person("ana").create()
    with pytest.raises((NothingToReadError, MediatorError)):
        case.tell(text)
    assert case.events() == ()


def test_half_a_character_becomes_a_question_mark(office):
    case = told(office)
    step = case.step
    case.answer(step.claim, step.element, "half \ud83d")
    case.tell("And half \ud83d of a story.")
    assert case.state.answers[step.element_key].text == "half ?"
    assert case.state.story.endswith("And half ? of a story.")


def test_the_terminal_and_the_office_share_the_local_persons_cases(state_dir, office):
    with Mediator([ScriptedBackend(failing)], state_dir=state_dir) as mediator:
        mediator.io(STORY)
        case_id = mediator.session.id
    case = office.person("local").open(case_id)

    assert case.state.story == STORY
    assert isinstance(case.step, Question)


def test_a_case_that_another_program_writes_is_busy_and_free_again_after_it(state_dir, office):
    with Mediator([ScriptedBackend(failing)], state_dir=state_dir) as mediator:
        mediator.io(STORY)
        case = office.person("local").open(mediator.session.id)
        with pytest.raises(SessionBusyError):
            case.answer("wage_and_hour", "employee", "x")
    assert isinstance(case.step, Question)


def test_an_idle_case_is_given_back_to_the_terminal(state_dir):
    with open_office(state_dir, idle_seconds=0.0) as office:
        case = told(office, "local")

        assert office.desk.open_sessions == 0
        with Mediator([ScriptedBackend(failing)], state_dir=state_dir) as mediator:
            assert "?" in mediator.resume(case.id)


def test_tidy_closes_what_nobody_uses(state_dir):
    now = [0.0]
    with open_office(state_dir) as office:
        office.desk._clock = lambda: now[0]
        told(office)
        office.tidy()
        assert office.desk.open_sessions == 1
        now[0] = 16.0
        office.tidy()
        assert office.desk.open_sessions == 0


def test_many_threads_on_one_case_lose_nothing(office):
    case = told(office)
    keys = [(m.claim, m.element) for m in case.state.report.missing]

    def answer(place: int) -> None:
        claim, element = keys[place % len(keys)]
        office.person("ana").open(case.id).answer(claim, element, f"answer {place}")

    threads = [threading.Thread(target=answer, args=(place,)) for place in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    said = [event.data["text"] for event in case.events() if event.kind == "answer"]
    assert sorted(said) == sorted(f"answer {place}" for place in range(24))


def test_a_reading_that_a_kill_ended_is_done_again(state_dir):
    code = f"""
import os, sys
sys.path.insert(0, {str(HOME)!r})
from pathlib import Path
from tests.mediator.office.conftest import open_office, engine, STORY
def die(prompt): os.kill(os.getpid(), 9)
office = open_office(Path({str(state_dir)!r}), engine("scripted", die))
case = office.person("ana").create("killed")
print(case.id, flush=True)
case.tell(STORY)
case.wait_read(60)
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert killed.returncode == -9
    with open_office(state_dir) as office:
        case = office.person("ana").open(killed.stdout.strip())
        assert case.state.story == STORY
        assert case.wait_read(60)
        assert isinstance(case.step, Question)


def test_a_reading_that_fails_is_told_and_can_be_done_again(state_dir, monkeypatch):
    with open_office(state_dir) as office:
        case = office.person("ana").create()
        with monkeypatch.context() as broken:
            broken.setattr(office._engines, "mediator", lambda choice: 1 / 0)
            case.tell(STORY)
            case.wait_read(60)
        assert "ZeroDivisionError" in case.reading_failure
        assert case.state.story == STORY
        case.read_again()
        assert case.wait_read(60)
        assert case.reading_failure is None
        assert isinstance(case.step, Question)


def test_a_fault_while_reading_is_logged_without_the_story(state_dir, monkeypatch, caplog):
    class Quoting:
        def reread(self, text: str, telling: object) -> None:
            raise TypeError(f"cannot read {text}")

    with open_office(state_dir) as office:
        monkeypatch.setattr(office._engines, "mediator", lambda choice: Quoting())
        case = office.person("ana").create()
        case.tell(STORY)
        case.wait_read(60)
    assert "TypeError" in caplog.text
    assert "Harbor" not in caplog.text + case.reading_failure


def test_readings_that_come_in_the_meantime_are_not_lost():
    readings, ran = Readings(1), []
    gate = threading.Event()

    def read() -> None:
        ran.append(1)
        gate.wait(60)

    readings.start("case", read, lambda why: None)
    readings.start("case", read, lambda why: None)
    gate.set()
    readings.wait("case", 60)
    assert len(ran) == 2
    readings.close()


def test_an_archived_case_is_put_away_and_comes_back(office):
    book = office.person("ana")
    case = book.create("old")
    case.archive()
    assert book.cases() == ()
    assert [info.title for info in book.cases(archived=True)] == ["old"]
    case.restore()
    assert [info.title for info in book.cases()] == ["old"]


def test_a_deleted_case_leaves_nothing_behind(office, state_dir):
    case = told(office)
    record = case.add_evidence(io.BytesIO(b"a pay slip"), file_name="slip.txt")
    case.delete()
    office.tidy()

    assert office.person("ana").cases() == ()
    assert list((state_dir / "people" / "ana" / "sessions").iterdir()) == []
    with pytest.raises(NotFoundError):
        office.person("ana").open(case.id)
    with pytest.raises(NotFoundError):
        office.person("ana").evidence(record.cid)
    assert office._evidence_store().stat().contents == 0


def test_evidence_that_another_case_needs_survives_a_deletion(office):
    book = office.person("ana")
    one, two = book.create("one"), book.create("two")
    one.add_evidence(io.BytesIO(b"the lease"))
    record = two.add_evidence(io.BytesIO(b"the lease"))
    one.delete()
    office.tidy()

    found, stream = two.open_evidence(record.cid)
    assert (found.complaint, stream.read()) == (two.id, b"the lease")


@pytest.mark.parametrize("scope", ["complaint", "cid", "submission_id"])
def test_a_legal_hold_keeps_the_whole_case(office, scope):
    case = told(office)
    record = case.add_evidence(io.BytesIO(b"a pay slip"))
    held = {"complaint": case.id, "cid": record.cid, "submission_id": record.submission_id}[scope]
    office._evidence_store().hold("the court asked for it", **{scope: held})
    with pytest.raises(LegalHoldError, match="the court asked for it"):
        case.delete()

    assert case.holds == ("the court asked for it",)
    assert case.evidence()[0].cid == record.cid
    assert case.state.story == STORY


def test_renaming_is_nothing_that_undo_takes_back(office):
    case = told(office)
    case.rename("Harbor Foods")
    case.undo()
    assert case.info.title == "Harbor Foods"


def test_the_captions_details_are_kept(office):
    case = told(office)
    case.set_details(Details(court="District Court", jury=True))
    assert office.person("ana").open(case.id).draft().court == "District Court"


def test_a_damaged_case_file_is_told_in_one_line(office, state_dir):
    case = office.person("ana").create("x")
    (state_dir / "people" / "ana" / "sessions" / f"{case.id}.case.json").write_text("{")
    with pytest.raises(MediatorError, match="cannot be read"):
        office.person("ana").open(case.id)


@pytest.mark.parametrize("format", ["html", "docx", "json"])
def test_a_draft_can_be_downloaded(office, format):
    file = told(office).render(format)
    assert file.name.endswith(f".{format}")
    assert len(file.data) > 1000


def test_an_unknown_format_is_refused(office):
    with pytest.raises(NotFoundError, match="html"):
        told(office).render("exe")


def test_listeners_hear_what_happens_and_only_while_they_listen(office):
    case = office.person("ana").create()
    heard: list[str] = []
    with case.listen(lambda news: heard.append(news.kind)):
        case.tell(STORY)
        case.wait_read(60)
    case.rename("later")
    assert heard == ["changed", "reading", "changed"]


def test_a_step_that_is_not_shown_any_more_cannot_be_skipped(office):
    case = told(office)
    shown = case.step.key
    case.skip(shown)
    before = case.events()
    with pytest.raises(StepChangedError):
        case.skip(shown)
    assert case.events() == before


def test_a_piece_of_the_story_is_told_anew_and_read_again(office):
    case = told(office)
    case.retell(0, "They never paid me for overtime, about 12 hours every week, 900 dollars in all.")
    assert case.wait_read(60)
    assert case.state.story.endswith("900 dollars in all.")
    assert [amount.value for amount in case.state.report.amounts] == [900.0]


@pytest.mark.parametrize("piece", [-1, 1, 10**9])
def test_a_piece_that_is_not_there_cannot_be_told_anew(office, piece):
    with pytest.raises(NotFoundError):
        told(office).retell(piece, "Another story.")


def test_a_case_that_is_deleted_while_it_is_read_stays_deleted(state_dir, caplog):
    gate, reached = threading.Event(), threading.Event()

    def slow(_prompt: str) -> str:
        reached.set()
        gate.wait(60)
        return failing(_prompt)

    with open_office(state_dir, engine("slow", slow)) as office:
        case = office.person("ana").create()
        case.tell(STORY)
        assert reached.wait(60)
        case.delete()
        gate.set()
        assert case.wait_read(60)
        assert office.person("ana").cases() == ()
        assert list((state_dir / "people" / "ana" / "sessions").iterdir()) == []
    assert caplog.text == ""


def test_an_encrypted_case_shows_nothing_on_the_disk(state_dir):
    def seal() -> LineSeal:
        return LineSeal.with_evidence_key(state_dir / "evidence", "env:KEY", {"KEY": "correct horse battery staple"})

    with open_office(state_dir, session_seal=seal) as office:
        case = told(office)
        case.rename("Harbor Foods")
        case_id = case.id
    kept = b"".join(file.read_bytes() for file in (state_dir / "people").rglob("*") if file.is_file())
    with open_office(state_dir, session_seal=seal) as office:
        case = office.person("ana").open(case_id)
        assert (case.info.title, case.state.story) == ("Harbor Foods", STORY)
    with open_office(state_dir) as office, pytest.raises(SessionKeyError):
        office.person("ana").open(case_id)
    assert b"Harbor" not in kept


def test_a_view_shows_the_whole_case(office):
    case = told(office)
    case.add_evidence(io.BytesIO(b"a pay slip"), file_name="slip.txt", claim="wage_and_hour", element="work_done")
    view = case.view()
    assert view.story.text == STORY
    assert view.step.kind == "question"
    assert [exhibit.name for exhibit in view.exhibits] == ["slip.txt"]


def test_a_file_that_is_gone_while_open_is_told(office, state_dir):
    case = told(office)
    next((state_dir / "people").rglob(f"{case.id}.session.jsonl")).unlink()
    with pytest.raises(NotFoundError):
        case.state  # noqa: B018


def test_the_chosen_engine_reads_and_the_choice_is_ones_own(state_dir):
    asked: list[str] = []

    def noting(name: str):
        def answer(prompt: str) -> str:
            asked.append(name)
            return failing(prompt)

        return answer

    with open_office(state_dir, engine("a", noting("a")), engine("b", noting("b"))) as office:
        office.person("ana").choose_engine("b")
        told(office, "ana")
        assert set(asked) == {"b"}
        told(office, "ben")
        assert set(asked) == {"a", "b"}
        assert office.person("ben").engine is None


def test_only_offered_engines_can_be_chosen(state_dir):
    with open_office(state_dir, engine("a"), engine("b"), offered=["a"]) as office:
        with pytest.raises(NotFoundError):
            office.person("ana").choose_engine("b")
        assert [info.id for info in office.engines()] == ["a"]


def test_a_glance_asks_no_engine_and_keeps_nothing(state_dir):
    asked: list[str] = []
    with open_office(state_dir, engine("a", lambda prompt: asked.append(prompt) or "")) as office:
        report = office.person("ana").glance(STORY)
        assert report.claim("wage_and_hour") is not None
        assert asked == []
        assert not state_dir.exists()
