"""Runs an interview in child processes and kills them; a program of its own, because it forks.

``python -m tests.mediator.killed_sessions FOLDER ROUNDS SEED`` prints one line for each kill.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import warnings
from pathlib import Path

from mediator.events import DamagedTailWarning
from mediator.session import Session, session_ids
from mediator.steps import End, EvidenceRequest, Question
from tests.mediator.made_sessions import session

CLAIMS = ("security_deposit", "retaliation")
TURNS = 40


def play(running: Session, turn: int) -> None:
    """One turn; what it does follows from the turn and the state alone."""
    moves = (
        "answer",
        "answer",
        "answer",
        "unknown",
        "back",
        "answer",
        "undo",
        "redo",
        "tell",
        "answer",
        "edit",
        "answer",
    )
    move = moves[turn % len(moves)]
    step = running.step
    if turn == 0 or move == "tell":
        running.tell(f"I moved out on May {turn + 1}, 2025. He kept my $900 deposit.")
    elif move in ("back", "undo", "redo"):
        getattr(running, move)()
    elif move == "edit" and running.state.answers:
        running.edit(*next(iter(running.state.answers)))
    elif isinstance(step, Question) and move == "answer":
        running.answer(f"words of turn {turn}, $950")
    elif isinstance(step, EvidenceRequest):
        running.no_evidence()
    elif not isinstance(step, End):
        running.unknown()


def run_child(folder: Path, acknowledge: int) -> None:
    running = session(folder, *CLAIMS)
    for turn in range(TURNS):
        play(running, turn)
        os.write(acknowledge, bytes([len(running.events)]))
    os._exit(0)


def killed(folder: Path, after: int) -> int:
    """Kill a child some time after it acknowledged so many turns; return the events of the last one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        run_child(folder, writing)
    os.close(writing)
    told = b""
    while len(told) < after and (more := os.read(reading, 1)):
        told += more
    os.kill(child, signal.SIGKILL)
    while more := os.read(reading, 64):
        told += more
    os.close(reading)
    os.waitpid(child, 0)
    return told[-1] if told else 0


def main(folder: Path, rounds: int, seed: int) -> int:
    dice = random.Random(seed)
    whole = session(folder / "whole", *CLAIMS)
    steps = {}
    for turn in range(TURNS):
        play(whole, turn)
        steps[len(whole.events)] = (turn, whole.step)
    for number in range(rounds):
        place = folder / str(number)
        acknowledged = killed(place, dice.randrange(TURNS))
        known = session_ids(place) if place.is_dir() else []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedTailWarning)
            again = session(place, *CLAIMS, session_id=known[0] if known else None)
        again.catch_up()
        count = len(again.events)
        assert count >= acknowledged, "an acknowledged step was lost"
        assert again.events == whole.events[:count], "the session is not a beginning of the whole one"
        turn, step = steps.get(count, (-1, again.step))
        assert again.step == step, "another next question"
        for later in range(turn + 1, TURNS) if count in steps or count == 0 else ():
            play(again, later)
        assert count not in steps or again.state == whole.state, "it does not go on as if nothing had happened"
        again.close()
        print(f"killed after {acknowledged} events, {count} on the disk", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
