"""Annihilation: exact solutions of Maxwell molecules, gradients, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from annihilation_cases import FOURTH, MAXWELL, PLANAR, SPHERES, TIMES

import jaxkin as jk
from jaxkin.drivers.solution import integrate
from jaxkin.equations.annihilation import Annihilation
from jaxkin.equations.annihilation_decay import decay
from jaxkin.equations.self_similar import SelfSimilarAnnihilation
from jaxkin.laws.velocities import BKW, GaussianMixture, Maxwellian
from jaxkin.numerics.domains import Interval
from jaxkin.operators.hermite import Hermite
from jaxkin.operators.sonine import Sonine
from jaxkin.physics.collisions.kernels import BoundedKernel


@pytest.mark.parametrize(
    "operator",
    [
        Hermite(MAXWELL, dimension=2, degree=6),
        Sonine(MAXWELL, degree=8),
    ],
    ids=["hermite", "radial"],
)
@pytest.mark.parametrize("cls", [Annihilation, SelfSimilarAnnihilation])
def test_maxwell_molecules(operator, cls):
    """n = 1/(1+αt) and f = n·BKW at τ₀ + (1−α) ln(1+αt)/α: ⟨|v|⁴⟩ = n d(d+2)K(2−K).

    Moments are closed, so that only the tolerance of `solve` is left.
    (Fault: α Q₋ twice.)
    """
    alpha, d = 0.4, operator.dimension
    start = 6.5
    solution = jk.solve(cls(operator, alpha), BKW.at(start, d), TIMES)
    n = 1 / (1 + alpha * TIMES)
    clock = start + (1 - alpha) * jnp.log1p(alpha * TIMES) / alpha
    K = 1 - jnp.exp(-(d - 1) / (4 * d) * clock)
    np.testing.assert_allclose(solution["density"], n, rtol=1e-8)
    np.testing.assert_allclose(solution["energy"], n * d / 2, rtol=1e-8)
    np.testing.assert_allclose(solution["moments"][:, 0], n * d * (d + 2) * K * (2 - K), rtol=1e-8)


@pytest.mark.parametrize("cls", [Annihilation, SelfSimilarAnnihilation])
def test_maxwell_molecules_on_the_grid(cls):
    """As above, all of f: the operator errs by 5e-6 in L∞ on this grid (published ladder)."""
    scale = 1.0 if cls is Annihilation else 0.5**0.5
    options = {"points": 32, "support": 4.0 * scale, "half_width": 8.6 * scale}
    equation = cls(jk.operators.Fourier(MAXWELL, dimension=2, **options), 0.4)
    state = integrate(equation, BKW.at(6.5, 2), TIMES, rtol=1e-6, atol=1e-8)
    law = BKW.at(6.5 + 0.6 * float(jnp.log1p(0.8)) / 0.4, 2)
    n, v = 1 / 1.8, jnp.asarray(equation.operator.velocities()) / scale
    if cls is Annihilation:
        found = state[-1]
    else:
        found = jnp.exp(state.log_density[-1]) * state.profile[-1] * scale**2
        np.testing.assert_allclose(state.log_temperature[-1], 0, atol=1e-5)
    np.testing.assert_allclose(found, n * law.density(v), atol=3e-5)


# Gradients.


@pytest.mark.slow
def test_gradients_of_a_rate():
    """∂/∂(α, C, γ) of ⟨|v|⁴⟩ of the rate, and of the exponent, against central differences."""

    def rate(p):
        operator = Hermite(jk.PowerKernel(p[1], p[2]), dimension=2, degree=4)
        equation = Annihilation(operator, p[0])
        change = equation.rate_of_change(0.0, equation.project(PLANAR), equation.prepare())
        return equation.observe(change, FOURTH)

    def exponent(p):
        operator = Sonine(jk.PowerKernel(p[1], p[2]), degree=8, width=0.5)
        return decay(SelfSimilarAnnihilation(operator, p[0])).mass_exponent

    at, h = jnp.array([0.4, 1.2, 0.6]), 1e-4
    for function in (jax.jit(rate), jax.jit(exponent)):
        found = np.asarray(jax.grad(function)(at))
        slopes = [float(function(at + h * e) - function(at - h * e)) / (2 * h) for e in jnp.eye(3)]
        np.testing.assert_allclose(found, slopes, rtol=1e-5, atol=1e-9)
        assert np.max(np.abs(slopes)) > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("cls", [Annihilation, SelfSimilarAnnihilation])
def test_gradient_through_solve(cls):
    """∂n(1)/∂α and ∂/∂C against central differences."""

    @jax.jit
    def density(p):
        operator = Sonine(jk.PowerKernel(p[1], 1.0), dimension=2, degree=4, width=0.6)
        times = jnp.array([1.0])
        return jk.solve(cls(operator, p[0]), Maxwellian(2, 0.8), times, observe=["density"])[
            "density"
        ][0]

    at, h = jnp.array([0.4, 1.2]), 1e-4
    slopes = [float(density(at + h * e) - density(at - h * e)) / (2 * h) for e in jnp.eye(2)]
    np.testing.assert_allclose(jax.grad(density)(at), slopes, rtol=1e-5)


# Input.


def test_bad_input():
    operator = Hermite(SPHERES, dimension=2, degree=3)
    for alpha in (-0.1, 1.1, jnp.nan):
        with pytest.raises(ValueError, match="`alpha` must be"):
            Annihilation(operator, alpha)
    with pytest.raises(ValueError, match="`alpha` must be a number"):
        Annihilation(operator, [0.1, 0.2])
    with pytest.raises(ValueError, match="`operator` must be an operator"):
        Annihilation(jk.MaxwellKernel(), 0.5)
    bounded = Hermite(BoundedKernel(SPHERES, 1.0), dimension=2, degree=3)
    Annihilation(bounded, 0.5)
    with pytest.raises(ValueError, match="`kernel` must be homogeneous"):
        SelfSimilarAnnihilation(bounded, 0.5)
    with pytest.raises(ValueError, match="2 dimensions"):
        jk.solve(SelfSimilarAnnihilation(operator, 0.5), Maxwellian(3), TIMES)
    radial = Sonine(SPHERES, degree=8, width=0.5)
    with pytest.raises(ValueError, match="isotropic"):
        law = GaussianMixture([1.0], [[0.0] * 3], [[1.0, 1.0, 0.7]])
        jk.solve(SelfSimilarAnnihilation(radial, 0.5), law, TIMES)
    for alpha in (0.0, 1.0):
        with pytest.raises(ValueError, match="`alpha` must lie in"):
            decay(SelfSimilarAnnihilation(radial, alpha))
    with pytest.raises(ValueError, match="`equation` must hold a `Sonine`"):
        decay(SelfSimilarAnnihilation(operator, 0.5))
    names = Annihilation(operator, 0.5).domains()
    assert names["alpha"] == Interval(0.0, 1.0)
    assert names["operator.kernel.exponent"] == Interval(-2.0, 1.0, "(]")
