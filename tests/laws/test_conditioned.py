"""Velocities conditioned on the energy sphere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.laws.velocities import BKW, GaussianMixture, Maxwellian


def draws(law, number, replicas):
    keys = jax.random.split(jax.random.key(0), replicas)
    return np.asarray(
        jax.vmap(lambda k: law.sample_velocities(number, key=k, dtype=jnp.float64))(keys)
    )


@pytest.mark.slow
def test_a_gaussian_is_uniform_on_the_sphere():
    """E|v|⁴ = d(d+2)·N/(dN+2)·T² on |V|² = dNT; 15 without the condition."""
    n, law = 6, jk.laws.Conditioned(Maxwellian(3, 2.0), sweeps=2)
    v = draws(law, n, 20_000)
    np.testing.assert_allclose(np.sum(v**2, (1, 2)), 2 * 3 * n, rtol=1e-12)
    fourth = np.mean(np.sum(v**2, 2) ** 2, 1)
    expected = 4 * 15 * 3 * n / (3 * n + 2)
    assert abs(fourth.mean() - expected) < 5 * fourth.std() / np.sqrt(len(v))


@pytest.mark.slow
@pytest.mark.parametrize("momentum", [False, True])
def test_the_chain_finds_the_conditional_law(momentum):
    """Three velocities of a mixture in d = 2, by importance sampling.

    Uniform points on the sphere weighted by f₀⊗f₀⊗f₀ give the same mean of Σ|v|⁴; without the
    chain (no sweeps) it is off by more than 5 standard errors.
    """
    base = GaussianMixture([0.5, 0.5], [[0.0, 0.0]] * 2, [[0.1, 0.1], [2.0, 2.0]])
    n, energy, rng = 3, 1.2, np.random.default_rng(0)
    x = rng.normal(size=(400_000, n, 2))
    if momentum:
        x -= x.mean(1, keepdims=True)
    x *= np.sqrt(2 * n * energy / np.sum(x**2, (1, 2)))[:, None, None]
    weight = np.prod(np.asarray(base.density(jnp.asarray(x))), 1)
    values = np.sum(np.sum(x**2, 2) ** 2, 1)
    expected = np.sum(weight * values) / weight.sum()
    uncertain = np.sqrt(np.sum(weight**2 * (values - expected) ** 2)) / weight.sum()
    found = {}
    for sweeps in (0, 40):
        law = jk.laws.Conditioned(base, energy, momentum=momentum, sweeps=sweeps)
        v = draws(law, n, 20_000)
        fourth = np.sum(np.sum(v**2, 2) ** 2, 1)
        found[sweeps] = (fourth.mean() - expected) / np.hypot(uncertain, fourth.std() / 20_000**0.5)
        np.testing.assert_allclose(np.sum(v**2, (1, 2)), 2 * n * energy, rtol=1e-10)
        if momentum:
            np.testing.assert_allclose(v.mean(1), 0, atol=1e-12)
    assert abs(found[40]) < 5 < abs(found[0])


@pytest.mark.slow
def test_it_runs_in_a_gas_and_in_an_equation():
    law = jk.laws.Conditioned(BKW(0.7), sweeps=2)
    gas = jk.KacGas(20, kernel=jk.MaxwellKernel(np.float32(1)))
    times = jnp.array([0.0, 1.0])
    data = jk.simulate(gas, law, times, key=jax.random.key(0), replicas=8)
    np.testing.assert_allclose(data["energy"], 1.5, rtol=1e-5)
    density = law.density(jnp.zeros((1, 3)))
    np.testing.assert_array_equal(density, law.law.density(jnp.zeros((1, 3))))


def test_bad_input():
    with pytest.raises(ValueError, match="`energy` must be finite and above 0"):
        jk.laws.Conditioned(Maxwellian(3, 1.0), -1.0)
    with pytest.raises(ValueError, match="`energy` must be finite and above 0"):
        jk.laws.Conditioned(Maxwellian(3, 1.0, mean=2.0), 1.0, momentum=True)
    with pytest.raises(ValueError, match="`momentum` must be False in d = 1"):
        jk.laws.Conditioned(Maxwellian(1), momentum=True)
    with pytest.raises(ValueError, match="`n_particles` must be an integer of at least 2"):
        jk.laws.Conditioned(Maxwellian(3)).sample_velocities(
            1, key=jax.random.key(0), dtype=jnp.float32
        )
