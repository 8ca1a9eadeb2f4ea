"""Profiles of pure annihilation: exponents, the equation they solve, and long runs."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxkin as jk
from jaxkin.drivers.solution import integrate
from jaxkin.equations.annihilation_profile import annihilation_profile
from jaxkin.equations.self_similar import SelfSimilarAnnihilation
from jaxkin.laws.velocities import PowerMaxwellian
from jaxkin.operators.sonine import Sonine

SPHERES = jk.PowerKernel(jnp.float64(1.0), jnp.float64(1.0))


@pytest.mark.parametrize(
    ("dimension", "power", "mass", "temperature"),
    [(3, 0, 0.910, 0.180), (3, 2, 0.947, 0.106), (2, 0, 0.871, 0.259)],
)
def test_exponents_of_hard_spheres(dimension, power, mass, temperature):
    """Computed once by another code, to three digits. (Fault: κ doubled.)"""
    found = annihilation_profile(1.0, power, dimension=dimension)
    assert found.mass_exponent == pytest.approx(mass, abs=6e-4)
    assert found.temperature_exponent == pytest.approx(temperature, abs=6e-4)
    assert found.mass_exponent + found.temperature_exponent / 2 == pytest.approx(1, abs=1e-14)
    assert found.error < 1e-5


@pytest.mark.parametrize(
    ("exponent", "power", "dimension"),
    [(1.0, 0.0, 3), (0.5, 2.0, 3), (0.2, 0.0, 2), (1.0, -1.5, 2), (1.0, -2.9, 3), (1.0, 30.0, 3)],
)
def test_balance_of_energy(exponent, power, dimension):
    """b = (2/d)∫|ξ|² Q₋ − a, which the iteration does not use, with the mean of |ξ−η|^γ by a rule.

    Mass 1 and ∫|ξ|²ψ = d/2 too. The rule in the angle, uniform in θ^{1/3} from the direction in
    which |ξ−η|² may vanish, is good to 1e-5.
    """
    p = annihilation_profile(exponent, power, dimension=dimension)
    mass = p.weights * p.density
    assert mass.sum() == pytest.approx(1, abs=1e-8)  # nodes in volumes that underflow are left out
    assert p.radius**2 @ mass == pytest.approx(dimension / 2, abs=1e-12)
    x, w = np.polynomial.legendre.leggauss(40)
    s, w = (x + 1) / 2, w / 2
    theta, size = np.pi * s**3, 3 * np.pi * s**2 * w
    size = size * np.sin(theta) ** (dimension - 2)
    size /= np.pi if dimension == 2 else 2
    some = mass > 1e-14
    r, mass = p.radius[some], mass[some]
    loss = np.zeros(r.size)
    for angle, weight in zip(theta, size, strict=True):
        square = np.subtract.outer(r, r) ** 2 + 2 * np.outer(r, r) * (1 - np.cos(angle))
        loss += weight * square ** (exponent / 2) @ mass
    a = mass @ loss
    b = 2 / dimension * (mass * r**2) @ loss - a
    assert p.a == pytest.approx(a, rel=1e-5)
    assert p.b == pytest.approx(b, rel=1e-4)


def test_small_exponents():
    """b/γ tends to a number as γ → 0: half of γ halves b, to 10 %."""
    first, second = (annihilation_profile(g, 0.0).b for g in (0.1, 0.05))
    assert second / first == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize(
    ("dimension", "power", "allowed"), [(3, 0.0, 1e-6), (3, 2.0, 1e-5), (2, 0.0, 1e-5)]
)
def test_profile_is_steady_in_sonine_functions(dimension, power, allowed):
    """∂ψ/∂τ of the first six coefficients vanishes, and a and b are those of the loss tensor.

    No common code. Allowed is what degree 32 leaves: from degree 16 on, errors fall a hundredfold.
    (Fault: μ + d − 1 for μ + d in κ.)
    """
    profile = annihilation_profile(1.0, power, dimension=dimension)
    mass = profile.weights * profile.density
    velocity = jnp.asarray(profile.radius)[:, None] * jnp.eye(dimension)[0]
    found = {}
    for degree in (16, 32):
        operator = Sonine(SPHERES, dimension=dimension, degree=degree, width=0.75)
        equation = SelfSimilarAnnihilation(operator, 1.0)
        f = mass[mass > 0] @ operator.basis(velocity[mass > 0])
        rate, a, _, b = equation.scaled_rate(f, equation.prepare())
        gaps = [*np.asarray(rate[:6]), float(a) - profile.a, float(b) - profile.b]
        found[degree] = np.max(np.abs(gaps))
        moved = np.max(np.abs(operator.transport(f, b / 2, 0.0)[:6]))
    assert found[32] < allowed < 0.1 * found[16] and moved > 0.1


@pytest.mark.slow
def test_a_long_run_arrives_at_the_profile():
    """A Maxwellian of hard spheres, α = 1: a to 5e-4 and b to 1 % at τ = 6.4, degree 24."""
    operator = Sonine(SPHERES, degree=24, width=0.75)
    equation = SelfSimilarAnnihilation(operator, 1.0)
    times = jnp.array([0.0, 3e4])
    state = integrate(equation, PowerMaxwellian(3), times, rtol=1e-7, atol=1e-9)
    _, a, _, b = equation.scaled_rate(state.profile[-1], equation.prepare())
    exact = annihilation_profile(1.0, 0.0)
    assert float(a) == pytest.approx(exact.a, rel=5e-4)
    assert float(b) == pytest.approx(exact.b, rel=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exponent": 0.0}, "For γ = 0 every profile is steady"),
        ({"exponent": 1.5}, "`exponent` must lie in"),
        ({"power": -3.0}, "`power` must exceed"),
        ({"dimension": 4}, "`dimension` must be one of"),
        ({"panels": 3}, "`panels` must be an integer of at least 4"),
        ({"power": np.nan}, "`power` must be finite"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        annihilation_profile(**options)
