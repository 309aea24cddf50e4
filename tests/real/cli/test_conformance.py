"""The agent programs keep every promise of every backend."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backends.base import Backend
from tests.backends.conformance import PROMISES
from tests.real.cli.programs import PROVIDERS, Bench

pytestmark = [pytest.mark.cli, pytest.mark.slow]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_promise_is_kept(provider: str, promise: Callable[[Backend], None], bench: Bench) -> None:
    bench.server.answer = '{"word": "hello"}'

    promise(bench.make(provider))
