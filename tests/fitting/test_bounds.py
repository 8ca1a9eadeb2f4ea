"""Parameters whose domain has ends of its own: γ in (−2, 1], softness of 1 or more."""

import jax.numpy as jnp
import numpy as np
import pytest

from fitting import fit
from fitting.parametrisation import parametrise
from jaxkin.drivers.solution import solve
from jaxkin.equations.boltzmann import Boltzmann
from jaxkin.laws.velocities import GaussianMixture
from jaxkin.operators import Hermite
from jaxkin.physics.collisions.angles import VariableSoft
from jaxkin.physics.collisions.kernels import MaxwellKernel, PowerKernel
from jaxkin.trajectory import Trajectory

TIMES = jnp.linspace(0.0, 1.5, 6)
TEMPERATURES = (0.5, 0.7)
STRETCHED = jnp.array([[1.3, 0.85, 0.85]])
LAWS = [GaussianMixture([1.0], jnp.zeros((1, 3)), t * STRETCHED) for t in TEMPERATURES]


def equation_of(kernel):
    return Boltzmann(Hermite(kernel, degree=4, width=0.6))


def noisy(equation, law, seed, replicas=40):
    """The stress that the equation predicts, and noise of 1 % of the largest in every replica."""
    exact = np.asarray(solve(equation, law, TIMES, observe=["stress"])["stress"])
    noise = np.random.default_rng(seed).normal(size=(replicas, *exact.shape))
    values = exact + 0.01 * np.abs(exact).max() * noise
    return Trajectory(TIMES, {"stress": values}, None, {"replicas": replicas})


def fitted(truth, template, unknown, *, seed=0, **options):
    data = [noisy(equation_of(truth), law, seed + k) for k, law in enumerate(LAWS)]
    return fit(equation_of(template), LAWS, data, unknown=unknown, observables="stress", **options)


def test_a_soft_potential_is_found():
    """γ = −0.5 within 5 standard errors, and its interval reaches below 0.

    Fails where γ is sought in (0, 1): the estimate stays at 0 and no interval holds the truth.
    """
    result = fitted(PowerKernel(1.0, -0.5), PowerKernel(1.0, 0.7), "kernel.exponent")
    assert result.converged
    assert abs(result.values[0] + 0.5) < 5 * result.errors[0] < 0.25


@pytest.mark.parametrize(
    ("softness", "start", "seed"), [(1.0, 1.2, 0), (1.0, 1.2, 4), (3.0, 2.0, 0)]
)
def test_softness_never_falls_below_one(softness, start, seed):
    """α of variable soft spheres; at α = 1 scatter takes half of all free estimates below it.

    The stress relaxes at the rate 4α/((α + 1)(α + 2)), which has its largest value at α = √2, so
    that a search must start on the side of the truth.
    """
    truth = MaxwellKernel(1.0, VariableSoft(softness))
    template = MaxwellKernel(1.0, VariableSoft(2.5))
    result = fitted(truth, template, "softness", start=start, seed=seed)
    assert result.names == ("operator.kernel.angle.softness",) and result.converged
    assert result.values[0] >= 1 and result.interval()[0, 0] >= 1
    assert abs(result.values[0] - softness) < 5 * result.errors[0] < 0.25 * softness


@pytest.mark.parametrize(
    ("kernel", "path", "start", "message"),
    [
        (PowerKernel(1.0, 0.5), "kernel.exponent", -2.5, "−2"),
        (PowerKernel(1.0, 0.5), "kernel.exponent", 1.0, "1"),
        (MaxwellKernel(1.0, VariableSoft(2.0)), "kernel.angle.softness", 0.5, "1"),
    ],
)
def test_a_start_outside_is_refused_with_the_bounds(kernel, path, start, message):
    with pytest.raises(ValueError, match=f"`start`.*{message}"):
        parametrise(equation_of(kernel), path, start=start)


def test_a_start_inside_is_taken():
    for start in (-1.9, -0.5, 0.99):
        found, theta = parametrise(
            equation_of(PowerKernel(1.0, 0.5)), "kernel.exponent", start=start
        )
        np.testing.assert_allclose(found.natural(theta), start, rtol=1e-12)
