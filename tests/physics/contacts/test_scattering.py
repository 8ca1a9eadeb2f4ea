"""The recipe (1.8)–(1.9) on any profile: identities, limits, scalings and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxkin.physics.contacts.interactions import (
    Ball,
    Bump,
    Ellipsoid,
    Parabola,
    Radial,
)
from jaxkin.physics.contacts.scattering import (
    coagulation_rate,
    collision_probability,
    gross_pitaevskii_length,
    scattering_length,
)


def wave(r, k):
    """A profile without closed form."""
    return jnp.where(r <= 1, 1.2 + jnp.cos(k * r), 0.0)


def test_plane():
    """(2.4); on the disc A = πα, not α. (Fault: ∫V taken for 1.)"""
    alpha, D = 3.0, 0.8
    A = np.pi * alpha
    expected = 2 * np.pi * D * A / (2 * np.pi * D + A)
    np.testing.assert_allclose(
        coagulation_rate(alpha, D, Ball(), dimension=2), expected, rtol=1e-14
    )
    np.testing.assert_allclose(
        coagulation_rate(1e12, D, Bump(), dimension=2), 2 * np.pi * D, rtol=1e-10
    )
    E = Ellipsoid([1.0, 0.5])
    A = alpha * E.integral(2)
    np.testing.assert_allclose(
        coagulation_rate(alpha, D, E, dimension=2), 1 / (1 / A + 1 / (2 * np.pi * D)), rtol=1e-14
    )


@pytest.mark.parametrize("V", [Radial(wave, 5.0), Bump(2.0), Parabola(1.5, 1.0)])
def test_limits_of_weak_and_strong_interaction(V):
    """β = α∫V(1 − O(α/D)), and β ≤ 4πD, the capacity, approached as α grows."""
    np.testing.assert_allclose(coagulation_rate(1e-9, 1.0, V), 1e-9 * V.integral(3), rtol=1e-8)
    rates = coagulation_rate(np.array([1e1, 1e2, 1e3, 1e4]), 1.0, V) / (4 * np.pi)
    assert np.all(np.diff(rates) > 0) and rates[-1] < 1
    assert rates[-1] > 0.75
    np.testing.assert_allclose(
        coagulation_rate(1e6, 1.0, Ball()) / (4 * np.pi), 1 - 1e-3, rtol=1e-6
    )


@pytest.mark.parametrize("k", [2.0, 6.0])
def test_tail_of_u_gives_the_rate(k):
    """β = 4πD a with a from u at |x| = 1 and 7, and β = α∫V(1−u) by another quadrature: 1e-8."""
    alpha, D, V = 12.0, 1.3, Radial(wave, k)
    u = collision_probability(alpha, D, V)
    beta = coagulation_rate(alpha, D, V)
    for r in (1.0, 1.5, 7.0):
        np.testing.assert_allclose(4 * np.pi * D * r * u.profile(r), beta, rtol=1e-8)
    # Flux through the sphere, from inside the support, where nothing but the equation fixes u′.
    np.testing.assert_allclose(-4 * np.pi * D * jax.grad(u.profile)(1.0), beta, rtol=1e-8)
    r, w = np.polynomial.legendre.leggauss(50)
    r, w = (r + 1) / 2, w / 2
    shell = 4 * np.pi * r**2 * V.profile(r) * (1 - u.profile(r))
    np.testing.assert_allclose(alpha * np.sum(w * shell), beta, rtol=1e-8)


def test_u_satisfies_the_equation():
    """−u″ − 2u′/r = (α/D)V(1−u) by automatic differentiation, and 0 ≤ u ≤ 1, decreasing."""
    alpha, D, V = 12.0, 1.3, Radial(wave, 5.0)
    u = collision_probability(alpha, D, V)
    r = jnp.linspace(0.05, 0.99, 40)
    slope, bend = jax.vmap(jax.grad(u.profile))(r), jax.vmap(jax.grad(jax.grad(u.profile)))(r)
    residual = bend + 2 * slope / r + alpha / D * V.profile(r) * (1 - u.profile(r))
    # Two derivatives of 20 Legendre terms on a panel of width 0.02 amplify 1e-16 by 20⁴·100².
    assert np.max(np.abs(residual)) < 1e-5
    values = u(jnp.linspace(0, 3, 50)[:, None] * jnp.array([0.6, 0.0, 0.8]))
    assert np.all((values > 0) & (values < 1)) and np.all(np.diff(values) < 0)


def test_radii_rescale_the_rate():
    """V of range R, as R⁻²V(x/R), has β = R^{d−2}β₀ (section 2.4.2). (Fault: R^{d−1}.)"""
    R = 0.5
    small = Radial(lambda r: Bump().profile(r / R) / R**2, breakpoints=(0.4, 0.49, R))
    for d in (3, 4, 5):
        np.testing.assert_allclose(
            coagulation_rate(9.0, 1.1, small, dimension=d),
            R ** (d - 2) * coagulation_rate(9.0, 1.1, Bump(), dimension=d),
            rtol=1e-11,
        )


def test_reverse_forward_and_finite_differences_agree():
    at = jnp.array([12.0, 1.3, 5.0, 0.9])

    def f(p):
        return coagulation_rate(p[0], p[1], Radial(wave, p[2], height=p[3]))

    reverse = jax.grad(f)(at)
    np.testing.assert_allclose(jax.jacfwd(f)(at), reverse, rtol=1e-12)
    step = 1e-5
    finite = [(f(at + step * e) - f(at - step * e)) / (2 * step) for e in jnp.eye(4)]
    # Truncation step²f‴/6 and rounding 1e-14/step are below 1e-8.
    np.testing.assert_allclose(reverse, finite, rtol=1e-7)


def test_scattering_lengths():
    """a of the ball is 1 − tanh κ/κ; 8πa₀ = ∫V(1−ω₀) with α/D = 1/2."""
    np.testing.assert_allclose(
        scattering_length(Ball(), coupling=9.0), 1 - np.tanh(3) / 3, rtol=1e-12
    )
    k = np.sqrt(2.5)
    np.testing.assert_allclose(gross_pitaevskii_length(Ball(5.0)), 1 - np.tanh(k) / k, rtol=1e-12)
    V = Radial(wave, 5.0)
    omega = collision_probability(0.5, 1.0, V)
    r, w = np.polynomial.legendre.leggauss(40)
    r, w = (r + 1) / 2, w / 2
    whole = np.sum(w * 4 * np.pi * r**2 * V.profile(r) * (1 - omega.profile(r)))
    np.testing.assert_allclose(8 * np.pi * gross_pitaevskii_length(V), whole, rtol=1e-10)


def test_intermediate_scaling_sees_no_repulsion():
    """β = α∫V for γ < 1 (section 3.4), and it does not depend on D."""
    V = Bump(2.0)
    rate = coagulation_rate(50.0, 1.0, V, range_exponent=0.5)
    np.testing.assert_allclose(rate, 50.0 * V.integral(3), rtol=1e-14)
    assert coagulation_rate(50.0, 1.0, V) < 0.5 * rate
