"""Tests run in double precision; the library itself never switches it on."""

from pathlib import Path

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
