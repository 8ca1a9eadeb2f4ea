"""Brownian trees: the law of the path, and that everybody sees the same path.

Standard errors are those of Gaussian samples: s²√(2/n) for a variance, √((s₁₁s₂₂ + s₁₂²)/n) for
a covariance.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from jaxkin.numerics.brownian_tree import displacement, node_words
from jaxkin.numerics.draws import to_normal, to_uniform

PATHS = 40_000
follow = jax.jit(displacement, static_argnums=4)
words_of_nodes = jax.jit(node_words)
normal = jax.jit(to_normal, static_argnums=1)


def keys(n, seed=0):
    return jax.random.bits(jax.random.key(seed), (2, n), jnp.uint32)


def path(time, levels, n=PATHS, dimension=2, total=0.0, spread=1.0, seed=0):
    """X(time) of n paths as a numpy array (d, n)."""
    total = jnp.full((dimension, n), total)
    sampled = follow(keys(n, seed), jnp.full(n, time), total, jnp.full(n, spread), levels)
    return np.asarray(sampled)


@pytest.mark.parametrize(("s", "t"), [(0.25, 0.75), (0.3, 0.41), (0.125, 0.9)])
def test_law_of_the_bridge(s, t):
    """E X(t) = tΔ and Cov(X(s), X(t)) = 2dτ s(1 − t); coordinates are independent.

    What 24 levels leave out has variance spread²·2^{−24}, far below the errors. Fails with the
    factor √½ in the size of a level replaced by 1, and with 2^{−l} in place of 2^{−l/2}.
    """
    spread, total = 0.7, 0.2
    x, y = (path(u, 24, total=total, spread=spread) for u in (s, t))
    law = 2 * spread**2 * np.array([[s * (1 - s), s * (1 - t)], [s * (1 - t), t * (1 - t)]])
    for k in range(2):
        assert abs(x[k].mean() - total * s) < 5 * np.sqrt(law[0, 0] / PATHS)
        a, b = x[k] - total * s, y[k] - total * t
        for (p, q), found in {(0, 0): a * a, (1, 1): b * b, (0, 1): a * b}.items():
            error = np.sqrt((law[p, p] * law[q, q] + law[p, q] ** 2) / PATHS)
            assert abs(found.mean() - law[p, q]) < 5 * error
    mixed = (x[0] - total * s) * (y[1] - total * t)
    assert abs(mixed.mean()) < 5 * np.sqrt(law[0, 0] * law[1, 1] / PATHS)


def test_increments_of_a_free_path_are_independent():
    """With Δ itself normal of variance 2dτ the path is a free Brownian motion.

    Fails with the factor √½ in the size of a level replaced by 1.
    """
    n = PATHS
    total = jnp.sqrt(2.0) * jax.random.normal(jax.random.key(5), (1, n))
    x = [np.asarray(follow(keys(n), jnp.full(n, t), total, jnp.ones(n), 24)[0]) for t in (0.2, 0.5)]
    error = np.sqrt(0.4 * 0.6 / n)
    assert abs(np.mean(x[0] * (x[1] - x[0]))) < 5 * error
    assert abs(np.var(x[1] - x[0]) - 0.6) < 5 * 0.6 * np.sqrt(2 / n)


def test_ends_of_the_path():
    total = jnp.asarray([[0.3, -0.1], [0.2, 0.5]])
    for time, fraction in ((0.0, 0.0), (1.0, 1.0)):
        x = follow(keys(2), np.full(2, time), total, np.ones(2), 12)
        np.testing.assert_allclose(x, fraction * total, atol=1e-15)


def test_what_is_left_out():
    """Levels l ≥ L add variance Σ_l spread²·2^{−l}/2·E[hat²] ≤ spread²·2^{−L}, E over normals.

    At t = 1/3 every hat is 2/3: the variance of what L levels leave out is (4/9)·2^{−L}.
    Fails with √½ replaced by 1.
    """
    fine = path(1 / 3, 24)
    for levels in (2, 5, 8):
        rest = np.var(fine - path(1 / 3, levels))
        law = 4 / 9 * 2.0**-levels
        assert abs(rest - law) < 5 * law * np.sqrt(2 / (2 * PATHS)) + law * 2.0 ** (levels - 24)


def test_midpoints_are_the_path_at_dyadic_times():
    """Bisecting by node_words, child by child, visits the values of `displacement`.

    It is what a contact search does: root 1, children 2k and 2k + 1, the midpoint of a segment of
    duration h with ends x₀, x₁ being (x₀ + x₁)/2 + √(dτh/2) ξ. Fails if children are numbered
    2k + 1 and 2k + 2.
    """
    n, levels, spread = 3, 6, 0.8
    own, total = keys(n, 3), jnp.asarray(np.random.default_rng(0).normal(size=(2, n)))
    seen = {}

    def bisect(node, level, start, left, right):
        if level == levels:
            return
        duration = 2.0**-level
        words = words_of_nodes(own, np.full(n, node), np.full(n, level))
        middle = (left + right) / 2 + spread * np.sqrt(duration / 2) * np.asarray(
            normal(words[:2], float)
        )
        seen[start + duration / 2] = middle
        bisect(2 * node, level + 1, start, left, middle)
        bisect(2 * node + 1, level + 1, start + duration / 2, middle, right)

    bisect(1, 0, 0.0, np.zeros((2, n)), np.asarray(total))
    assert len(seen) == 2**levels - 1
    for time, x in seen.items():
        whole = follow(own, np.full(n, time), total, np.full(n, spread), 12)
        np.testing.assert_allclose(whole, x, atol=1e-14)


def test_nodes_have_names_of_their_own():
    """No two of the first 2¹⁴ nodes share a word, nor the four words of a node."""
    level = np.concatenate([np.full(2**k, k) for k in range(14)])
    node = np.concatenate([2**k + np.arange(2**k) for k in range(14)])
    one_key = np.tile(keys(1), (1, node.size))
    words = np.asarray(words_of_nodes(one_key, node, level)).astype(np.uint64)
    pairs = np.concatenate([(words[0] << 32) | words[1], (words[2] << 32) | words[3]])
    assert np.unique(pairs).size == pairs.size
    # Deep nodes keep the last 32 bits of their place; the level still tells them apart.
    same_node = np.full(40, 77, np.uint32)
    deep = words_of_nodes(np.tile(keys(1), (1, 40)), same_node, np.arange(40))
    assert np.unique(np.asarray(deep)[0]).size == 40


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_normals(dtype):
    """Moments and law of `to_normal`; extremes are finite and symmetric.

    2²³ values of the uniform shift moments by less than 1e-6, below the errors 1/√n ~ 1e-3. Fails
    with the variance 5 % off.
    """
    words = jax.random.bits(jax.random.key(1), (1_000_000,), jnp.uint32)
    x = normal(words, dtype)
    assert x.dtype == dtype
    x = np.asarray(x, float)
    n = x.size
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(x**power) - moment) < 5 * np.sqrt(variance / n)
    assert stats.kstest(x[:100_000], "norm").pvalue > 1e-6
    ends = np.asarray(normal(np.array([0, 2**32 - 1], np.uint32), dtype), float)
    assert np.all(np.isfinite(ends)) and ends[0] == -ends[1]
    # The last of 2²³ equal cells of the uniform has its middle at 2^{−24}. In single precision
    # 1 − 2^{−23} is exact, so only erf⁻¹ itself errs.
    np.testing.assert_allclose(ends[1], -special.ndtri(2.0**-24), rtol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_uniforms_are_inside(dtype):
    words = jnp.asarray([0, 2**32 - 1, 1 << 31], jnp.uint32)
    u = np.asarray(to_uniform(words, dtype), float)
    # All 32 bits near 0; near 1 no more than single precision holds, and never 1 itself.
    np.testing.assert_allclose(u, [2.0**-33, 1 - 2.0**-24, 0.5], rtol=3e-10)
    assert 0 < u.min() and u.max() < 1
