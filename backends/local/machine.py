"""What this machine can give: cores that compute and memory that is free, containers' limits included."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["available_memory", "compute_threads", "resident_memory"]

_CGROUP = Path("/sys/fs/cgroup")


def compute_threads() -> int:
    """Physical cores that this process may use: llama.cpp gains nothing from hyper-threads."""
    import psutil

    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    quota = _cpu_quota()
    return max(1, cores if quota is None else min(cores, quota))


def available_memory() -> int:
    """Bytes that could be used without swapping."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = _cgroup_number("memory.max"), _cgroup_number("memory.current")
    if limit is None or used is None:
        return free
    return min(free, max(0, limit - used))


def resident_memory() -> int:
    """Bytes of memory that this process holds now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def _cpu_quota() -> int | None:
    """Whole cores that the container may use; None without a limit."""
    try:
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        return None if quota == "max" else max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return None


def _cgroup_number(name: str) -> int | None:
    try:
        return int((_CGROUP / name).read_text())
    except (OSError, ValueError):  # no such file, or the word "max"
        return None
