"""The weak form (1.10): solutions satisfy it, planted faults do not."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.equations.smoluchowski import Smoluchowski
from jaxkin.equations.weak_form import weak_residual
from jaxkin.laws import Inhomogeneous, Polydisperse
from jaxkin.physics.contacts.coagulation_kernels import additive_kernel

TIMES = np.array([0.05, 0.2])
LAW = Polydisperse([0.6, 0.2])


def oscillating(n, x, t):
    return n**1.5 * jnp.exp(jnp.cos(2 * jnp.pi * x[0])) * jnp.cos(3 * t + n)


def field():
    def densities(x):
        angle = 2 * jnp.pi * x[0]
        return jnp.stack([jnp.exp(jnp.cos(angle)), 0.3 + 0.2 * jnp.sin(angle)])

    return Inhomogeneous(densities, maximum=4.0, max_mass=2)


def faulty(fault, gain_only):
    """A Smoluchowski equation with a factor that does not belong there."""

    class Faulty(Smoluchowski):
        def react(self, t, state, prepared):
            change = super().react(t, state, prepared)
            if not gain_only:
                return fault * change
            loss = state[:-1] * (prepared.rate @ state[:-1])
            return change.at[:-1].add((fault - 1) * (change[:-1] + loss))

    return Faulty(additive_kernel, max_mass=5, dimension=1)


@pytest.mark.parametrize("reaction", ["coagulation", "annihilation"])
def test_uniform_solution(reaction):
    equation = Smoluchowski(additive_kernel, max_mass=5, dimension=1, reaction=reaction)
    residual = weak_residual(equation, LAW, TIMES, oscillating, resolution=16)
    assert np.abs(residual).max() < 2e-10


@pytest.mark.slow
def test_field():
    """Diffusion by parts: J and f both vary in space and in time, d depends on the mass."""
    equation = Smoluchowski(additive_kernel, lambda n: 0.1 / n, max_mass=4, dimension=1, modes=24)
    residual = weak_residual(equation, field(), TIMES, oscillating, nodes=12)
    assert np.abs(residual).max() < 1e-10
    wrong = weak_residual(twice_as_fast(equation), field(), TIMES, oscillating, nodes=12)
    assert np.abs(wrong).min() > 1e-2


def twice_as_fast(equation):
    """The same weak form with solutions that diffuse at twice the rate."""

    class TwiceAsFast(Smoluchowski):
        def prepare(self):
            prepared = super().prepare()
            return type(prepared)(prepared.rate, prepared.escaping, 2 * prepared.eigenvalues)

    return TwiceAsFast(
        equation.rate, equation.diffusivity, dimension=equation.dimension, modes=equation.modes
    )


@pytest.mark.parametrize(("fault", "gain_only", "least"), [(2.0, False, 1e-2), (1.01, True, 1e-5)])
def test_a_planted_factor_is_found(fault, gain_only, least):
    """A factor 2 on the whole reaction; 1 % on the gain alone already shows."""
    residual = weak_residual(faulty(fault, gain_only), LAW, TIMES, oscillating)
    assert np.abs(residual).min() > least


def test_bad_arguments():
    equation = Smoluchowski(1.0, max_mass=2)
    with pytest.raises(ValueError, match="`times` must be one-dimensional and above 0"):
        weak_residual(equation, LAW, np.array([0.0, 1.0]), oscillating)
    with pytest.raises(ValueError, match="`nodes` must be a positive integer"):
        weak_residual(equation, LAW, TIMES, oscillating, nodes=0)
