"""Velocity laws: samples against the density, moments against formulas, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from jaxkin.laws.random_mixture import RandomMixture
from jaxkin.laws.velocities import BKW, GaussianMixture, Maxwellian


def sample(law, number=200_000, seed=0):
    drawn = law.sample_particles(number, law.dimension, key=jax.random.key(seed))
    return np.asarray(drawn.velocity)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_bkw_moments(dimension, part):
    """Variance 1.7 and ⟨|v|⁴⟩ = 1.7² d(d+2)K(2−K), of samples and of the density."""
    d = dimension
    K = d / (d + 2) + part * 2 / (d + 2)
    law = BKW(K, d, variance=1.7)
    square = np.sum(sample(law) ** 2, 1)
    for power, exact in ((1, 1.7 * d), (2, 1.7**2 * d * (d + 2) * K * (2 - K))):
        values = square**power
        assert abs(values.mean() - exact) < 5 * values.std() / np.sqrt(values.size)
        area = {1: 2, 2: 2 * np.pi, 3: 4 * np.pi}[d]

        def shell(r, power=power, area=area):
            point = jnp.zeros(d).at[0].set(r)
            return area * r ** (d - 1 + 2 * power) * float(law.density(point))

        assert integrate.quad(shell, 0, 15)[0] == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("dimension", [2, 3])
def test_bkw_changes_as_it_should(dimension):
    """∂f/∂t of the formula against central differences in K, with K' = rate (1 − K)."""
    v = jnp.asarray(np.random.default_rng(0).normal(size=(50, dimension)))
    K, h, rate = 0.8, 1e-5, 0.17
    low, high = (BKW(K + s, dimension, 0.7).density(v) for s in (-h, h))
    slope = (high - low) / (2 * h)
    found = BKW(K, dimension, 0.7).rate_of_change(v, rate)
    np.testing.assert_allclose(found, slope * rate * (1 - K), atol=1e-10)
    assert float(BKW.at(6.5, 3).K) == pytest.approx(1 - np.exp(-6.5 / 6), rel=1e-7)


def test_mixture_of_gaussians():
    """Means and covariances of samples, and a density that integrates to them on a grid."""
    covariances = np.array([[[1.0, 0.3], [0.3, 0.5]], [[0.4, 0.0], [0.0, 0.6]]])
    law = GaussianMixture([3.0, 1.0], [[-1.0, 0.0], [2.0, 1.0]], covariances)
    v = sample(law)
    weights = np.array([0.75, 0.25])
    mean = weights @ np.array([[-1.0, 0.0], [2.0, 1.0]])
    assert np.all(np.abs(v.mean(0) - mean) < 5 * v.std(0) / np.sqrt(len(v)))
    axis = np.linspace(-8, 9, 400)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    f = np.asarray(law.density(jnp.asarray(grid))) * (axis[1] - axis[0]) ** 2
    assert f.sum() == pytest.approx(1, abs=1e-9)
    second = np.einsum("ij,ija,ijb->ab", f, grid, grid)
    outer = np.einsum("k,ka,kb->ab", weights, [[-1.0, 0.0], [2.0, 1.0]], [[-1.0, 0.0], [2.0, 1.0]])
    np.testing.assert_allclose(second, np.tensordot(weights, covariances, 1) + outer, atol=1e-8)


def test_a_random_mixture_draws_one_law_for_all():
    """All particles of a sample have the sign of its beam, and both beams come."""
    beams = [Maxwellian(3, 1e-4, mean) for mean in (1.0, -1.0)]
    law = RandomMixture(beams, [0.3, 0.7])
    signs = [np.sign(sample(law, 20, seed)[:, 0]) for seed in range(60)]
    assert all(np.all(s == s[0]) for s in signs)
    share = np.mean([s[0] > 0 for s in signs])
    assert abs(share - 0.3) < 5 * np.sqrt(0.21 / 60)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BKW(0.5, 3), r"`K` must lie in \[0.6, 1\)"),
        (lambda: BKW.at(5.0, 3), "`K` must lie in"),
        (lambda: Maxwellian(3, -1.0), "`temperature` must be finite and above 0"),
        (lambda: Maxwellian(0), "`dimension` must be a positive integer"),
        (lambda: GaussianMixture([1.0], [[0.0]], [[[-1.0]]]), "`covariances` must be positive"),
        (lambda: GaussianMixture([1.0], [0.0], [[1.0]]), "`means` must be"),
        (lambda: GaussianMixture([-1.0], [[0.0]], [[1.0]]), "`weights` must be finite"),
        (lambda: RandomMixture([], []), "`laws` must name at least one"),
        (
            lambda: RandomMixture([Maxwellian(2), Maxwellian(3)], [1, 1]),
            "`laws` must live in one dimension",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
