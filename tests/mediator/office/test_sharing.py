"""People share one machine: nobody's long work, and nobody's many files, are at the cost of the others."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mediator.office.preferences import chosen_engine, write_engine
from mediator.office.readings import Readings
from mediator.office.room import NoRoomError


def _ignore(_why: str) -> None:
    pass


@pytest.fixture
def readings():
    made = Readings(2)
    yield made
    made.close()


def test_one_persons_long_stories_leave_a_reader_to_the_others(readings):
    gate, read = threading.Event(), []
    for case in range(5):
        readings.start(("ana", case), lambda: gate.wait(60), _ignore, "ana")
    readings.start(("ben", 0), lambda: read.append("ben"), _ignore, "ben")

    assert readings.wait(("ben", 0), 60)
    assert read == ["ben"]
    assert all(readings.is_under_way(("ana", case)) for case in range(5))
    gate.set()
    assert all(readings.wait(("ana", case), 60) for case in range(5))


def test_the_lines_of_people_take_turns():
    readings, gate, read = Readings(1), threading.Event(), []
    readings.start("first", lambda: gate.wait(60), _ignore, "dora")
    keys = [("ana", 1), ("ana", 2), ("ben", 1), ("cy", 1)]
    for key in keys:
        readings.start(key, lambda key=key: read.append(key), _ignore, key[0])
    gate.set()
    for key in keys:
        assert readings.wait(key, 60)
    readings.close()

    assert read == [("ana", 1), ("ben", 1), ("cy", 1), ("ana", 2)]


def test_readings_that_had_not_begun_when_it_stops_end_their_waiting():
    readings, gate = Readings(1), threading.Event()
    readings.start("first", lambda: gate.wait(60), _ignore, "ana")
    readings.start("second", lambda: None, _ignore, "ana")
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(readings.close)
        assert readings.wait("second", 60)
        gate.set()
        closing.result(60)


def test_files_that_come_at_once_do_not_pass_what_a_person_may_have(office):
    book = office.person("ana")
    case = book.create()
    together = threading.Barrier(6)

    def hand_in(number: int) -> bool:
        together.wait(60)
        try:
            with book.room_for(1000, 2500):
                case.add_evidence(io.BytesIO(bytes([number]) * 1000), file_name=f"{number}.txt")
        except NoRoomError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(hand_in, range(6)))
    assert sum(record.size for record in book.all_evidence()) <= 2500
    with pytest.raises(NoRoomError, match="delete a case first"), book.room_for(2501, 2500):
        pass


def test_room_that_was_not_used_is_there_again(office):
    book = office.person("ana")
    for _ in range(5):
        with book.room_for(2000, 2500):
            pass
    with pytest.raises(RuntimeError), book.room_for(2000, 2500):
        raise RuntimeError
    with book.room_for(2500, 2500):
        pass


def test_engines_chosen_at_once_leave_one_whole_choice(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: write_engine(tmp_path, f"engine-{n % 3}"), range(60)))

    assert chosen_engine(tmp_path) in {"engine-0", "engine-1", "engine-2"}
    assert [path.name for path in tmp_path.iterdir()] == ["preferences.json"]


def test_why_a_file_is_on_hold_is_told_to_nobody_else_who_has_it(office):
    mine, other = office.person("ana").create(), office.person("ben").create()
    for case in (mine, other):
        record = case.add_evidence(io.BytesIO(b"the same letter"), file_name="a.txt")
    store = office._evidence_store()
    store.hold("Ruiz against Harbor Foods", cid=record.cid)

    assert mine.holds == other.holds == ("a file of it is on hold",)


def test_why_ones_own_file_is_on_hold_is_told(office):
    case = office.person("ana").create()
    record = case.add_evidence(io.BytesIO(b"only mine"), file_name="a.txt")
    office._evidence_store().hold("Ruiz against Harbor Foods", cid=record.cid)

    assert case.holds == ("Ruiz against Harbor Foods",)
