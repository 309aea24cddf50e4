"""The router beside bare clients and LiteLLM, in one run on a local model server. `make bench-router` runs it.

Each contender measures itself in a process of its own; only ratios within one run are compared with the bars.
LiteLLM pins an older openai client, so it lives in an environment of its own (--litellm-python).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
RESULTS = HOME / "benchmarks" / "RESULTS.md"
NAMES = ("aiohttp", "httpx2", "httpx", "router", "openai", "litellm")
IMPORTS = {
    "router": "backends.llm_router",
    "litellm": "litellm",
    "openai": "openai",
    "httpx": "httpx",
    "aiohttp": "aiohttp",
}
IDEAL_64 = 64 / 0.05
_IMPORT_PROGRAM = """
import resource, sys, time
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        asked.append(event)
asked = []
sys.addaudithook(refuse)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
import {module}
spent = (time.perf_counter() - started) * 1000
print(spent, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, len(asked))
"""


@contextlib.contextmanager
def model_server(delay: float) -> Iterator[str]:
    """A model server in a process of its own; it ends when its standard input is closed."""
    command = [sys.executable, "-m", "benchmarks.model_server", "--delay", str(delay)]
    with subprocess.Popen(command, cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.stdin.close()
        server.wait(10)


def import_cost(python: str, module: str) -> dict[str, float]:
    """Median milliseconds and MiB of a fresh import, and how often the network was asked."""
    rows = []
    for _ in range(5):
        done = subprocess.run(
            [python, "-c", _IMPORT_PROGRAM.format(module=module)],
            cwd=HOME,
            env=_env(),
            capture_output=True,
            text=True,
            check=True,
        )
        rows.append([float(figure) for figure in done.stdout.split()])
    ms, mib, asked = (statistics.median(column) for column in zip(*rows, strict=True))
    return {"import_ms": ms, "import_mib": mib, "import_requests": asked}


def _env() -> dict[str, str]:
    """LiteLLM asks the network for a price list and waits for it; told not to, it is judged by its own work alone."""
    return {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def versions(python: str) -> dict[str, str]:
    """The versions that are compared."""
    program = (
        "import importlib.metadata as m\n"
        "for n in ('aiohttp','httpx','httpx2','openai','litellm'):\n"
        "    try: print(n, m.version(n))\n"
        "    except m.PackageNotFoundError: pass"
    )
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return dict(line.split() for line in done.stdout.splitlines())


def measure(name: str, python: str, instant: str, slow: str) -> dict[str, Any]:
    """All figures of one contender."""
    done = subprocess.run(
        [python, "-m", "benchmarks.router_contenders", name, instant, slow],
        cwd=HOME, env=_env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if name in IMPORTS:
        figures |= import_cost(python, IMPORTS[name])
    return figures


def bars(found: dict[str, dict[str, Any]]) -> list[tuple[str, str, bool]]:
    """What was promised, what was seen, and whether it holds."""
    ours, theirs, litellm, bare = found["router"], found["openai"], found["litellm"], found["httpx"]
    added, added_litellm = ours["call_ms"] - bare["call_ms"], litellm["call_ms"] - bare["call_ms"]
    # The plain bar was set where bare aiohttp took 170 microseconds a call.
    allowed_us = found["aiohttp"]["call_ms"] * 1000 * 30 / 170
    best_64 = max(ours["asyncio_slow_64"], ours["threads_slow_64"])
    rows = [
        (
            "import at most a tenth of LiteLLM's",
            f"{ours['import_ms']:.0f} of {litellm['import_ms']:.0f} ms",
            ours["import_ms"] * 10 <= litellm["import_ms"],
        ),
        ("no request at import", f"{ours['import_requests']:.0f}", ours["import_requests"] == 0),
        (
            "added time over httpx at most a fifth of LiteLLM's",
            f"{added:+.3f} of {added_litellm:+.3f} ms",
            added * 5 <= added_litellm,
        ),
        (
            "a call sooner than the openai client",
            f"{ours['call_ms']:.3f} against {theirs['call_ms']:.3f} ms",
            ours["call_ms"] < theirs["call_ms"],
        ),
        (
            "0.85 of the ideal at 64 at a time, 50 ms server",
            f"{best_64 / IDEAL_64:.2f} (asyncio {ours['asyncio_slow_64']:.0f}, threads {ours['threads_slow_64']:.0f})",
            best_64 >= 0.85 * IDEAL_64,
        ),
        (
            "4 times LiteLLM at 64 at a time, instant server",
            f"asyncio {ours['asyncio_instant_64'] / litellm['asyncio_instant_64']:.1f}, "
            f"threads {ours['threads_instant_64'] / litellm['threads_instant_64']:.1f} times",
            ours["asyncio_instant_64"] >= 4 * litellm["asyncio_instant_64"]
            and ours["threads_instant_64"] >= 4 * litellm["threads_instant_64"],
        ),
        ("a memory cache hit under 30 microseconds", f"{ours['cache_hit_us']:.1f}", ours["cache_hit_us"] < 30),
        (
            "the same beside bare aiohttp of the same run: at most 30/170 of its call",
            f"{ours['cache_hit_us']:.1f} of {allowed_us:.1f} microseconds",
            ours["cache_hit_us"] <= allowed_us,
        ),
    ]
    for count in (1, 16, 64):
        for kind in ("threads", "asyncio"):
            key = f"{kind}_instant_{count}"
            rows.append(
                (
                    f"more calls a second than openai, {count} at a time, {kind}",
                    f"{ours[key]:.0f} against {theirs[key]:.0f}",
                    ours[key] > theirs[key],
                )
            )
    return rows


def table(found: dict[str, dict[str, Any]]) -> str:
    """The figures as Markdown."""
    columns = [
        ("import ms", "import_ms", ".0f"),
        ("import MiB", "import_mib", ".0f"),
        ("call ms", "call_ms", ".3f"),
        ("chunk us", "chunk_us", ".0f"),
    ]
    for label, place in (("instant", "at once"), ("slow", "50 ms")):
        for kind in ("threads", "asyncio"):
            columns += [(f"{kind} {n} {place}", f"{kind}_{label}_{n}", ".0f") for n in (1, 16, 64)]
    columns.append(("cache hit us", "cache_hit_us", ".1f"))
    lines = ["| figure | " + " | ".join(found) + " |", "| --- |" + " ---: |" * len(found)]
    for title, key, form in columns:
        cells = [format(figures[key], form) if key in figures else "" for figures in found.values()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(found: dict[str, dict[str, Any]], litellm_python: str) -> str:
    """RESULTS.md's part on the router."""
    told = versions(sys.executable) | {"litellm": versions(litellm_python).get("litellm", "?")}
    rows = [f"| {what} | {seen} | {'yes' if holds else 'NO'} |" for what, seen, holds in bars(found)]
    return "\n".join(
        [
            "## The router (`make bench-router`)",
            "",
            f"Python {platform.python_version()}, {platform.machine()}, 2 cores; "
            + ", ".join(f"{name} {version}" for name, version in told.items())
            + ". Calls a second unless said otherwise; the router has cache, limit, breaker, retries, fallback, budget "
            "and traces on. The server is a process of its own on loopback. "
            "The bars in microseconds were set on a machine where bare aiohttp took 0.17 ms a call.",
            "",
            table(found),
            "",
            "| bar | seen | holds |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def keep(part: str) -> None:
    """Put the part into RESULTS.md in place of the older one."""
    title = part.splitlines()[0]
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Benchmark results\n\n"
    older = re.compile(re.escape(title) + r"\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    text = older.sub("", text).rstrip() + "\n\n" + part
    RESULTS.write_text(text, encoding="utf-8")


def main() -> int:
    """Measure, print, keep; the exit code is 1 when a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--litellm-python", default=str(HOME / ".venv-bench" / "bin" / "python"))
    parser.add_argument("--only", nargs="*", default=NAMES, choices=NAMES)
    arguments = parser.parse_args()
    found = {}
    with model_server(0.0) as instant, model_server(0.05) as slow:
        for name in arguments.only:
            sys.stderr.write(f"measuring {name} ...\n")
            python = arguments.litellm_python if name == "litellm" else sys.executable
            found[name] = measure(name, python, instant, slow)
    if set(found) != set(NAMES):
        sys.stdout.write(table(found) + "\n")
        return 0
    part = page(found, arguments.litellm_python)
    sys.stdout.write(part)
    keep(part)
    return 0 if all(holds for _, _, holds in bars(found)) else 1


if __name__ == "__main__":
    sys.exit(main())
