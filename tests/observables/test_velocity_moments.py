"""Histograms and the entropy as observables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.observables import (
    CharacteristicFunction,
    Coordinates,
    Entropy,
    Histogram,
    Weighted,
)


def test_histogram_by_brute_force():
    """Bins [e_k, e_{k+1}) of one component; what lies outside is in none."""
    v = jnp.asarray(np.random.default_rng(1).normal(size=(200, 2)))
    edges = [-1.0, -0.2, 0.5, 2.0]
    measured = Weighted(jnp.full(200, 1 / 200), Coordinates(velocity=v))
    found = Histogram(edges, axis=1).of_particles(measured)
    expected = np.histogram(np.asarray(v)[:, 1], edges)[0] / 200
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert expected.sum() < 0.99
    with pytest.raises(ValueError, match="`edges` must hold at least two numbers that increase"):
        Histogram([0.0, 0.0])


def test_particles_have_no_entropy():
    with pytest.raises(ValueError, match="needs a density"):
        jk.simulate(
            jk.KacGas(4),
            jk.laws.Maxwellian(3),
            jnp.array([0.0, 0.1]),
            key=jax.random.key(0),
            observe=[Entropy()],
        )


def test_waves_of_another_dimension_are_refused():
    measured = Weighted(jnp.ones(3), Coordinates(velocity=jnp.ones((3, 2))))
    with pytest.raises(ValueError, match="`wave_vectors` must have the dimension 2 of the veloc"):
        CharacteristicFunction([(1.0, 0.0, 0.0)]).of_particles(measured)
    gas = jk.KacGas(4, kernel=jk.MaxwellKernel(1.0), dimension=2)
    operator = gas.kinetic_limit(jk.operators.Hermite(degree=3)).operator
    density = operator.measure(operator.project(jk.laws.Maxwellian(2)))
    with pytest.raises(ValueError, match="`wave_vectors` must have the dimension 2 of the veloc"):
        CharacteristicFunction([(1.0, 0.0, 0.0)]).of_density(density)
