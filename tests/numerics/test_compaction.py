"""`set_places` against `np.flatnonzero`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.compaction import running_sum, set_places

places_of = jax.jit(set_places, static_argnums=1)


def expected(mask, size):
    found = np.flatnonzero(mask)[:size]
    return np.concatenate([found, np.full(size - found.size, mask.size)])


@pytest.mark.parametrize("n", [1, 63, 64, 65, 1000, 4096])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_first_places_in_order(n, share):
    """Sizes below, at and above the number that is set; masks around a whole block of 64."""
    mask = np.random.default_rng(n).random(n) < share
    for size in {1, n // 2 + 1, n, n + 3}:
        places = places_of(mask, size)
        assert places.dtype == jnp.int32
        np.testing.assert_array_equal(places, expected(mask, size))


def test_only_the_ends_are_set():
    mask = np.zeros(200, bool)
    mask[[0, 199]] = True
    np.testing.assert_array_equal(places_of(mask, 3), [0, 199, 200])


@pytest.mark.parametrize("n", [1 << 20, (1 << 20) + 1])
@pytest.mark.parametrize("share", [0.001, 1.0])
def test_large_masks(n, share):
    """Both sides of the size from which the plain function takes over; full: counts up to 2²⁰."""
    mask = np.random.default_rng(1).random(n) < share
    places = places_of(mask, n)
    np.testing.assert_array_equal(places, expected(mask, n))


def test_in_a_batch():
    masks = np.random.default_rng(2).random((3, 130)) < 0.2
    places = jax.jit(jax.vmap(lambda m: set_places(m, 40)))(masks)
    np.testing.assert_array_equal(places, [expected(m, 40) for m in masks])


@pytest.mark.parametrize("n", [1, 64, 65, 4096, 5000])
def test_running_sum(n):
    values = np.random.default_rng(n).integers(0, 5, n)
    found = jax.jit(running_sum)(values.astype(np.float32))
    np.testing.assert_array_equal(found, np.cumsum(values))
