"""The one-hour soak of ``benchmarks/local_soak.py``, shortened."""

import pytest

from backends.exceptions import BackendTimeoutError, ContextLengthError, ProviderUnavailableError
from backends.workstation import WorkstationBackend
from benchmarks.local_soak import Soak, soak


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_is_flat_over_calls_of_every_kind() -> None:
    with WorkstationBackend(n_ctx=768, n_threads=1) as backend:
        state = soak(backend, lambda state: state.calls < 240)
    assert state.calls >= 240
    assert state.failures == []
    assert state.refused > 0
    assert state.flat, f"memory grew by {state.growth / 1e6:.1f} MB"


@pytest.mark.parametrize(
    ("megabytes", "flat"),
    [
        ([300], True),
        ([300] * 9, True),
        ([300, 301, 330], True),
        ([300, 320, 340], False),
        ([300] * 6 + [350] * 3, False),
    ],
)
def test_flat_is_told_from_growing(megabytes: list[int], flat: bool) -> None:
    assert Soak(memory=[count * 1_000_000 for count in megabytes]).flat is flat


def test_a_call_may_only_fail_as_its_kind_is_meant_to() -> None:
    state = Soak()
    stopped = ProviderUnavailableError("stopped")
    for kind, error in [(2, BackendTimeoutError("late")), (3, ContextLengthError("long")), (2, stopped), (6, None)]:
        state.note(kind, error)
    state.note(6, late := BackendTimeoutError("late"))
    assert (state.calls, state.refused, state.failures) == (5, 2, [stopped, late])
