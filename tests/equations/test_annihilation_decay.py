"""Exponents of the decay of annihilating gases: stated, of a long run, of Maxwell molecules."""

import jax.numpy as jnp
import numpy as np
import pytest
from annihilation_cases import MAXWELL, SPHERES

from jaxkin.drivers.solution import integrate
from jaxkin.equations.annihilation_decay import decay
from jaxkin.equations.self_similar import SelfSimilarAnnihilation
from jaxkin.laws.velocities import Maxwellian
from jaxkin.operators.sonine import Sonine


def test_decay():
    """α = ½, hard spheres, d = 3, and its error estimate.

    Computed once at degree 40: ξ = 0.918567, ζ = 0.162866.
    """
    operator = Sonine(SPHERES, degree=16, width=0.5)
    found = decay(SelfSimilarAnnihilation(operator, 0.5))
    assert float(found.mass_exponent) == pytest.approx(0.918567, abs=float(found.error))
    assert float(found.temperature_exponent) == pytest.approx(0.162866, abs=float(found.error))
    assert float(found.error) < 2e-4
    assert float(found.mass_exponent + found.temperature_exponent / 2) == pytest.approx(1)


@pytest.mark.slow
def test_a_long_run_decays_so():
    """Newton's exponents against slopes of a long run; the slowest mode is e^{−0.48τ}, τ > 20."""
    operator = Sonine(SPHERES, degree=12, width=0.5)
    equation = SelfSimilarAnnihilation(operator, 0.5)
    found = decay(equation)
    state = integrate(equation, Maxwellian(3), jnp.array([1e12, 1e13]), rtol=1e-8)
    for values, exponent in (
        (state.log_density, found.mass_exponent),
        (state.log_temperature, found.temperature_exponent),
    ):
        slope = -float(values[1] - values[0]) / np.log(10)
        assert slope == pytest.approx(float(exponent), abs=1e-5)


def test_decay_of_maxwell_molecules():
    """γ = 0: the profile is the Maxwellian, n ~ 1/t, and T stays."""
    found = decay(SelfSimilarAnnihilation(Sonine(MAXWELL, degree=8, width=0.5), 0.3))
    np.testing.assert_allclose(found.profile, jnp.eye(5)[0], atol=1e-12)
    assert float(found.mass_exponent) == pytest.approx(1)
    assert abs(float(found.temperature_exponent)) < 1e-12
