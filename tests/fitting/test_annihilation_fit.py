"""α, C and γ of annihilating gases from n(t) and T(t), and what n(t) alone does not tell."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fitting import fit, fit_batches
from jaxkin.drivers.simulation import simulate
from jaxkin.laws.velocities import GaussianMixture, Maxwellian
from jaxkin.operators import Hermite, Sonine
from jaxkin.particles.annihilation import AnnihilatingGas
from jaxkin.physics.collisions.kernels import MaxwellKernel, PowerKernel

PAIR = ("operator.kernel.strength", "operator.kernel.exponent")


@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.9])
def test_alpha_is_recovered(alpha):
    """Hard spheres: within 4 standard errors, and known to 2 %.

    R = 20 replicas of N = 2000: the bias of n is below 0.3/N, a tenth of its standard error.
    """
    gas = AnnihilatingGas(2000, np.float64(alpha), PowerKernel(1.0, 1.0))
    times = jnp.linspace(0, 3, 5) / alpha / 2
    law = Maxwellian(3)
    data = simulate(
        gas, law, times, key=jax.random.key(1), replicas=20, observe=["density", "energy"]
    )
    equation = gas.kinetic_limit(Sonine(degree=16, width=0.8))
    result = fit(equation, law, data, unknown="alpha", observables=("density", "energy"))
    assert result.converged
    assert abs(float(result.values[0]) - alpha) < 4 * float(result.errors[0])
    assert float(result.errors[0]) < 0.02 * alpha


def test_maxwell_density_sees_the_product_only():
    """α and C from n(t): not identified, and said so; with the stress of a start out of balance."""
    gas = AnnihilatingGas(2000, 0.4, MaxwellKernel(1.5))
    law = GaussianMixture([1.0], jnp.zeros((1, 3)), jnp.array([[1.4, 0.8, 0.8]]))
    times = jnp.linspace(0, 3, 7)
    data = simulate(
        gas, law, times, key=jax.random.key(2), replicas=40, observe=["density", "stress"]
    )
    equation = gas.kinetic_limit(Hermite(degree=4))
    both = ("alpha", "operator.kernel.strength")
    with pytest.warns(UserWarning, match="do not identify alpha, operator.kernel.strength"):
        result = fit(equation, law, data, unknown=both, observables=("density",))
    assert np.all(np.isnan(np.asarray(result.values, float)))
    result = fit(equation, law, data, unknown=both, observables=("density", "stress"))
    z = (np.asarray(result.values) - [0.4, 1.5]) / np.asarray(result.errors)
    assert np.all(abs(z) < 4)
    assert np.all(np.asarray(result.errors) < [0.04, 0.16])


@pytest.mark.slow
def test_strength_and_exponent_are_recovered():
    """C and γ from n(t) and T(t), which falls for γ > 0; α is known."""
    gas = AnnihilatingGas(4000, 0.5, PowerKernel(1.3, 0.6))
    law, times = Maxwellian(3), jnp.linspace(0, 8, 9)
    data = simulate(
        gas, law, times, key=jax.random.key(3), replicas=40, observe=["density", "energy"]
    )
    equation = gas.kinetic_limit(Sonine(degree=12, width=0.8))
    result = fit(equation, law, data, unknown=PAIR, observables=("density", "energy"))
    z = (np.asarray(result.values) - [1.3, 0.6]) / np.asarray(result.errors)
    assert np.all(abs(z) < 4)
    assert np.all(np.asarray(result.errors) < [0.03, 0.1])


@pytest.mark.slow
def test_intervals_of_alpha_cover():
    """93–97 % of the 95 % intervals of 1000 data sets, each of 20 gases of N = 1000, hold α."""
    sets, replicas = 1000, 20
    gas = AnnihilatingGas(1000, 0.3)
    law, times = Maxwellian(3), jnp.linspace(0, 6, 5)
    data = simulate(
        gas, law, times, key=jax.random.key(4), replicas=sets * replicas, observe=["density"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fit_batches(
            gas.kinetic_limit(Sonine(degree=2)),
            law,
            data,
            batches=sets,
            unknown="alpha",
            observables=("density",),
        )
    assert found.converged.all()
    # The standard error of a share of .95 of 1000 is .007.
    assert 0.93 <= found.coverage([0.3])[0] <= 0.97
    assert abs(found.bias([0.3])[0]) < 0.2


@pytest.mark.slow
def test_all_three_together():
    """α, C and γ from n(t) and the stress of two beams, at 4 standard errors.

    With the energy in place of the stress only γ is seen, and said so; n(t) shows γ alone.
    """
    truth = np.array([0.42, 1.7, 0.55])
    gas = AnnihilatingGas(2001, 0.42, PowerKernel(1.7, 0.55), volume=1500.0)
    beams = jnp.array([[0.6, 0.0, 0.0], [-0.6, 0.0, 0.0]])
    law = GaussianMixture([0.5, 0.5], beams, jnp.array([[0.6, 0.6, 0.6]] * 2))
    data = simulate(
        gas,
        law,
        jnp.linspace(0, 4, 9),
        key=jax.random.key(8),
        replicas=60,
        observe=["density", "energy", "stress"],
    )
    equation = gas.kinetic_limit(Hermite(degree=6, width=0.8))
    three = ("alpha", *PAIR)
    result = fit(equation, law, data, unknown=three, observables=("density", "stress"))
    z = (np.asarray(result.values) - truth) / np.asarray(result.errors)
    assert np.all(abs(z) < 4), z
    assert np.all(np.asarray(result.errors) < 0.15 * truth)
    with pytest.warns(UserWarning, match="do not identify"):
        result = fit(equation, law, data, unknown=three, observables=("density", "energy"))
    assert np.all(np.isnan(np.asarray(result.values, float)[:2]))
    result = fit(equation, law, data, unknown=PAIR[1], observables=("density",))
    assert abs(float(result.values[0]) - 0.55) < 4 * float(result.errors[0])
    assert float(result.errors[0]) < 0.02
