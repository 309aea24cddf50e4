"""The one-hour soak of ``benchmarks/local_soak.py``, shortened."""

import pytest

from backends.workstation import WorkstationBackend
from benchmarks.local_soak import soak


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_is_flat_over_calls_of_every_kind() -> None:
    with WorkstationBackend(n_ctx=768, n_threads=1) as backend:
        state = soak(backend, lambda state: state.calls < 240)
    assert state.calls >= 240
    assert state.errors > 0
    assert state.flat, f"memory grew by {state.growth / 1e6:.1f} MB"
