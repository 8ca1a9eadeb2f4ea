"""The screen of pairs: bits survive packing, and no pair is dropped that the criterion keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.pair_screen import (
    lowest_bit,
    may_meet,
    pack_bits,
    relative_motion,
    screen_limit,
)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_pack_and_unpack(share):
    """Taking the lowest bits out one by one gives back the columns that were set."""
    words = 3
    mask = np.random.default_rng(0).random((4, 2, 32 * words)) < share
    packed = np.asarray(pack_bits(jnp.asarray(mask)))
    assert packed.shape == (4, 2, words) and packed.dtype == np.uint32
    found = np.zeros_like(mask)
    rest = packed.copy()
    while rest.any():
        bit = np.asarray(lowest_bit(jnp.asarray(rest.reshape(-1)))).reshape(rest.shape)
        for place in np.argwhere(rest > 0):
            column = bit[tuple(place)] * words + place[-1]
            assert not found[(*place[:-1], column)]
            found[(*place[:-1], column)] = True
        rest = rest & (rest - np.where(rest > 0, 1, 0).astype(np.uint32))
    np.testing.assert_array_equal(found, mask)


def test_lowest_bit():
    words = jnp.asarray([1, 2, 3, 12, 1 << 31, 2**32 - 1], jnp.uint32)
    np.testing.assert_array_equal(lowest_bit(words), [0, 1, 0, 2, 31, 0])


@jax.jit
def screened(start, shift, diffusivity, step, reach, range_):
    """The (n, n) mask of the screen for one replica; all of (d, n) or (n,)."""
    farthest = jnp.sqrt(jnp.max(jnp.sum(shift**2, 0)))
    limit = screen_limit(diffusivity, step, reach, range_, farthest, diffusivity.max())
    rows = [[x[:, None] for x in places] for places in (start, shift)]
    motion = relative_motion(*rows, list(start), list(shift))
    return may_meet(*motion, limit[:, None] + limit)


def exact(start, shift, diffusivity, step, reach, range_):
    """w < reach by its formula, in numpy and double precision, or ends closer than 2ρ together."""
    start, shift, d = (np.asarray(x, float) for x in (start, shift, diffusivity))
    r0 = start[:, None, :] - start[:, :, None]
    r0 -= np.round(r0)
    r1 = r0 + shift[:, None, :] - shift[:, :, None]
    far = np.sqrt((r0**2).sum(0)) + np.sqrt((r1**2).sum(0)) - 2 * range_
    w = (far**2 - ((r1 - r0) ** 2).sum(0)) / (4 * (d[:, None] + d) * step)
    return (far <= 0) | (w < reach)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize(
    ("step", "range_"), [(1e-4, 1e-3), (1e-3, 0.05), (5e-3, 0.01), (1e-6, 0.1)]
)
def test_no_pair_is_dropped(dtype, dimension, step, range_):
    """Brute force over all pairs, across the faces of the torus and for unlike diffusivities.

    The criterion and the screen differ by rounding where w is within 1e-4·reach of it, so the
    exact one is asked with a reach smaller by that. Fails with the term in ρ² left out of the
    share, with the nearest image left out, and with 8·reach in L² replaced by 2·reach.
    """
    rng = np.random.default_rng(dimension)
    n, reach = 400, 10.0
    d = rng.choice([0.1, 0.5, 1.0], n)
    start = rng.random((dimension, n))
    shift = np.sqrt(2 * d * step) * rng.normal(size=(dimension, n))
    args = [jnp.asarray(x, dtype) for x in (start, shift, d)]
    found = np.asarray(screened(*args, jnp.asarray(step, dtype), reach, jnp.asarray(range_, dtype)))
    needed = exact(*args, step, reach * (1 - 1e-4), range_)
    np.fill_diagonal(needed, False)
    assert needed.sum() > 10, "the case must hold pairs that count"
    assert np.all(found[needed])
    # And it is a screen: at ranges that are short against the box it drops most pairs.
    if range_ < 0.05:
        assert found.sum() < 0.9 * found.size


def test_the_step_is_in_the_bound():
    """A pair at distance x that does not move is kept up to x² = reach·Dτ, at range 0."""
    step, reach = 1e-3, 10.0
    edge = np.sqrt(2 * step * reach)
    for x, kept in ((0.999 * edge, True), (1.001 * edge, False)):
        start = jnp.asarray([[0.01, (0.01 - x) % 1], [0.5, 0.5], [0.5, 0.5]])
        mask = screened(start, jnp.zeros((3, 2)), jnp.ones(2), step, reach, 0.0)
        assert bool(mask[0, 1]) == kept


def test_a_slow_pair_beside_a_fast_one_is_not_screened_by_the_mean():
    """Each share holds its own d: the bound of a pair grows with d_i + d_j."""
    step, reach, d = 1e-3, 10.0, np.array([0.2, 1.0])
    for i, j in ((0, 0), (0, 1), (1, 1)):
        edge = np.sqrt((d[i] + d[j]) * step * reach)
        for x, kept in ((0.99 * edge, True), (1.01 * edge, False)):
            start = jnp.asarray([[0.5, 0.5 + x], [0.5, 0.5]])
            pair = jnp.asarray([d[i], d[j]])
            mask = screened(start, jnp.zeros((2, 2)), pair, step, reach, 0.0)
            assert bool(mask[0, 1]) == kept, (i, j, x)
