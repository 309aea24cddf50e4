"""64 people at once: no error, nobody sees another's words, and memory does not grow with what was done."""

from __future__ import annotations

import gc

import psutil
import pytest

from benchmarks.server_load import one_round
from tests.mediator.serving.conftest import LOGIN, served


@pytest.mark.slow
def test_64_people_at_once_meet_no_error_and_leave_no_memory_behind(tmp_path):
    with served(tmp_path / "s", LOGIN) as site:
        tokens = [site.accounts.add_token("load", f"person{n}", ("cases",))[1] for n in range(64)]
        used = []
        for _ in range(3):
            errors, seconds = one_round(site.url, tokens)
            assert errors == []
            assert len(seconds) == 64 * 12
            gc.collect()
            used.append(psutil.Process().memory_info().rss)
        assert site.office.desk.open_sessions <= 64
        assert used[2] - used[1] < 48 * 2**20
