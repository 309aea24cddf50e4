"""Nobody reaches what another has, also when they know its id or its CID."""

from __future__ import annotations

import io

import pytest

from mediator.exceptions import NotFoundError
from tests.mediator.office.conftest import STORY


@pytest.fixture
def ana(office):
    """Ana's case with a file in it."""
    case = office.person("ana").create("Ana's")
    case.tell(STORY)
    case.wait_read(60)
    return case, case.add_evidence(io.BytesIO(b"ana's letter"), file_name="letter.txt")


@pytest.mark.parametrize("other", ["ben", "local", "ana2", "an"])
def test_another_persons_case_is_not_there(office, ana, other):
    case, _ = ana
    with pytest.raises(NotFoundError) as unknown:
        office.person(other).open("20260101-000000-abcdef")
    with pytest.raises(NotFoundError) as foreign:
        office.person(other).open(case.id)
    assert str(foreign.value).replace(case.id, "X") == str(unknown.value).replace("20260101-000000-abcdef", "X")
    assert office.person(other).cases() == ()


@pytest.mark.parametrize("other", ["ben", "local"])
def test_a_known_cid_gives_nothing_to_another(office, ana, other):
    _, record = ana
    book = office.person(other)
    for ask in (book.evidence, book.open_evidence, book.create().open_evidence, book.create().evidence_record):
        with pytest.raises(NotFoundError, match="there is no evidence"):
            ask(record.cid)
    with pytest.raises(NotFoundError):
        book.create().link(record.cid, "wage_and_hour", "employee")


def test_the_same_bytes_of_two_people_stay_two_records(office, ana):
    _, record = ana
    case = office.person("ben").create("Ben's")
    own = case.add_evidence(io.BytesIO(b"ana's letter"), file_name="copy.txt")

    assert own.cid == record.cid
    found, stream = case.open_evidence(record.cid)
    assert (found.file_name, found.owner, stream.read()) == ("copy.txt", "ben", b"ana's letter")


def test_the_custody_log_names_who_handed_in_read_and_removed(office, ana):
    case, record = ana
    case.open_evidence(record.cid)[1].close()
    copy = office.person("ben").create()
    copy.add_evidence(io.BytesIO(b"ana's letter"))
    case.delete()

    events = office._evidence_store().events(cid=record.cid)
    assert [(event.kind, event.actor) for event in events] == [
        ("submitted", "ana"), ("read", "ana"), ("submitted", "ben"), ("removed", "ana"),
    ]  # fmt: skip


def test_a_deletion_takes_nothing_from_another(office, ana):
    case, record = ana
    copy = office.person("ben").create()
    copy.add_evidence(io.BytesIO(b"ana's letter"))
    copy.delete()
    office.tidy()

    assert case.open_evidence(record.cid)[1].read() == b"ana's letter"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../ana", "ana/..", "Ana", "an a", "-ana", "a" * 65, "ana\0", "ána", "people/ana", "a\n"]
)
def test_a_name_that_could_be_a_path_is_no_person(office, name):
    with pytest.raises(NotFoundError):
        office.person(name)


@pytest.mark.parametrize(
    "case_id", ["", "..", "../../../etc/passwd", "x/y", "*", "ab\0", "é", "a" * 101, "20260101-\n"]
)
def test_an_id_that_could_be_a_path_is_no_case(office, ana, case_id):
    with pytest.raises(NotFoundError):
        office.person("ana").open(case_id)


@pytest.mark.parametrize("cid", ["", "..", "Qm", "not a cid", "b" * 500, "../../x", "\x00", "🙂"])
def test_what_is_no_cid_is_not_there(office, ana, cid):
    case, _ = ana
    with pytest.raises(NotFoundError):
        case.open_evidence(cid)


def test_evidence_of_one_case_is_not_in_another_of_the_same_person(office, ana):
    _, record = ana
    book = office.person("ana")
    with pytest.raises(NotFoundError):
        book.create("second").open_evidence(record.cid)
    assert book.open_evidence(record.cid)[1].read() == b"ana's letter"


def test_evidence_is_linked_to_elements_without_being_doubled(office, ana):
    case, record = ana
    case.link(record.cid, "wage_and_hour", "work_done")
    case.link(record.cid, "wage_and_hour", "work_done")
    assert [(e.claim, e.element) for e in case.state.exhibits] == [("wage_and_hour", "work_done")]


def test_evidence_whose_note_a_kill_prevented_is_noted_later(office, ana):
    case, _ = ana
    office.evidence_of("ana").add(
        io.BytesIO(b"late"), case_id=case.id, type="document", file_name="late.txt", description=None, claim=None,
        element=None,
    )  # fmt: skip
    assert len(case.evidence()) == 2
    assert [exhibit.name for exhibit in case.state.exhibits] == ["letter.txt", "late.txt"]
