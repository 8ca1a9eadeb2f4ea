"""Random tuples: uniform, of different members, and where a sequence first repeats one."""

import itertools

import jax
import numpy as np
import pytest
from scipy import stats

from jaxkin.numerics import tuples

below = jax.jit(tuples.below)
different = jax.jit(tuples.different, static_argnums=1)
disjoint_pairs = jax.jit(tuples.disjoint_pairs, static_argnums=(2, 3))
first_repeat = jax.jit(tuples.first_repeat)


def words(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 2**32, shape, dtype=np.uint32)


@pytest.mark.parametrize("limit", [1, 2, 7, 65535, 65536, 1_000_003, 2**31 - 1])
def test_below_is_the_upper_half_of_the_product(limit):
    given = words(4096)
    exact = (np.asarray(given).astype(object) * limit) >> 32
    np.testing.assert_array_equal(np.asarray(below(given, limit)), exact.astype(np.int64))


@pytest.mark.parametrize(("order", "size"), [(1, 4), (2, 2), (2, 5), (3, 4), (4, 4)])
def test_every_ordered_tuple_is_equally_likely(order, size):
    """Chi-square at 1e-6. Fails if the places taken are passed over without sorting them."""
    found = np.asarray(different(words((order, 60_000), order), size))
    every = {t: k for k, t in enumerate(itertools.permutations(range(size), order))}
    counts = np.bincount([every[tuple(t)] for t in found.T], minlength=len(every))
    assert counts.sum() == 60_000
    if len(every) > 1:
        assert stats.chisquare(counts).pvalue > 1e-6


@pytest.mark.parametrize("order", [1, 2, 3])
def test_first_repeat_by_brute_force(order):
    rng = np.random.default_rng(order)
    for _ in range(200):
        places = np.stack([rng.permutation(30)[:order] for _ in range(12)], 1)
        used = rng.random((order, 12)) < 0.8
        seen, expected = set(), 12
        for n in range(12):
            here = set(places[used[:, n], n])
            if here & seen:
                expected = n
                break
            seen |= here
        assert int(first_repeat(places, used)) == expected


@pytest.mark.parametrize(("size", "number"), [(6, 3), (7, 2), (7, 3), (8, 1)])
def test_disjoint_pairs_are_disjoint_and_every_pair_is_equally_likely(size, number):
    """Chi-square of one of the pairs at 1e-6. Fails if the lone player of an odd round meets."""
    drawn = words((2, 40_000), size)
    pairs = np.asarray(disjoint_pairs(drawn[0], drawn[1], size, number))
    assert pairs.shape == (2, number, 40_000) and pairs.min() >= 0 and pairs.max() < size
    ordered = np.sort(pairs.reshape(2 * number, -1), axis=0)
    assert np.all(np.diff(ordered, axis=0) > 0)
    low, high = np.sort(pairs[:, 0], axis=0)
    counts = np.bincount(low * size + high, minlength=size**2)
    assert np.count_nonzero(counts) == size * (size - 1) // 2
    assert stats.chisquare(counts[counts > 0]).pvalue > 1e-6
