"""64 people at once on one server with the mock provider: no error, and memory that does not grow.

Usage: ``python -m benchmarks.server_load [--people 64] [--rounds 6]``. It starts ``run.py serve`` in a folder of its
own, sends traffic to loopback only, and stops by itself. One round: every person tells a case, waits until it is read,
answers, hands in a file, reads it back, looks at the case and deletes it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psutil

__all__ = ["main", "one_round"]

HOME = Path(__file__).resolve().parent.parent
STORY = (
    "They never paid me for overtime at the market, about 12 hours every week since January 2025. "
    "When I complained to the manager he fired me the next day."
)


def journey(url: str, token: str, number: int) -> list[float]:
    """What one person does; the seconds of each request. Raises when an answer is not what it must be."""
    seconds: list[float] = []
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=url, headers=headers, timeout=300, trust_env=False) as client:

        def ask(method: str, path: str, status: int, **more: object) -> httpx2.Response:
            began = time.perf_counter()
            answer = client.request(method, path, **more)  # type: ignore[arg-type]  # passed on as they are
            seconds.append(time.perf_counter() - began)
            if answer.status_code != status:
                raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return answer

        case = f"/api/v1/cases/{ask('POST', '/api/v1/cases', 201, json={'title': f'case {number}'}).json()['id']}"
        ask("POST", f"{case}/story", 202, json={"text": STORY})
        with client.stream("GET", f"{case}/events") as events:
            next(line for line in events.iter_lines() if line == "event: found")
        for _ in range(3):
            step = ask("GET", f"{case}/step", 200).json()
            said = {"claim": step["claim"], "element": step["element"], "text": f"answer of {number}"}
            ask("POST", f"{case}/answers", 200, json=said)
        letter = f"letter {number} {time.time_ns()}".encode() * 2000
        cid = ask("POST", f"{case}/evidence", 201, files={"file": ("letter.txt", letter)}).json()["cid"]
        if ask("GET", f"{case}/evidence/{cid}", 200).content != letter:
            raise RuntimeError("a file came back changed")
        view = ask("GET", f"{case}/view", 200).json()
        if {answer["text"] for answer in view["answers"]} != {f"answer of {number}"}:
            raise RuntimeError("somebody else's answer")
        ask("DELETE", case, 204)
    return seconds


def one_round(url: str, tokens: Sequence[str]) -> tuple[list[str], list[float]]:
    """Everybody at once; the errors and the seconds of all requests."""
    errors: list[str] = []
    seconds: list[float] = []

    def person(number: int) -> None:
        try:
            seconds.extend(journey(url, tokens[number], number))
        except Exception as error:  # it is counted, not raised: the others go on
            errors.append(f"{type(error).__name__}: {error}")

    with ThreadPoolExecutor(len(tokens)) as people:
        list(people.map(person, range(len(tokens))))
    return errors, seconds


def main() -> int:
    """Print one line a round; the exit code tells whether there was an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, url, tokens = _started(Path(folder), arguments.people)
        try:
            return _measure(lambda: one_round(url, tokens), psutil.Process(process.pid), arguments.rounds)
        finally:
            process.terminate()
            process.wait(30)


def _measure(run: Callable[[], tuple[list[str], list[float]]], process: psutil.Process, rounds: int) -> int:
    wrong = 0
    for number in range(1, rounds + 1):
        began = time.perf_counter()
        errors, seconds = run()
        lasted = time.perf_counter() - began
        wrong += len(errors)
        ranked = sorted(seconds)
        print(
            f"round {number}: {len(errors)} errors, {len(seconds) / lasted:.0f} requests/s, median "
            f"{statistics.median(ranked) * 1000:.0f} ms, p99 {ranked[len(ranked) * 99 // 100] * 1000:.0f} ms, "
            f"memory {process.memory_info().rss / 2**20:.0f} MiB"
        )
        for error in errors[:3]:
            print(f"  {error}")
    return 1 if wrong else 0


def _started(folder: Path, people: int) -> tuple[subprocess.Popen[str], str, list[str]]:
    config = folder / "config.json"
    config.write_text(
        json.dumps(
            {
                "BACKENDS": [{"id": "mock", "type": "llm_router", "provider": "mock"}],
                "MEDIATOR": {"backends": ["mock"], "state_dir": "state"},
                "EVIDENCE": {"path": "evidence"},
                "SERVER": {"requests_per_minute": 100000},
            }
        )
    )
    from mediator.interfaces.serving import Accounts

    accounts = Accounts(folder / "state" / "accounts.sqlite3")
    tokens = [accounts.add_token("load", f"person{n}", ("cases",))[1] for n in range(people)]
    accounts.close()
    process = subprocess.Popen(
        [sys.executable, "run.py", "--config", str(config), "serve", "--port", "0"],
        cwd=HOME, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().strip().rstrip("/"), tokens


if __name__ == "__main__":
    sys.exit(main())
