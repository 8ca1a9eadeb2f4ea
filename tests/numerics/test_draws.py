"""Directions from random words: uniform on the sphere, of a length between 1 and 2."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.numerics.draws import to_direction

NUMBER = 2**20
drawn = jax.jit(to_direction, static_argnums=(1, 2))


@functools.cache
def directions(dimension, dtype):
    words = jax.random.bits(jax.random.key(dimension), (dimension - 1, NUMBER), jnp.uint32)
    sigma = np.asarray(drawn(list(words), dimension, jnp.dtype(dtype)), float)
    # The length comes from the last byte, as it is written in `to_direction`.
    length = 1 + (np.asarray(words[0]) & 255) / 256
    np.testing.assert_allclose(np.sqrt(np.sum(sigma**2, 0)) / length, 1, rtol=0, atol=3e-7)
    return sigma / length


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dimension", [2, 3])
def test_moments_of_a_uniform_direction(dimension, dtype):
    """Means of all monomials to degree 6, at 5 standard errors."""
    sigma = directions(dimension, dtype)
    double_factorial = {0: 1, 2: 1, 4: 3, 6: 15}
    raised = [np.ones_like(sigma)]
    for _ in range(6):
        raised.append(raised[-1] * sigma)
    for powers in np.ndindex(*[7] * dimension):
        degree = sum(powers)
        if not 0 < degree <= 6:
            continue
        truth = 0.0
        if all(p % 2 == 0 for p in powers):
            rising = np.prod([dimension + 2 * k for k in range(degree // 2)])
            truth = np.prod([double_factorial[p] for p in powers]) / rising
        sample = functools.reduce(np.multiply, [raised[p][k] for k, p in enumerate(powers)])
        error = sample.std() / NUMBER**0.5
        assert abs(sample.mean() - truth) < 5 * error, powers


def test_single_precision_agrees_with_double():
    """The polynomial of the sine: 7e-9, and a few roundings of numbers of order 1.

    At the poles √(1 − z²) feels the rounding of z by 1/√(1 − z²), so that its square is compared.
    """
    single, double = directions(2, np.float32), directions(2, np.float64)
    np.testing.assert_allclose(single, double, rtol=0, atol=6e-7)
    single, double = directions(3, np.float32), directions(3, np.float64)
    np.testing.assert_allclose(single[2], double[2], rtol=0, atol=2e-7)
    np.testing.assert_allclose(np.sum(single[:2] ** 2, 0), 1 - double[2] ** 2, rtol=0, atol=6e-7)


def test_all_words_are_survived():
    """The least and the largest word, and those of the axes."""
    ends = jnp.array([0, 1, 2**30, 2**31 - 1, 2**31, 3 * 2**30, 2**32 - 1], jnp.uint32)
    a, b = (x.reshape(-1) for x in jnp.meshgrid(ends, ends))
    for dtype in (jnp.float32, jnp.float64):
        found = drawn([a, b], 3, jnp.dtype(dtype))
        square = np.sum(np.asarray(found) ** 2, 0)
        assert np.all((square > 1 - 1e-6) & (square < 4)), square
