"""Exact relaxation of moments, law of collision by law of collision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from moments_cases import SKEWED, TIMES, Atoms, coefficients, rates, slope

import jaxkin as jk
from jaxkin import collision_laws as cl
from jaxkin.laws.velocities import BKW, GaussianMixture, Maxwellian
from jaxkin.operators.moments import Moments

HOT = GaussianMixture([1.0], [[0.0, 0.0, 0.0]], [[2.0, 0.5, 0.5]])  # traceless stress 1


@pytest.mark.parametrize("d", [2, 3])
def test_bkw(d):
    """⟨|v|⁴⟩ = d(d+2)K(2−K) and ⟨|v|⁶⟩ = d(d+2)(d+4)K²(3−2K); a particle collides at rate 1."""
    equation = Moments(cl.Binary(), dimension=d, rate=0.5)
    solution = jk.solve(jk.Boltzmann(equation), BKW.at(6.5, d), TIMES)
    K = -np.expm1(-(6.5 + np.asarray(TIMES)) * (d - 1) / (4 * d))
    exact = d * (d + 2) * np.stack([K * (2 - K), (d + 4) * K**2 * (3 - 2 * K)], 1)
    np.testing.assert_allclose(solution["moments"], exact, rtol=1e-9)
    np.testing.assert_allclose(solution["density"], 1, rtol=1e-13)
    np.testing.assert_allclose(solution["momentum"], 0, atol=1e-13)
    np.testing.assert_allclose(solution["energy"], d / 2, rtol=1e-12)


@pytest.mark.parametrize(
    ("laws", "weights", "options", "rate"),
    [
        (cl.Binary(), None, {"rate": 0.5}, 1 / 2),
        (cl.Binary("omega"), None, {}, 4 / 5),
        (cl.Symmetric(2, momentum=True), None, {}, 4 / 5),
        (cl.Symmetric(2), None, {}, 4 * 2 / 8),
        (cl.Symmetric(3, momentum=True), None, {}, 4 * 2 / 8),
        ([cl.Symmetric(2), cl.Symmetric(3)], [0.4, 0.6], {}, 0.4 * 8 / 8 + 0.6 * 12 / 11),
        (cl.Rotation(), None, {}, 4 / 5),
    ],
    ids=["σ", "ω", "K=2, momentum", "K=2", "K=3, momentum", "K=2 and 3", "K=1"],
)
def test_stress(laws, weights, options, rate):
    """e^{−t/2} at collision rate 1; Σβ_K 4K/(dK+2), and 4(K−1)/(d(K−1)+2) with momentum."""
    equation = Moments(laws, weights, degree=2, **options)
    _, change = slope(equation, HOT)
    found = [float(change[a]) for a in ((2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0))]
    np.testing.assert_allclose(found, rate * np.array([-1, 0.5, 0.5, 0]), atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_mean_velocity_decays_without_momentum(d):
    """At rate (2/d)Σβ_K whatever the orders, and not at all with momentum."""
    laws = [cl.Symmetric(2), cl.Symmetric(3), cl.Symmetric(2, momentum=True)]
    equation = Moments(laws, [0.2, 0.3, 0.5], dimension=d, degree=2)
    moments, change = slope(equation, SKEWED[d])
    for a in np.eye(d, dtype=int):
        exact = -2 / d * 0.5 * float(moments[tuple(a)])
        assert float(change[tuple(a)]) == pytest.approx(exact, rel=1e-11)


def test_symmetric_collisions_of_order_four_in_two_dimensions():
    law = GaussianMixture([1.0], [[0.0, 0.0]], [[1.5, 0.5]])
    equation = Moments(cl.Symmetric(4, momentum=True), dimension=2, degree=4)
    _, change = slope(equation, law)
    assert float(change[2, 0]) == pytest.approx(-0.5 * 4 * 3 / (2 * 3 + 2), rel=1e-11)


def test_kac_toy():
    """d⟨v⁴⟩/dt = −½⟨v⁴⟩ + (3/2)⟨v²⟩², from three atoms."""
    law = Atoms(jnp.array([[0.0], [1.0], [-3.0]]), jnp.array([0.5, 0.375, 0.125]))
    moments, change = slope(Moments(cl.KacToy(), dimension=1), law)
    exact = -0.5 * moments[4,] + 1.5 * moments[2,] ** 2
    assert float(change[4,]) == pytest.approx(float(exact), abs=1e-12)
    assert abs(float(change[2,])) < 1e-13


@pytest.mark.parametrize("order", [2, 3])
def test_bobylev_cercignani_gamba(order):
    """m₁′ = K E[a+(K−1)b−1] m₁; with m₁ = 0, m₂′ = K E[a²+(K−1)b²−1] m₂."""
    law = cl.BobylevCercignaniGamba(order, coefficients)
    equation = Moments(law, dimension=1, degree=4)
    x, w = np.polynomial.hermite_e.hermegauss(100)
    a, b = (np.asarray(jax.vmap(coefficients)(x[:, None])[i]) for i in (0, 1))
    w = w / w.sum()
    moments, change = slope(equation, SKEWED[1])
    exact = order * (w @ (a + (order - 1) * b) - 1) * moments[1,]
    assert float(change[1,]) == pytest.approx(float(exact), abs=1e-8)
    moments, change = slope(equation, Maxwellian(1, 0.7))
    exact = order * (w @ (a**2 + (order - 1) * b**2) - 1) * moments[2,]
    assert float(change[2,]) == pytest.approx(float(exact), abs=1e-8)
    # A jump times an odd function leaves a kink in the radius, which costs digits of E ab.
    assert 1e-7 < equation.angle_error() < 1e-3


def test_fixed_coefficients_that_keep_the_energy():
    """a² + (K−1)b² = 1 and 2ab + (K−2)b² = 0: a = 1/3, b = −2/3 for K = 3."""
    law = cl.BobylevCercignaniGamba(3, (1 / 3, -2 / 3))
    moments, change = slope(Moments(law, dimension=2, degree=4), SKEWED[2])
    assert abs(float(change[2, 0] + change[0, 2])) < 1e-12
    assert float(change[1, 0]) == pytest.approx(3 * (1 / 3 - 4 / 3 - 1) * float(moments[1, 0]))


def test_thermostat():
    """K = 1: m_a relaxes at rate 1 to the moments of a Gaussian, at any degree."""
    equation = Moments(cl.Thermostat(3.0), dimension=2)
    bath = equation.project(Maxwellian(2, 3.0))
    moments, change = rates(equation, SKEWED[2])
    np.testing.assert_allclose(change, bath - moments, rtol=1e-11, atol=1e-11)
