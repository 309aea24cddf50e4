"""What holds for every test: how quick a machine is decides nothing."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# An example that takes 200 ms on a busy machine is no failure; how long things may take is for benchmarks/.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
