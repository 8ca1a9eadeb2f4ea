"""Tests run in double precision; the library itself never switches it on."""

import os
from pathlib import Path

# A check inside a compiled program calls back to the host, and such a program cannot be kept in
# the cache of compiled programs. So here a check that fails gives NaN, which fails a comparison
# with a number (and not one with another NaN); a test of the error itself asks for `errors_raise`,
# and the examples run as users run them.
os.environ.setdefault("EQX_ON_ERROR", "nan")  # equinox reads it when it is imported

import jax
import pytest

jax.config.update("jax_enable_x64", True)
# One computation at a time, for the reason that `jaxkin.numerics.batched_map` gives.
jax.config.update("jax_cpu_enable_async_dispatch", False)

MAPS = Path("/proc/self/maps")


@pytest.fixture(scope="module", autouse=True)
def forget_programs():
    """Free compiled programs before the process runs out of memory mappings (65530 on Linux).

    Each program takes some; without them left, the compiler crashes.
    """
    yield
    if MAPS.exists() and len(MAPS.read_bytes().splitlines()) > 20_000:
        jax.clear_caches()


@pytest.fixture
def errors_raise(monkeypatch):
    """Let a check inside a compiled program raise, as it does for users."""
    jax.clear_caches()  # programs that give NaN instead
    monkeypatch.setattr("equinox._errors.EQX_ON_ERROR", "raise")
    yield
    jax.clear_caches()
